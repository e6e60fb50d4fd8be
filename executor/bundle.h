/* Sealed memfds: bytes handed to a box that nobody can change afterwards, one by one or as a bundle of files. */
#ifndef SENTINEL_BUNDLE_H
#define SENTINEL_BUNDLE_H

#include "box/box_protocol.h"
#include "job.h"

/* *ret_fd: sealed, at offset 0; the caller closes it. Errors: those of memfd_create and write (EMFILE, ENOMEM, …). */
int memfd_of_bytes(const char *data, size_t len, int *ret_fd, struct err *err) MUST_USE;

/* Files in the box protocol's form. Zeroes are no files, but for the descriptor (-1). */
struct bundle {
    int fd; /* contents back to back, or -1 */
    uint32_t count;
    struct box_file *files; /* `count`, owned */
    char *names;            /* NUL-terminated, back to back, owned */
    size_t names_len;
};
#define BUNDLE_NONE ((struct bundle){.fd = -1})

int bundle_of_sources(const struct source_file *files, size_t count, struct bundle *ret_bundle, struct err *err)
    MUST_USE;
/* The same files once more, of one memory: *ret_bundle is finished by itself. -errno of dup. */
int bundle_share(const struct bundle *bundle, struct bundle *ret_bundle) MUST_USE;
/* What a compile step called the program's entry, by leaving a file of that name in the folder BUNDLE_ENTRY; NULL: it
 * did not. Valid as long as the bundle. */
#define BUNDLE_ENTRY "entry/"
const char *bundle_entry(const struct bundle *bundle);
void bundle_finish(struct bundle *bundle);

#endif
