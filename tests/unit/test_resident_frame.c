/* What a compiler that stays is told and says, which may be anything. */
#include "resident_frame.h"
#include "tap.h"

#include <arpa/inet.h>
#include <string.h>

static struct lang_step step(void)
{
    static char *collect[] = {(char *)"program/", (char *)"main"};
    return (struct lang_step){.collect = collect, .collect_count = 2, .limits = {.file_kb = 1, .output_kb = 1}};
}

static void put_u32(struct buf *b, uint32_t value)
{
    value = htonl(value);
    buf_add(b, &value, sizeof value);
}

static void put_text(struct buf *b, const char *text, size_t len)
{
    put_u32(b, (uint32_t)len);
    buf_add(b, text, len);
}

/* An answer's head, with `files` of them to follow. */
static void put_head(struct buf *b, uint32_t status, const char *errout, uint32_t files)
{
    put_u32(b, 0); /* set by finish() */
    put_u32(b, status);
    put_u32(b, 0);
    put_u32(b, 1500);
    put_u32(b, 1);
    put_u32(b, 2);
    put_text(b, errout, strlen(errout));
    put_u32(b, files);
}

static void finish(struct buf *b)
{
    uint32_t rest = htonl((uint32_t)(b->len - sizeof rest));
    memcpy(b->data, &rest, sizeof rest);
}

static bool parses(struct buf *b, struct frame *ret_frame)
{
    struct lang_step s = step();
    finish(b);
    bool good = frame_parse(b->data, b->len, &s, ret_frame);
    return good;
}

static void test_request(void)
{
    static const char expected[] = "\0\0\0\2\0\0\0\1a\0\0\0\2xy\0\0\0\3b/c\0\0\0\0";
    struct source_file files[] = {{.name = (char *)"a", .content = {.data = (char *)"xy", .len = 2}},
                                  {.name = (char *)"b/c", .content = {.data = (char *)"", .len = 0}}};
    struct buf b = {0};
    frame_put_request(&b, files, 2);
    ok(b.len == sizeof expected - 1 && memcmp(b.data, expected, b.len) == 0, "a request is names and contents");
    buf_finish(&b);
}

static void test_answer(void)
{
    struct buf b = {0};
    struct frame f;
    put_head(&b, FRAME_COMPILED, "note", 2);
    put_text(&b, "program/p/A.class", 17);
    put_text(&b, "abc", 3);
    put_text(&b, "main", 4);
    put_text(&b, "", 0);
    ok(parses(&b, &f), "an answer");
    ok(f.status == FRAME_COMPILED && f.cpu_us == 1500 && f.memory_bytes == (1ULL << 32) + 2, "its figures");
    ok(f.errout_len == 4 && memcmp(f.errout, "note", 4) == 0, "its messages");
    ok(f.files.count == 2 && f.files.files[0].size == 3 && strcmp(f.files.names, "program/p/A.class") == 0 &&
           box_is_sealed(f.files.fd),
       "its files, sealed");
    bundle_finish(&f.files);
    ok(frame_len(b.data, 3) == 0 && frame_len(b.data, 4) == b.len && frame_len(b.data, b.len) == b.len, "its length");
    bool whole = false;
    struct lang_step s = step();
    for (size_t len = 0; len < b.len; len++)
        whole |= frame_parse(b.data, len, &s, &f);
    ok(!whole, "no part of it is one");
    buf_add(&b, "x", 1);
    ok(!parses(&b, &f), "nor is it with more behind");
    buf_finish(&b);
}

static void test_nothing(void)
{
    struct buf b = {0};
    struct frame f;
    put_head(&b, FRAME_READY, "", 0);
    ok(parses(&b, &f) && f.status == FRAME_READY && f.files.count == 0 && f.files.fd == -1, "a word without files");
    buf_finish(&b);
    put_head(&b, FRAME_READY + 1, "", 0);
    ok(!parses(&b, &f), "an unknown status");
    buf_finish(&b);
    put_head(&b, FRAME_COMPILED, "", BOX_COLLECT_MAX + 1);
    ok(!parses(&b, &f), "more files than there may be");
    buf_finish(&b);
}

static bool takes_file(const char *name, size_t name_len, size_t size)
{
    static char content[2048];
    struct buf b = {0};
    struct frame f = {.files = BUNDLE_NONE};
    put_head(&b, FRAME_COMPILED, "", 1);
    put_text(&b, name, name_len);
    put_text(&b, content, size);
    bool taken = parses(&b, &f);
    if (taken)
        bundle_finish(&f.files);
    buf_finish(&b);
    return taken;
}

static void test_files(void)
{
    static const char *const bad[] = {"",           "/",          "other",        "mainly",        "program",
                                      "program/",   "program//a", "program/../a", "program/./a",   "program/..",
                                      "program/a/", "/program/a", "../program/a", "program/a/../b"};
    char longest[BOX_NAME_MAX + 2] = "program/";
    memset(longest + 8, 'a', sizeof longest - 9);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ok(!takes_file(bad[i], strlen(bad[i]), 1), "no file of the name \"%s\"", bad[i]);
    ok(!takes_file("program/a\0b", 11, 1), "nor with a NUL in it");
    ok(takes_file(longest, BOX_NAME_MAX, 1) && !takes_file(longest, BOX_NAME_MAX + 1, 1), "names have a length");
    ok(takes_file("program/a..b/.c", 15, 1), "dots may be in a name");
    ok(takes_file("main", 4, 1024) && !takes_file("main", 4, 1025), "files have a size");
}

int main(void)
{
    test_request();
    test_answer();
    test_nothing();
    test_files();
    return done_testing();
}
