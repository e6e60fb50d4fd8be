/* Landlock, by its own constants. All return -1 and set errno on failure. */
#ifndef SENTINEL_BOX_LANDLOCK_H
#define SENTINEL_BOX_LANDLOCK_H

#include "util.h"

enum {
    LANDLOCK_NET_ABI = 4,
    LANDLOCK_SCOPES_ABI = 6,
};

/* Rights of a rule about a path and what is beneath it. */
enum {
    LANDLOCK_EXECUTE = 1 << 0,
    LANDLOCK_WRITE = 1 << 1,
    LANDLOCK_READ = 1 << 2 | 1 << 3, /* files, directories */
    /* and remove, make and rename all but devices and sockets, and truncate */
    LANDLOCK_CHANGE = LANDLOCK_EXECUTE | LANDLOCK_WRITE | LANDLOCK_READ | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 10 |
                      1 << 12 | 1 << 13 | 1 << 14,
};

uint32_t landlock_version(void); /* 0: none */
/* A ruleset without a right that a program needs: nothing about files. -1 too when the version has none of what it
 * refuses. */
int landlock_fence(uint32_t abi) MUST_USE;
int landlock_outer_fence(void) MUST_USE; /* the same, for domains with landlock_files() in them */
int landlock_files(void) MUST_USE;       /* the fence and no file at all */
int landlock_grant(int ruleset_fd, int path_fd, uint64_t rights) MUST_USE;
int landlock_restrict(int ruleset_fd) MUST_USE; /* from now on, this process and all that it starts */

#endif
