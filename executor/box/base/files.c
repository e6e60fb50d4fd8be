/* Puts a request's files into the work directory. */
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int request_make_folders(const struct request *r, int work_fd, char step[128])
{
    for (uint32_t i = 0; i < r->head.file_count; i++) {
        if (dir_make_parents(work_fd, r->names[i], 01777) < 0)
            return step_failed(step, "directory of ", r->names[i]);
    }
    return 0;
}

/* The files belong to the launcher's id and the directory is sticky: where there are two ids, the program cannot
 * replace its sources. */
int request_write_files(const struct request *r, int work_fd, int bundle_fd, char step[128])
{
    off_t offset = 0;
    int error = request_make_folders(r, work_fd, step);
    if (error < 0)
        return error;
    for (uint32_t i = 0; i < r->head.file_count; i++) {
        errno = ENOSPC; /* where there is no tmpfs to say it */
        if (r->files[i].size > r->head.limits.scratch_bytes - (uint64_t)offset)
            return step_failed(step, "input file ", r->names[i]);
        int fd = openat(work_fd, r->names[i], O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        r->files[i].executable ? 0555 : 0444);
        if (fd < 0 || copy_bytes(fd, bundle_fd, &offset, r->files[i].size) < 0)
            return step_failed(step, "input file ", r->names[i]);
        close(fd);
    }
    return 0;
}
