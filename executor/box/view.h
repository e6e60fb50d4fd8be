/* The host's files as a program of tier B may use them. */
#ifndef SENTINEL_BOX_VIEW_H
#define SENTINEL_BOX_VIEW_H

#include "landlock.h"

/* An init's: the ruleset of one run, with what was granted, its work directory and its tmp. A descriptor or -errno, and
 * `step` names what failed. */
int view_ruleset(const struct config *config, const int run_fds[], size_t run_fd_count, char step[128]) MUST_USE;
int view_add_self(int ruleset_fd) MUST_USE; /* the program's: its own /proc entry. -1 on failure */

/* Moves /work and /tmp in the environment into `scratch`, and BOX_LANGUAGES in environment and arguments to where it
 * is. Arguments are else left: they may be data. */
void view_move_words(struct request *r, const struct config *config, const char *scratch);

#endif
