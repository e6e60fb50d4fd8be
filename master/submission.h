/* What a client posted, made into the job model, strictly: every field known, typed, in range. Pure. */
#ifndef SENTINEL_SUBMISSION_H
#define SENTINEL_SUBMISSION_H

#include "job.h"
#include "json.h"
#include "lang.h"

/* What may be asked for: settings of the service. */
struct submission_rules {
    const struct lang_table *langs;
    struct limits most;     /* of each limit */
    int64_t max_code_bytes; /* all files together */
    int64_t max_tests;
    int64_t max_files;
    bool callbacks; /* callbackUrl may be given */
};

/* From the native dialect's JSON. EBADMSG: malformed, the message has the position. EINVAL: err.field is the path of
 * the field ("testCases[3].expected") and the message says what is allowed. */
int submission_parse(const char *text, size_t len, const struct submission_rules *rules, struct submission *ret_s,
                     struct err *err) MUST_USE;

/* The same of one value of a document that json_parse took. */
int submission_read(const cJSON *root, const struct submission_rules *rules, struct submission *ret_s, struct err *err)
    MUST_USE;

#endif
