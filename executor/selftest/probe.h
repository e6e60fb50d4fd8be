/* What the probe's files share. */
#ifndef SENTINEL_PROBE_H
#define SENTINEL_PROBE_H

#include <stddef.h>

#define MB ((size_t)1 << 20)

struct verb {
    const char *name;
    int (*run)(char **argv); /* the words behind the verb, NULL-terminated; the exit code */
};
extern const struct verb call_verbs[]; /* probe_calls.c; these end with a NULL name */
extern const struct verb file_verbs[]; /* probe_files.c */

/* Prints "ok", or the name of the error when `result` is negative; the exit code. */
int tell(long result);
/* The i-th word as a number, 0 when it is not there. */
long argument(char **argv, int i);
/* A file of `size` bytes 'x'; 0, or -1 and errno. */
int write_full(const char *path, size_t size);

#endif
