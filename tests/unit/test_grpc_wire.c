/* Messages out of bytes however they are cut, deadlines, statuses, text. */
#include "grpc_wire.h"
#include "tap.h"

#include <errno.h>
#include <string.h>

/* What comes of the bytes in pieces of `step`: the messages, each with a "|" behind, and the error's code. */
static int read_all(const char *data, size_t len, size_t step, struct buf *out)
{
    struct grpc_reader reader = {.max_bytes = 100};
    struct err err = {0};
    int r = 0;
    for (size_t at = 0; at < len && r >= 0;) {
        size_t used = 0, piece = len - at < step ? len - at : step;
        r = grpc_reader_take(&reader, data + at, piece, &used, &err);
        at += used;
        if (r == 1) {
            buf_add(out, reader.buf.data, reader.buf.len);
            buf_add_str(out, "|");
            grpc_reader_next(&reader);
        }
    }
    if (r >= 0 && !grpc_reader_is_between(&reader))
        buf_add_str(out, "...");
    grpc_reader_finish(&reader);
    return r < 0 ? r : 0;
}

static void test_messages(void)
{
    static const struct {
        const char *data;
        size_t len;
        const char *wanted;
        int r;
    } cases[] = {
        {"", 0, "", 0},
        {"\0\0\0\0\0", 5, "|", 0},
        {"\0\0\0\0\3abc", 8, "abc|", 0},
        {"\0\0\0\0\3abc\0\0\0\0\0\0\0\0\0\1d", 19, "abc||d|", 0},
        {"\0\0\0\0\3ab", 7, "...", 0},
        {"\0\0\0", 3, "...", 0},
        {"\0\0\0\0\1x\0", 7, "x|...", 0},
        {"\0\0\0\0\145", 5, "", -EMSGSIZE},
        {"\0\377\377\377\377", 5, "", -EMSGSIZE},
        {"\1\0\0\0\1x", 6, "", -ENOTSUP},
        {"\2\0\0\0\1x", 6, "", -EPROTO},
        {"GET / HTTP", 10, "", -EPROTO},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t step = 1; step < 12; step++) {
            struct buf out = {0};
            int r = read_all(cases[i].data, cases[i].len, step, &out);
            ok(r == cases[i].r && strcmp(out.data ? out.data : "", cases[i].wanted) == 0, "case %zu in pieces of %zu",
               i, step);
            buf_finish(&out);
        }
}

static void test_prefix(void)
{
    struct buf b = {0};
    grpc_put_prefix(&b, 0x01020304);
    ok(b.len == GRPC_PREFIX_SIZE && memcmp(b.data, "\0\1\2\3\4", 5) == 0, "big-endian");
    buf_finish(&b);
}

static void test_timeouts(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0S", 0},          {"1H", 3600000}, {"2M", 120000},
        {"10S", 10000},     {"250m", 250},   {"1u", 1},
        {"1001u", 2},       {"1n", 1},       {"99999999H", 359999996400000},
        {"99999999n", 100}, {"", -1},        {"S", -1},
        {"10", -1},         {"10s", -1},     {"10SS", -1},
        {"123456789S", -1}, {"-1S", -1},     {"+1S", -1},
        {" 1S", -1},        {"1.5S", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        int r = grpc_timeout_parse(cases[i].text, &ms);
        ok(ms == cases[i].ms && (r == 0) == (ms >= 0), "\"%s\"", cases[i].text);
    }
}

static void test_statuses(void)
{
    ok(grpc_status_of(200, NULL) == GRPC_OK, "200");
    ok(grpc_status_of(422, "invalid_request") == GRPC_INVALID_ARGUMENT, "422");
    ok(grpc_status_of(503, "redis_unavailable") == GRPC_UNAVAILABLE, "503");
    ok(grpc_status_of(503, "queue_full") == GRPC_RESOURCE_EXHAUSTED, "503 of a full queue");
    ok(grpc_status_of(299, "x") == GRPC_UNKNOWN, "what there is not");
}

static void test_text(void)
{
    struct buf b = {0};
    grpc_put_percent(&b, "a b%c\n\xc3\xa9~");
    ok(strcmp(b.data, "a b%25c%0A%C3%A9~") == 0, "percent: %s", b.data);
    buf_finish(&b);
    grpc_put_utf8(&b, "a\xff\xc3\xa9\0b\xe2\x82", 8);
    ok(b.len == 14 && memcmp(b.data, "a\xef\xbf\xbd\xc3\xa9\0b\xef\xbf\xbd\xef\xbf\xbd", 14) == 0, "UTF-8");
    buf_finish(&b);
    grpc_put_utf8(&b, NULL, 0);
    ok(b.len == 0, "nothing");
    buf_finish(&b);
}

int main(void)
{
    test_messages();
    test_prefix();
    test_timeouts();
    test_statuses();
    test_text();
    return done_testing();
}
