#include "grpc_wire.h"
#include "json.h"

#include <errno.h>
#include <string.h>

/* ---- statuses --------------------------------------------------------------------------------------------------- */

enum grpc_status grpc_status_of(int http_status, const char *code)
{
    static const struct {
        const char *code;
        enum grpc_status status;
    } by_code[] = {
        {"overloaded", GRPC_RESOURCE_EXHAUSTED},
        {"queue_full", GRPC_RESOURCE_EXHAUSTED},
        {"redis_memory", GRPC_RESOURCE_EXHAUSTED},
        {"unimplemented", GRPC_UNIMPLEMENTED},
    };
    static const struct {
        int http;
        enum grpc_status status;
    } by_http[] = {
        {200, GRPC_OK},
        {400, GRPC_INVALID_ARGUMENT},
        {401, GRPC_UNAUTHENTICATED},
        {403, GRPC_PERMISSION_DENIED},
        {404, GRPC_NOT_FOUND},
        {408, GRPC_DEADLINE_EXCEEDED},
        {409, GRPC_FAILED_PRECONDITION},
        {413, GRPC_RESOURCE_EXHAUSTED},
        {422, GRPC_INVALID_ARGUMENT},
        {429, GRPC_RESOURCE_EXHAUSTED},
        {431, GRPC_RESOURCE_EXHAUSTED},
        {499, GRPC_CANCELLED},
        {500, GRPC_INTERNAL},
        {503, GRPC_UNAVAILABLE},
        {504, GRPC_DEADLINE_EXCEEDED},
    };
    for (size_t i = 0; code && i < ARRAY_LEN(by_code); i++)
        if (strcmp(by_code[i].code, code) == 0)
            return by_code[i].status;
    for (size_t i = 0; i < ARRAY_LEN(by_http); i++)
        if (by_http[i].http == http_status)
            return by_http[i].status;
    return GRPC_UNKNOWN;
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

void grpc_put_prefix(struct buf *b, size_t message_len)
{
    assert(message_len <= UINT32_MAX);
    unsigned char prefix[GRPC_PREFIX_SIZE] = {0, (unsigned char)(message_len >> 24), (unsigned char)(message_len >> 16),
                                              (unsigned char)(message_len >> 8), (unsigned char)message_len};
    buf_add(b, prefix, sizeof prefix);
}

static int read_prefix(struct grpc_reader *reader, struct err *err)
{
    const unsigned char *prefix = reader->prefix;
    size_t len = (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 | prefix[4];
    if (prefix[0] == 1)
        return err_set(err, ENOTSUP, "compressed messages are not taken: send them as identity");
    if (prefix[0] != 0)
        return err_set(err, EPROTO, "a message must begin with 0 and its length in four bytes");
    if (len > reader->max_bytes)
        return err_set(err, EMSGSIZE, "the message is larger than %zu bytes", reader->max_bytes);
    reader->want = len;
    return 0;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

int grpc_reader_take(struct grpc_reader *reader, const void *data, size_t len, size_t *ret_used, struct err *err)
{
    size_t used = 0;
    if (reader->prefix_len < GRPC_PREFIX_SIZE) {
        used = lesser(len, GRPC_PREFIX_SIZE - reader->prefix_len);
        memcpy(reader->prefix + reader->prefix_len, data, used);
        reader->prefix_len += used;
        if (reader->prefix_len == GRPC_PREFIX_SIZE) {
            int r = read_prefix(reader, err);
            if (r < 0)
                return r;
        }
    }
    if (reader->prefix_len == GRPC_PREFIX_SIZE) {
        size_t more = lesser(len - used, reader->want - reader->buf.len);
        buf_add(&reader->buf, (const char *)data + used, more);
        used += more;
    }
    *ret_used = used;
    return reader->prefix_len == GRPC_PREFIX_SIZE && reader->buf.len == reader->want;
}

void grpc_reader_next(struct grpc_reader *reader)
{
    size_t max_bytes = reader->max_bytes;
    buf_finish(&reader->buf);
    *reader = (struct grpc_reader){.max_bytes = max_bytes};
}

bool grpc_reader_is_between(const struct grpc_reader *reader)
{
    return reader->prefix_len == 0;
}

void grpc_reader_finish(struct grpc_reader *reader)
{
    buf_finish(&reader->buf);
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

int grpc_timeout_parse(const char *text, int64_t *ret_ms)
{
    static const struct {
        char unit;
        int64_t multiply, divide;
    } units[] = {
        {'H', 3600000, 1}, {'M', 60000, 1}, {'S', 1000, 1}, {'m', 1, 1}, {'u', 1, 1000}, {'n', 1, 1000000},
    };
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 8 || !text[digits] || text[digits + 1])
        return -EINVAL;
    int64_t number = strtoll(text, NULL, 10);
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (units[i].unit == text[digits]) {
            *ret_ms = (number * units[i].multiply + units[i].divide - 1) / units[i].divide;
            return 0;
        }
    return -EINVAL;
}

void grpc_put_percent(struct buf *b, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c >= 0x20 && *c < 0x7f && *c != '%')
            buf_add_char(b, (char)*c);
        else
            buf_printf(b, "%%%02X", *c);
}

void grpc_put_utf8(struct buf *b, const char *data, size_t len)
{
    size_t plain = 0; /* bytes before i that are still to be copied */
    for (size_t i = 0; i < len;) {
        size_t step = utf8_length(data + i, len - i);
        if (step > 0) {
            plain += step;
            i += step;
            continue;
        }
        buf_add(b, data + i - plain, plain);
        buf_add_str(b, "\xef\xbf\xbd");
        plain = 0;
        i++;
    }
    buf_add(b, data + len - plain, plain);
}
