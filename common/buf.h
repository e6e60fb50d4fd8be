/* A growing byte buffer, always NUL-terminated behind `len`. Zeroes are an empty one. */
#ifndef SENTINEL_BUF_H
#define SENTINEL_BUF_H

#include "err.h"

struct buf {
    char *data; /* NULL while nothing was added */
    size_t len;
    size_t cap;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_reserve(struct buf *b, size_t more);
void buf_finish(struct buf *b); /* frees, back to zeroes */

/* Adds a whole file of at most `max` bytes. -errno, or EFBIG; the message has the path. */
int buf_add_file(struct buf *b, const char *path, size_t max, struct err *err) MUST_USE;

/* The bytes, owned by the caller, never NULL; the buffer is empty afterwards. */
char *buf_steal(struct buf *b) MUST_USE;

#endif
