/* Takes a request apart and checks it: the wire first, then every figure against the ceilings fixed at the start. A
 * worker that was taken over can send anything, so nothing here trusts a length, a count or a byte. */
#include "box.h"

#include <stdio.h>
#include <string.h>

#define LIMIT(member, low)                                                                          \
    {                                                                                               \
#member, offsetof(struct box_limits, member), sizeof(((struct box_limits *)0)->member), low \
    }

static const struct {
    const char *name;
    size_t offset, size;
    uint64_t least;
} limits[] = {
    LIMIT(cpu_us, 1000),          LIMIT(wall_us, 1000), LIMIT(memory_bytes, 1 << 20),
    LIMIT(output_bytes, 0),       LIMIT(file_bytes, 0), LIMIT(scratch_bytes, 4096), /* a tmpfs of size 0 has no limit */
    LIMIT(stack_bytes, 64 << 10), LIMIT(processes, 1),  LIMIT(cpus_milli, 10),
};

static char complaint[192];

static uint64_t limit_value(const struct box_limits *l, size_t i)
{
    const char *at = (const char *)l + limits[i].offset;
    uint64_t wide = 0;
    uint32_t narrow = 0;
    if (limits[i].size == sizeof wide)
        memcpy(&wide, at, sizeof wide);
    else
        memcpy(&narrow, at, sizeof narrow);
    return wide + narrow;
}

static const char *check_limits(const struct box_limits *asked, const struct box_limits *most)
{
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        uint64_t value = limit_value(asked, i), ceiling = limit_value(most, i);
        if (value >= limits[i].least && value <= ceiling)
            continue;
        snprintf(complaint, sizeof complaint, "limits.%s is %llu, allowed: %llu to %llu", limits[i].name,
                 (unsigned long long)value, (unsigned long long)limits[i].least, (unsigned long long)ceiling);
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
