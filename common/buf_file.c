/* A buffer filled from a file. */
#include "buf.h"

#include <errno.h>
#include <fcntl.h>

int buf_add_file(struct buf *b, const char *path, size_t max, struct err *err)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(err, errno, "%s", path);
    for (size_t got = 0;;) {
        buf_reserve(b, 4096);
        ssize_t n = read(fd, b->data + b->len, 4096);
        if (n < 0)
            return err_set_errno(err, errno, "%s", path);
        b->len += (size_t)n;
        b->data[b->len] = '\0';
        got += (size_t)n;
        if (n == 0)
            return 0;
        if (got > max)
            return err_set(err, EFBIG, "%s: larger than %zu KB", path, max / 1024);
    }
}
