/* Ruby opens its script, looks at the first line for options behind "#!", then loads all of RubyGems, and reads on. So
 * its door is the second read: until then a memfd stands in for the script, and the first read gives a byte order mark,
 * which the parser skips. Behind the door the script takes its place, less a mark of its own.
 *
 * No header of Ruby's: these functions and their types (VALUE and ID are longs) are its stable interface. */
#include "ruby.h"
#include "util.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
    const unsigned long *process; /* the module Process */
    unsigned long (*intern)(const char *name);
    unsigned long (*call)(unsigned long object, unsigned long name, int argc, const unsigned long *argv);
    unsigned long (*protect)(unsigned long (*run)(unsigned long), unsigned long argument, int *ret_raised);
    long (*number)(unsigned long value);
    void (*forked)(void);
    int (*has_lock)(void);
    void *(*with_lock)(void *(*run)(void *), void *argument);
} ruby;

static int script_fd = -1;
static bool read_once;
static const char mark[] = "\xef\xbb\xbf";

bool ruby_is_here(void)
{
    const struct {
        const char *name;
        void *where;
    } symbols[] = {{"rb_mProcess", &ruby.process},
                   {"rb_intern", &ruby.intern},
                   {"rb_funcallv", &ruby.call},
                   {"rb_protect", &ruby.protect},
                   {"rb_num2long", &ruby.number},
                   {"rb_thread_atfork", &ruby.forked},
                   {"ruby_thread_has_gvl_p", &ruby.has_lock},
                   {"rb_thread_call_with_gvl", &ruby.with_lock}};
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        void **where = symbols[i].where;
        *where = dlsym(RTLD_DEFAULT, symbols[i].name);
        if (*where == NULL)
            return false;
    }
    return true;
}

static unsigned long call_fork(unsigned long unused)
{
    (void)unused;
    return ruby.call(*ruby.process, ruby.intern("_fork"), 0, NULL);
}

/* What it raises must not unwind an init. */
static void *fork_with_lock(void *ret_pid)
{
    int raised = 0;
    unsigned long value = ruby.protect(call_fork, 0, &raised);
    pid_t pid = raised != 0 ? -1 : (pid_t)ruby.number(value);
    if (pid == 0)
        ruby.forked();
    *(pid_t *)ret_pid = pid;
    return NULL;
}

/* A read gives Ruby's lock away. */
pid_t ruby_fork(void)
{
    pid_t pid = -1;
    if (ruby.has_lock())
        fork_with_lock(&pid);
    else
        ruby.with_lock(fork_with_lock, &pid);
    return pid;
}

int ruby_open(void)
{
    script_fd = memfd_create("script", MFD_CLOEXEC);
    return script_fd;
}

bool ruby_is_script(int fd)
{
    return script_fd >= 0 && fd == script_fd;
}

size_t ruby_read_first(char *buf)
{
    size_t len = sizeof mark - 1;
    if (read_once)
        return 0;
    read_once = true;
    memcpy(buf, mark, len);
    return len;
}

bool ruby_swap_script(const char *path)
{
    char head[sizeof mark] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || pread(fd, head, sizeof mark - 1, 0) < 0 || strncmp(head, "#!", 2) == 0 ||
        (strcmp(head, mark) == 0 && lseek(fd, sizeof mark - 1, SEEK_SET) < 0) || dup3(fd, script_fd, O_CLOEXEC) < 0)
        return false;
    close(fd);
    script_fd = -1;
    return true;
}
