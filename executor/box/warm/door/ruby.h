/* What Ruby wants of a warm server beside what door.c does. */
#ifndef SENTINEL_BOX_RUBY_H
#define SENTINEL_BOX_RUBY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { RUBY_FDS = 3 }; /* its own at the door: two eventfds and the script */

bool ruby_is_here(void);
/* fork() as its Process._fork: with eventfds and a timer of the child's own, and another random seed. */
pid_t ruby_fork(void);

int ruby_open(void);               /* stands in for the script */
bool ruby_is_script(int fd);       /* whether that is what fd is */
size_t ruby_read_first(char *buf); /* the first read of it: its bytes. 0 at the second, which is the door */
bool ruby_swap_script(
    const char *path); /* behind the door. False: the script must be read from its begin, by a new Ruby */

#endif
