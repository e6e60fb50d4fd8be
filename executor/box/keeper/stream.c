#include "stream.h"

#include <errno.h>
#include <unistd.h>

enum { DRAIN_MAX = 4 << 20 };

bool stream_read(struct stream *s, uint64_t keep_bytes)
{
    static char rest[65536];
    uint64_t room = keep_bytes - s->kept_bytes;
    ssize_t got = room > 0 ? read(s->fd, s->kept + s->kept_bytes, room) : read(s->fd, rest, sizeof rest);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        close_fds(&s->fd, 1);
        return false;
    }
    s->kept_bytes += room > 0 ? (uint64_t)got : 0;
    s->total_bytes += (uint64_t)got;
    return true;
}

void stream_drain(struct stream *s, uint64_t keep_bytes)
{
    uint64_t until = s->total_bytes + DRAIN_MAX;
    while (s->fd >= 0 && s->total_bytes < until && stream_read(s, keep_bytes))
        ;
}
