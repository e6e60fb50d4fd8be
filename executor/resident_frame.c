/* Writes and reads the frames of a compiler that stays. Owns no state. */
#include "resident_frame.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

struct reader {
    const char *at;
    size_t left;
    bool failed; /* then everything read is zero */
};

static const char *take(struct reader *r, size_t len)
{
    const char *at = r->at;
    if (r->failed || len > r->left) {
        r->failed = true;
        return NULL;
    }
    r->at += len;
    r->left -= len;
    return at;
}

static uint32_t take_u32(struct reader *r)
{
    uint32_t value = 0;
    const char *at = take(r, sizeof value);
    if (at)
        memcpy(&value, at, sizeof value);
    return ntohl(value);
}

static uint64_t take_u64(struct reader *r)
{
    uint64_t high = take_u32(r);
    return high << 32 | take_u32(r);
}

static const char *take_text(struct reader *r, size_t *ret_len)
{
    size_t len = take_u32(r);
    const char *at = take(r, len);
    *ret_len = at ? len : 0;
    return at;
}

static void put_text(struct buf *b, const char *data, size_t len)
{
    uint32_t size = htonl((uint32_t)len);
    buf_add(b, &size, sizeof size);
    buf_add(b, data, len);
}

void frame_put_request(struct buf *b, const struct source_file *files, size_t count)
{
    uint32_t number = htonl((uint32_t)count);
    buf_add(b, &number, sizeof number);
    for (size_t i = 0; i < count; i++) {
        put_text(b, files[i].name, strlen(files[i].name));
        put_text(b, files[i].content.data, files[i].content.len);
    }
}

size_t frame_len(const char *data, size_t len)
{
    struct reader r = {.at = data, .left = len};
    size_t rest = take_u32(&r);
    return r.failed ? 0 : sizeof(uint32_t) + rest;
}

/* Relative, beneath a folder that the step collects, and no way out of it. */
static bool is_collected(const struct lang_step *step, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < step->collect_count; i++) {
        size_t len = strlen(step->collect[i]);
        bool folder = step->collect[i][len - 1] == '/';
        found |= folder ? strncmp(name, step->collect[i], len) == 0 : strcmp(name, step->collect[i]) == 0;
    }
    for (const char *part = name; found; part += strcspn(part, "/") + 1) {
        size_t len = strcspn(part, "/");
        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && strncmp(part, "..", len) == 0))
            return false;
        if (part[len] == '\0')
            return strlen(name) <= BOX_NAME_MAX;
    }
    return false;
}

static bool take_file(struct reader *r, const struct lang_step *step, struct source_file *ret_file)
{
    size_t name_len, content_len;
    const char *name = take_text(r, &name_len), *content = take_text(r, &content_len);
    if (r->failed || memchr(name, '\0', name_len) || content_len > (uint64_t)step->limits.file_kb << 10)
        return false;
    *ret_file = (struct source_file){.name = xstrndup(name, name_len),
                                     .content = {.data = (char *)content, .len = content_len}};
    return is_collected(step, ret_file->name);
}

static bool take_files(struct reader *r, const struct lang_step *step, struct bundle *ret_files)
{
    uint32_t count = take_u32(r), taken = 0;
    if (r->failed || count > BOX_COLLECT_MAX)
        return false;
    struct source_file *files = xcalloc(count + 1, sizeof *files);
    while (taken < count && take_file(r, step, &files[taken]))
        taken++;
    struct err err;
    bool whole =
        taken == count && r->left == 0 && (count == 0 || bundle_of_sources(files, count, ret_files, &err) == 0);
    for (uint32_t i = 0; i < count; i++)
        free(files[i].name);
    free(files);
    return whole;
}

bool frame_parse(const char *data, size_t len, const struct lang_step *step, struct frame *ret_frame)
{
    struct reader r = {.at = data, .left = len};
    struct frame f = {.files = BUNDLE_NONE};
    take_u32(&r);
    uint32_t status = take_u32(&r);
    f.cpu_us = take_u64(&r);
    f.memory_bytes = take_u64(&r);
    f.errout = take_text(&r, &f.errout_len);
    if (r.failed || status > FRAME_READY || !take_files(&r, step, &f.files))
        return false;
    f.status = (enum frame_status)status;
    *ret_frame = f;
    return true;
}
