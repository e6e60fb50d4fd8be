/* Sums over a process and all its descendants, from /proc. */
#ifndef SENTINEL_BOX_TREE_H
#define SENTINEL_BOX_TREE_H

#include "util.h"

struct tree_usage {
    uint64_t cpu_us;
    uint64_t memory_bytes;
    uint64_t runqueue_us;
    uint32_t tasks; /* processes and threads; a walk is no snapshot, and may count one twice */
};
void tree_reset(void); /* forgets the run before */
/* Looks at no more than about `most_tasks`. */
void tree_sample(pid_t root, uint32_t most_tasks, struct tree_usage *ret_usage);

#endif
