/* The host's files as a program of tier B may use them. */
#ifndef SENTINEL_BOX_VIEW_H
#define SENTINEL_BOX_VIEW_H

#include "landlock.h"

/* The launcher's: opens what was granted. 0 or -errno, and `step` names what failed. */
int view_setup(const struct config *config, char step[128]) MUST_USE;

/* An init's: the ruleset of one run, with its work directory and its tmp. 0 or -errno. */
int view_ruleset(const int run_fds[2], int *ret_fd) MUST_USE;
int view_add_self(int ruleset_fd) MUST_USE; /* the program's: its own /proc entry. -1 on failure */

/* Moves /work and /tmp in the environment into `scratch`, and BOX_LANGUAGES in environment and arguments to where it
 * is. Arguments are else left: they may be data. */
void view_move_words(struct request *r, const char *scratch);

#endif
