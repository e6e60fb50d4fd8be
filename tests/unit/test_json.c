/* json.[ch]: what must be refused, what must come back as it was. */
#include "json.h"
#include "tap.h"

#include <errno.h>

static void refused(const char *text, size_t len, int code, const char *part, const char *field, const char *name)
{
    cJSON *root = NULL;
    struct err err = {0};
    int r = json_parse(text, len, &root, &err);
    if (!ok(r == -code && !root && strstr(err.msg, part) && strcmp(err.field, field) == 0, "refused: %s", name))
        printf("#   r=%d field=\"%s\" msg=\"%s\"\n", r, err.field, err.msg);
    cJSON_Delete(root);
}
#define REFUSED(text, code, part, field) refused(text, sizeof(text) - 1, code, part, field, #text)

static void test_refusals(void)
{
    REFUSED("", EBADMSG, "empty", "");
    REFUSED("{\"a\":[1,", EBADMSG, "byte 8: it ends too early", "");
    REFUSED("{\"a\":1} 7", EBADMSG, "bytes behind the end", "");
    REFUSED("{\"a\":1}{\"a\":1}", EBADMSG, "bytes behind the end", "");
    REFUSED("{\"a\":1,\"b\":2,\"a\":3}", EBADMSG, "duplicate key \"a\"", "a");
    REFUSED("{\"x\":[{\"k\":1,\"k\":1}]}", EBADMSG, "duplicate key", "k");
    REFUSED("{\"a\":nul}", EBADMSG, "malformed", "");
    REFUSED("\n\n{\"a\" 1}", EBADMSG, "line 3", "");
    REFUSED("{\"a\":\"\xff\"}", EBADMSG, "not UTF-8", "");
    REFUSED("{\"a\":\"\xed\xa0\x80\"}", EBADMSG, "not UTF-8", "");
    REFUSED("{\"a\":\"\xc0\xaf\"}", EBADMSG, "not UTF-8", "");
    REFUSED("{\"a\":\"\\ud800\"}", EBADMSG, "malformed", "");
    REFUSED("{\"a\":\"line\nbreak\"}", EBADMSG, "control character", "");
    REFUSED("{\"a\":\"\0\"}", EBADMSG, "control character", "");
    REFUSED("{\"a\":1}\0", EBADMSG, "unexpected character", "");
    REFUSED("[01]", EBADMSG, "not a number", "");
    REFUSED("[1.]", EBADMSG, "not a number", "");
    REFUSED("[-]", EBADMSG, "not a number", "");
    REFUSED("[.5]", EBADMSG, "unexpected character", "");
    REFUSED("[+1]", EBADMSG, "unexpected character", "");
    REFUSED("[1e]", EBADMSG, "not a number", "");
    REFUSED("[1,]", EBADMSG, "unexpected character", "");
    REFUSED("[\f1]", EBADMSG, "unexpected character", "");
    REFUSED("\xef\xbb\xbf[]", EBADMSG, "byte 0: unexpected character", "");
    REFUSED("{a:1}", EBADMSG, "unexpected character", "");
    REFUSED("]", EBADMSG, "nothing opened", "");
    REFUSED("{\"code\":\"a\\u0000b\"}", EINVAL, "U+0000", "code");
    REFUSED("{\"a\":1,\"testCases\":[{\"input\":\"\"},{\"input\":\"\\u0000\"}]}", EINVAL, "U+0000",
            "testCases[1].input");
    REFUSED("{\"files\":[{\"name\":\"x\\u0000y\"}]}", EINVAL, "U+0000", "files[0].name");
    char deep[2001];
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    refused(deep, 2000, EBADMSG, "nested too deep", "", "a thousand levels");
}

static void test_too_many_values(void)
{
    size_t len = 2 * (size_t)JSON_VALUES_MAX + 3;
    cleanup_free char *many = xmalloc(len);
    for (size_t i = 0; i < len; i++)
        many[i] = i % 2 ? '1' : ',';
    many[0] = '[';
    many[len - 1] = ']';
    refused(many, len, EBADMSG, "too many values", "", "more values than anybody needs");
}

static void test_accepted(void)
{
    cJSON *root = NULL;
    struct err err = {0};
    static const char text[] = " {\"a\":[-1.5e+3,{\"b\":\"\\\\u0000 \xc3\xa4\"}],\"c\":null}\r\n";
    is_int(json_parse(text, sizeof text - 1, &root, &err), 0, "white space around, an escaped backslash before u0000");
    const cJSON *b = cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(root, "a"), 1), "b");
    is_str(cJSON_GetStringValue(b), "\\u0000 \xc3\xa4", "a string comes through");
    cJSON_Delete(root);
}

static void test_writer(void)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    ok(!json_put_bytes(&w, "s", "a\"\\\n\t\x01\x7f\0z", 9), "nothing replaced in controls and NUL");
    ok(json_put_bytes(&w, "bad", "x\xff\xc3y", 4), "invalid bytes are replaced, and it is said");
    json_put_int(&w, "i", INT64_MIN);
    json_put_double(&w, "d", 0.1);
    json_put_bool(&w, "t", true);
    json_put_str(&w, "n", NULL);
    json_open(&w, "l", '[');
    json_put_str(&w, NULL, "\xf0\x9f\x98\x80");
    json_open(&w, NULL, '{');
    json_close(&w, '}');
    json_close(&w, ']');
    json_close(&w, '}');
    is_str(w.buf.data,
           "{\"s\":\"a\\\"\\\\\\n\\t\\u0001\\u007f\\u0000z\",\"bad\":\"x\xef\xbf\xbd\xef\xbf\xbdy\","
           "\"i\":-9223372036854775808,\"d\":0.1,\"t\":true,\"n\":null,\"l\":[\"\xf0\x9f\x98\x80\",{}]}",
           "writer");
    buf_finish(&w.buf);
}

static void test_base64(void)
{
    for (size_t len = 0; len < 260; len++) {
        char data[260] = "", *back = NULL; /* of which none is used at first, and gcc 14 minds */
        size_t back_len = 0;
        for (size_t i = 0; i < len; i++)
            data[i] = (char)(i * 7 + len);
        struct json_writer w = {0};
        json_put_base64(&w, NULL, data, len);
        int r = base64_decode(w.buf.data + 1, w.buf.len - 2, &back, &back_len);
        if (r != 0 || back_len != len || memcmp(back, data, len) != 0)
            ok(false, "base64 of %zu bytes comes back", len);
        free(back);
        buf_finish(&w.buf);
    }
    ok(true, "base64 of 0 to 259 bytes comes back");
    char *none = NULL;
    size_t none_len;
    static const char *const wrong[] = {"a", "ab=c", "====", "ab-_", "abc\n", "ab==abcd", "a==="};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        ok(base64_decode(wrong[i], strlen(wrong[i]), &none, &none_len) == -EINVAL, "not base64: case %zu", i);
}

int main(void)
{
    test_refusals();
    test_too_many_values();
    test_accepted();
    test_writer();
    test_base64();
    return done_testing();
}
