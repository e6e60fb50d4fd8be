/* Tier B's directories: one for the box, in it one run's `work` and `tmp`. */
#ifndef SENTINEL_BOX_SCRATCH_H
#define SENTINEL_BOX_SCRATCH_H

#include "request.h"

#include <limits.h>

struct scratch_use {
    uint64_t bytes, inodes;
};

/* Removes what dead boxes left: how many directories, or -errno. */
int scratch_sweep(const struct config *config);
/* Removes what dead boxes left, then makes the box's directory for `owner`, and locks it. A descriptor, or -errno. */
int scratch_create(const struct config *config, uid_t owner, char ret_path[PATH_MAX]);
void scratch_clear(int fd); /* removes everything in it; nothing that could change it may be alive */
void scratch_destroy(int *fd, const char *path);

/* What a run may take more than there was at its begin. On a file system that others use too, files that are deleted
 * and still open are not seen, nor what is deeper than 32 directories. */
void scratch_begin(int fd, struct scratch_use *ret_start); /* what is free */
bool scratch_is_over(int fd, const struct scratch_use *start, const struct scratch_use *most);

#endif
