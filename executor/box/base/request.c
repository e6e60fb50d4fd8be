/* Takes a request apart and checks it: the wire first, then every figure against the ceilings fixed at the start. A
 * worker that was taken over can send anything, so nothing here trusts a length, a count, a byte or a descriptor. */
#include "request.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FIELD(member) #member, offsetof(struct box_limits, member), sizeof(((struct box_limits *)0)->member)

/* The largest value of an option keeps all sums of them far from overflow; a tmpfs of size 0 has no limit. */
const struct limit_field limit_fields[LIMIT_FIELDS] = {
    {FIELD(cpu_us), 1000, "max-cpu-ms", "CPU time of a run", 1000, 120000, BOX_TIME_MAX_MS},
    {FIELD(wall_us), 1000, "max-wall-ms", "wall time of a run", 1000, 300000, BOX_TIME_MAX_MS},
    {FIELD(memory_bytes), 1 << 20, "max-memory-mb", "memory of a run", 1 << 20, 1024, 1 << 20},
    {FIELD(output_bytes), 0, "max-output-kb", "kept of each output stream", 1 << 10, 4096, 1 << 20},
    {FIELD(file_bytes), 0, "max-file-kb", "size of a file that a run writes", 1 << 10, 65536, 1 << 30},
    {FIELD(scratch_bytes), 4096, "max-scratch-mb", "size of /work, and of /tmp", 1 << 20, 512, 1 << 20},
    {FIELD(stack_bytes), 64 << 10, NULL, NULL, 0, 0, 0}, /* as memory */
    {FIELD(processes), 1, "max-processes", "processes and threads of a run", 1, 256, 32768},
    {FIELD(cpus_milli), 10, "max-cpus-milli", "thousandths of a processor", 1, 1000, 1024000},
};

static char complaint[192];

static uint64_t limit_value(const struct box_limits *l, const struct limit_field *f)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    memcpy(f->size == sizeof wide ? (void *)&wide : &narrow, (const char *)l + f->offset, f->size);
    return wide + narrow;
}

void limit_set(struct box_limits *l, const struct limit_field *f, uint64_t value)
{
    uint32_t narrow = (uint32_t)value;
    memcpy((char *)l + f->offset, f->size == sizeof value ? (const void *)&value : &narrow, f->size);
}

static const char *check_limits(const struct box_limits *asked, const struct box_limits *most)
{
    for (const struct limit_field *f = limit_fields; f < limit_fields + LIMIT_FIELDS; f++) {
        uint64_t value = limit_value(asked, f), ceiling = limit_value(most, f);
        if (value >= f->least && value <= ceiling)
            continue;
        snprintf(complaint, sizeof complaint, "limits.%s is %llu, allowed: %llu to %llu", f->name,
                 (unsigned long long)value, (unsigned long long)f->least, (unsigned long long)ceiling);
        return complaint;
    }
    return NULL;
}

/* Relative, no empty, "." or ".." component; a directory's may end in "/". */
static bool name_is_safe(const char *name, bool may_be_directory)
{
    size_t len = strlen(name);
    if (len == 0 || len > BOX_NAME_MAX)
        return false;
    for (const char *part = name;;) {
        size_t part_len = strcspn(part, "/");
        if (part_len == 0 || (part_len == 1 && part[0] == '.') || (part_len == 2 && memcmp(part, "..", 2) == 0))
            return false;
        part += part_len;
        if (*part == '\0')
            return true;
        part++;
        if (*part == '\0')
            return may_be_directory;
    }
}

struct strings {
    char *at, *end;
};

/* Takes `count` NUL-terminated strings; false when the bytes end before. */
static bool take_strings(struct strings *s, char **out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char *nul = memchr(s->at, '\0', (size_t)(s->end - s->at));
        if (nul == NULL)
            return false;
        out[i] = s->at;
        s->at = nul + 1;
    }
    return true;
}

static const char *check_names(const struct request *r)
{
    for (uint32_t i = 0; i < r->head.file_count; i++) {
        if (!name_is_safe(r->names[i], false))
            return "a file's name is not relative, or has an empty, \".\" or \"..\" component, or is too long";
    }
    for (uint32_t i = 0; i < r->head.collect_count; i++) {
        if (!name_is_safe(r->collect[i], true))
            return "a name to collect is not relative, or has an empty, \".\" or \"..\" component, or is too long";
    }
    const char *program = r->argv[0];
    if (program[0] != '/' && strncmp(program, "./", 2) != 0)
        return "argv[0] neither is an absolute path nor starts with \"./\"";
    return NULL;
}

static const char *check_head(const struct box_request *head)
{
    if (head->magic != BOX_MAGIC)
        return "magic";
    if (head->version != BOX_VERSION)
        return "version: executor and box are of different builds";
    if (head->type != BOX_TYPE_REQUEST)
        return "type";
    if (head->profile != BOX_PROFILE_RUN && head->profile != BOX_PROFILE_COMPILE)
        return "profile";
    if (head->argc < 1 || head->argc > BOX_ARGS_MAX)
        return "argc";
    if (head->envc > BOX_ARGS_MAX)
        return "envc";
    if (head->file_count > BOX_FILES_MAX)
        return "file_count";
    if (head->collect_count > BOX_COLLECT_MAX)
        return "collect_count";
    if (head->warm > BOX_WAY_RESIDENT)
        return "warm";
    return NULL;
}

const char *request_parse(char *bytes, size_t len, const struct box_limits *most, struct request *ret_request)
{
    struct request *r = ret_request;
    if (len < sizeof r->head || len > BOX_MESSAGE_MAX)
        return "the message's length";
    memcpy(&r->head, bytes, sizeof r->head);
    const char *wrong = check_head(&r->head);
    if (wrong == NULL)
        wrong = check_limits(&r->head.limits, most);
    if (wrong != NULL)
        return wrong;
    if (r->head.collect_max > most->scratch_bytes)
        return "collect_max is above the ceiling of the work directory";

    size_t table = r->head.file_count * sizeof *r->files;
    if (len - sizeof r->head < table)
        return "the table of files is cut short";
    r->files = (const struct box_file *)(const void *)(bytes + sizeof r->head);
    struct strings s = {bytes + sizeof r->head + table, bytes + len};
    if (!take_strings(&s, r->argv, r->head.argc) || !take_strings(&s, r->env, r->head.envc) ||
        !take_strings(&s, r->names, r->head.file_count) || !take_strings(&s, r->collect, r->head.collect_count))
        return "a string is cut short";
    if (s.at != s.end)
        return "bytes behind the last string";
    r->argv[r->head.argc] = NULL;
    r->env[r->head.envc] = NULL;
    return check_names(r);
}

/* Between two processes of this machine: no network comes in by it. */
static bool is_own_socket(int fd)
{
    int domain = -1, type = -1;
    socklen_t len = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

int request_open_stdin(const struct request *r, int fd)
{
    struct stat st;
    char path[64];
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (r->head.warm == BOX_WAY_RESIDENT)
        return is_own_socket(fd) ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    bool null = S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
    if (!null && (!S_ISREG(st.st_mode) || !box_is_sealed(fd)))
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool request_bundle_is_whole(const struct request *r, int fd)
{
    struct stat st;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < r->head.file_count; i++) {
        uint64_t size;
        memcpy(&size, &r->files[i].size, sizeof size);
        if (size > (uint64_t)INT64_MAX - sum)
            return false;
        sum += size;
    }
    return fd >= 0 && fstat(fd, &st) == 0 && (sum == 0 || (S_ISREG(st.st_mode) && (uint64_t)st.st_size >= sum));
}
