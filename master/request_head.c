/* One pass over the lines (RFC 9112, sections 2.2, 5 and 6). Names are compared whatever their case: h2o may have
 * lowered it by now. */
#include "request_head.h"
#include "base.h"

#include <string.h>
#include <strings.h>

enum { HEAD_MAX = 64 * 1024 };

struct seen {
    int host, length, encoding;
};

static bool is_token(const char *text, size_t len)
{
    static const char extra[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!plain && !memchr(extra, c, sizeof extra - 1))
            return false;
    }
    return len > 0;
}

static bool is_name(const char *text, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(text, name, len) == 0;
}

static const char *field_fault(const char *line, size_t len, struct seen *seen)
{
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon ? (size_t)(colon - line) : len;
    if (!colon || !is_token(line, name_len))
        return "a header line must be a name, a colon and a value, on one line";
    seen->host += is_name(line, name_len, "host");
    seen->length += is_name(line, name_len, "content-length");
    seen->encoding += is_name(line, name_len, "transfer-encoding");
    return NULL;
}

static const char *framing_fault(const struct seen *seen, bool wants_host)
{
    if (seen->length > 1 || seen->encoding > 1 || (seen->length && seen->encoding))
        return "the body's length must be given once, by Content-Length or by Transfer-Encoding";
    if (seen->host > 1 || (wants_host && seen->host == 0))
        return "there must be one Host header";
    return NULL;
}

/* The line's length without its CRLF, or -1: no such end, or a bare CR or NUL on the way. */
static ssize_t line_length(const char *line, const char *end)
{
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    if (!stop || stop == line || stop[-1] != '\r')
        return -1;
    size_t len = (size_t)(stop - 1 - line);
    return memchr(line, '\r', len) || memchr(line, '\0', len) ? -1 : (ssize_t)len;
}

const char *request_head_fault(const char *data, size_t len)
{
    struct seen seen = {0};
    const char *at = data, *end = data + len;
    bool wants_host = false;
    if (len >= 2 && memcmp(at, "\r\n", 2) == 0)
        at += 2; /* some clients end a body so */
    for (int number = 0;; number++) {
        ssize_t line_len = line_length(at, end);
        if (line_len < 0)
            return "lines must end with CRLF";
        if (line_len == 0)
            return framing_fault(&seen, wants_host);
        if (at + line_len - data > HEAD_MAX)
            return "the headers are too long";
        const char *fault = number ? field_fault(at, (size_t)line_len, &seen) : NULL;
        if (fault)
            return fault;
        if (number == 0)
            wants_host = memmem(at, (size_t)line_len, " HTTP/1.0", 9) == NULL;
        at += line_len + 2;
    }
}
