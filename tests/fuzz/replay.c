/* Runs a fuzz target over the files of a folder, each one a TAP line: the corpus as a regression test. */
#include "buf.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const char *path)
{
    struct buf b = {0};
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    if (fd < 0)
        abort();
    do {
        buf_reserve(&b, 65536);
        got = read(fd, b.data + b.len, 65536);
        b.len += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    LLVMFuzzerTestOneInput((const uint8_t *)b.data, b.len);
    buf_finish(&b);
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder)
            return 2;
        for (struct dirent *entry; (entry = readdir(folder));) {
            if (entry->d_name[0] == '.')
                continue;
            cleanup_free char *path = xasprintf("%s/%s", argv[i], entry->d_name);
            replay(path);
            printf("ok %d - %s\n", ++count, entry->d_name);
            fflush(stdout);
        }
        closedir(folder);
    }
    printf("1..%d\n", count);
    return count ? 0 : 1;
}
