/* An errand to the executors, on behalf of an admin's call: told, and asked after until all who heard it have ended it.
 */
#ifndef SENTINEL_ERRAND_H
#define SENTINEL_ERRAND_H

#include "call.h"
#include "store.h"

#include <cjson/cJSON.h>

/* What an executor said last, for a language. It may be of another release: nothing is certain to be there. */
struct errand_answer {
    const char *language;
    const char *executor;
    const cJSON *said; /* an object */
    const char *state; /* "waiting", "running", "done" or "failed" */
};

struct errand_report {
    const struct errand_answer *answers;
    size_t count;
    int64_t silent; /* heard it, and said nothing */
    bool ended;     /* all who heard it are done, or have failed */
};

/* `answer` answers the call, once, when all have ended or wait_ms are over; with err when the store failed. It is not
 * called when the client left. */
void errand_start(struct call *call, enum store_errand_kind kind, int64_t wait_ms,
                  void (*answer)(struct call *call, const struct err *err, const struct errand_report *report));

#endif
