/* One of the service's own programs, run beside the loop: never code that a user sent. */
#ifndef SENTINEL_COMMAND_H
#define SENTINEL_COMMAND_H

#include "err.h"

#include <uv.h>

struct command;

/* status: the exit code, or -1 when it was killed, by its time limit too. output: the last 4 KB of what it wrote on
 * either stream, NUL behind. */
typedef void command_done_fn(void *arg, int status, const char *output);

/* argv[0] is a path; argv is not kept. It runs with an environment of its own and in a session of its own, all of which
 * is killed when the program ends or `timeout_ms` is over. on_done fires once, not from inside this call, when the loop
 * holds nothing of it. A uv error: it was not started, and on_done does not fire. */
int command_start(uv_loop_t *loop, char *const *argv, int64_t timeout_ms, command_done_fn *on_done, void *arg,
                  struct command **ret_command) MUST_USE;
void command_kill(struct command *command); /* on_done still fires */

#endif
