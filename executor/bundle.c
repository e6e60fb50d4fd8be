/* Makes and seals memfds. Owns no state. */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int open_memfd(int *ret_fd, struct err *err)
{
    int fd = memfd_create("sentinel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_set_errno(err, errno, "memfd_create");
    *ret_fd = fd;
    return 0;
}

/* A program must not be able to change what the next one reads, nor to move where that one starts. */
static int seal(int fd, struct err *err)
{
    int r = box_seal(fd);
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    return r < 0 ? err_set_errno(err, -r, "sealing a memfd") : 0;
}

int memfd_of_bytes(const char *data, size_t len, int *ret_fd, struct err *err)
{
    cleanup_fd int fd = -1;
    int r = open_memfd(&fd, err);
    if (r < 0)
        return r;
    r = write_all(fd, data, len);
    if (r < 0)
        return err_set_errno(err, -r, "writing to a memfd");
    r = seal(fd, err);
    if (r == 0)
        *ret_fd = steal_fd(&fd);
    return r;
}

int bundle_of_sources(const struct source_file *files, size_t count, struct bundle *ret_bundle, struct err *err)
{
    cleanup_fd int fd = -1;
    size_t names_len = 0, at = 0;
    int r = open_memfd(&fd, err);
    for (size_t i = 0; i < count && r == 0; i++) {
        names_len += strlen(files[i].name) + 1;
        r = write_all(fd, files[i].content.data, files[i].content.len);
        if (r < 0)
            r = err_set_errno(err, -r, "writing sources to a memfd");
    }
    if (r == 0)
        r = seal(fd, err);
    if (r < 0)
        return r;
    struct bundle b = {
        .fd = steal_fd(&fd),
        .count = (uint32_t)count,
        .files = xcalloc(count, sizeof *b.files),
        .names = xmalloc(names_len),
        .names_len = names_len,
    };
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(files[i].name) + 1;
        b.files[i].size = files[i].content.len;
        memcpy(b.names + at, files[i].name, len);
        at += len;
    }
    *ret_bundle = b;
    return 0;
}

int bundle_share(const struct bundle *bundle, struct bundle *ret_bundle)
{
    int fd = fcntl(bundle->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    *ret_bundle = (struct bundle){
        .fd = fd,
        .count = bundle->count,
        .files = xmemdup(bundle->files, bundle->count * sizeof *bundle->files),
        .names = xmemdup(bundle->names, bundle->names_len),
        .names_len = bundle->names_len,
    };
    return 0;
}

const char *bundle_entry(const struct bundle *bundle)
{
    const char *name = bundle->names;
    for (uint32_t i = 0; i < bundle->count; i++, name += strlen(name) + 1)
        if (strncmp(name, BUNDLE_ENTRY, strlen(BUNDLE_ENTRY)) == 0 && name[strlen(BUNDLE_ENTRY)] != '-')
            return name + strlen(BUNDLE_ENTRY);
    return NULL;
}

void bundle_finish(struct bundle *bundle)
{
    base_close_fd(&bundle->fd);
    free(bundle->files);
    free(bundle->names);
    *bundle = BUNDLE_NONE;
}
