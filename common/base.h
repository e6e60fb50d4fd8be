/* The few macros and helpers that every file may use. Out of memory and broken invariants abort. */
#ifndef SENTINEL_BASE_H
#define SENTINEL_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that holds `member` at `ptr`. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Scope-bound ownership: `cleanup_free char *s = …;`, `cleanup_fd int fd = -1;`. Hand it on with steal_*(). */
#define cleanup_free __attribute__((cleanup(base_free_ptr)))
#define cleanup_fd __attribute__((cleanup(base_close_fd)))

static inline void base_free_ptr(void *p)
{
    free(*(void **)p);
}

static inline void base_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline int steal_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static inline void *steal_pointer(void *p)
{
    void **slot = p;
    void *taken = *slot;
    *slot = NULL;
    return taken;
}

/* Never NULL: they abort when memory is out. Free with free(). */
void *xmalloc(size_t size) MUST_USE __attribute__((malloc));
void *xcalloc(size_t count, size_t size) MUST_USE __attribute__((malloc));
void *xrealloc(void *p, size_t size) MUST_USE;
char *xstrdup(const char *s) MUST_USE;
char *xstrndup(const char *s, size_t len) MUST_USE;
void *xmemdup(const void *p, size_t len) MUST_USE; /* one NUL byte is added behind the copy */
char *xasprintf(const char *fmt, ...) MUST_USE PRINTF_LIKE(1, 2);

/* Frees each of `count` strings and their array. */
void strings_free(char **strings, size_t count);

/* CLOCK_MONOTONIC, for durations; CLOCK_REALTIME since the epoch, for what people read. Milliseconds. */
int64_t now_mono_ms(void);
int64_t now_wall_ms(void);

/* "2025-01-15T10:30:00.000Z" for a wall time in ms: RFC 3339, UTC. `out` holds at least RFC3339_SIZE bytes. */
#define RFC3339_SIZE 32
void format_rfc3339(int64_t wall_ms, char *out);

/* Random bytes from the kernel; aborts when there are none. */
void random_bytes(void *out, size_t len);

/* Lower-case hex of `len` bytes and a NUL: `out` holds 2 * len + 1. */
void hex_encode(const void *in, size_t len, char *out);

/* A version 4 UUID in its text form. `out` holds UUID_SIZE bytes. */
#define UUID_SIZE 37
void uuid4(char *out);

#endif
