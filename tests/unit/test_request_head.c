/* What is refused of a request's head, and what must pass. */
#include "base.h"
#include "request_head.h"
#include "tap.h"

#include <string.h>

static const char *fault(const char *text)
{
    return request_head_fault(text, strlen(text));
}

static void test_good(void)
{
    static const char *const good[] = {
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nhost:x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /\nHost: y",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\nX-Content-Length: 1\r\nContent-Lengthy: 2\r\nx!#$%&'*+-.^_`|~9: \t a:b\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ok(!fault(good[i]), "good %zu: %s", i, fault(good[i]) ? fault(good[i]) : "");
}

static void test_bad(void)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"GET / HTTP/1.1\nHost: x\r\n\r\n", "CRLF"},
        {"GET / HTTP/1.1\r\nHost: x\n\r\n", "CRLF"},
        {"GET / HTTP/1.1\r\nHost: x\r\n\n", "CRLF"},
        {"GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", "CRLF"},
        {"GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", "CRLF"},
        {"GET / HTTP/1.1\r\nHost: x\r\n", "CRLF"},
        {"", "CRLF"},
        {"GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n", "header line"},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\n", "header line"},
        {"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", "header line"},
        {"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", "header line"},
        {"GET / HTTP/1.1\r\nHost: x\r\nX\x0b: y\r\n\r\n", "header line"},
        {"GET / HTTP/1.1\r\n\r\n", "Host"},
        {"GET / HTTP/1.1\r\nHost: x\r\nhOST: y\r\n\r\n", "Host"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n", "length"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "length"},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", "length"},
        {"POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "length"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *found = fault(bad[i].text);
        ok(found && strstr(found, bad[i].words), "bad %zu: %s", i, found ? found : "passes");
    }
    static const char nul[] = "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n";
    ok(request_head_fault(nul, sizeof nul - 1), "a NUL");
}

static void test_long(void)
{
    const int many = 100 * 1024;
    cleanup_free char *text = xasprintf("GET / HTTP/1.1\r\nHost: x\r\nX: %0*d\r\n\r\n", many, 0);
    ok(fault(text) && strstr(fault(text), "too long"), "100 KB of headers");
}

int main(void)
{
    test_good();
    test_bad();
    test_long();
    return done_testing();
}
