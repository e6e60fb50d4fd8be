/* What a program writes to one of its output streams. */
#ifndef SENTINEL_BOX_STREAM_H
#define SENTINEL_BOX_STREAM_H

#include "util.h"

struct stream {
    int fd;     /* does not block; -1: ended */
    char *kept; /* in the output area */
    uint64_t kept_bytes, total_bytes;
};

/* Keeps the first bytes, counts the rest. False at the end of what is there. */
bool stream_read(struct stream *s, uint64_t keep_bytes);
/* All that is there, when nobody writes any more; not without end, as somebody may. */
void stream_drain(struct stream *s, uint64_t keep_bytes);

#endif
