/* What a run's reply from the box means: the verdict, and the sentence that is its evidence. Pure. */
#ifndef SENTINEL_VERDICT_H
#define SENTINEL_VERDICT_H

#include "box/box_protocol.h"
#include "lang.h"

enum { VERDICT_REASON_SIZE = 256 };

/* The verdict of a reply with status BOX_OK and a cause that is not CANCEL, for a run of `step` under `limits`.
 * VERDICT_ACCEPTED: it ended by itself with exit code 0, and its output is yet to be compared. errout: what was kept of
 * stderr. `reason` (VERDICT_REASON_SIZE bytes) is "" when there is none. */
enum verdict verdict_of_reply(const struct box_reply *reply, const struct lang_step *step, const struct limits *limits,
                              const char *errout, char *reason);

/* A wall-time breach that is the host's fault: the program's threads spent at least half of the wall time waiting for
 * a processor, and all together they got less than half of the CPU time that their `cpus` allow. The second is what a
 * program cannot arrange: its own quota and its own threads make it wait, but only after it got its share. */
bool verdict_contended(const struct box_reply *reply, const struct limits *limits);

#endif
