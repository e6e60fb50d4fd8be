/* Parsing of Redis addresses. No message repeats the input: it may hold a password. */
#include "redis_url.h"

#include <errno.h>
#include <string.h>

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* NULL when a percent sign is not followed by two digits, or stands for NUL. */
static char *percent_decode(const char *text, size_t len)
{
    cleanup_free char *out = xmalloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0 || high + low == 0)
                return NULL;
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return steal_pointer(&out);
}

static int parse_user(const char *text, size_t len, struct redis_url *url, struct err *err)
{
    const char *colon = memchr(text, ':', len);
    size_t user_len = colon ? (size_t)(colon - text) : len;
    if (user_len > 0 && !(url->user = percent_decode(text, user_len)))
        return err_set(err, EINVAL, "the user name's percent encoding is broken");
    if (colon && !(url->password = percent_decode(colon + 1, len - user_len - 1)))
        return err_set(err, EINVAL, "the password's percent encoding is broken");
    if (url->user && !url->password)
        return err_set(err, EINVAL, "a user name needs a password behind it");
    return 0;
}

static int parse_number(const char *text, size_t len, int most, int *ret_number)
{
    int number = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || number > most)
            return -EINVAL;
        number = number * 10 + (text[i] - '0');
    }
    if (len == 0 || number > most)
        return -EINVAL;
    *ret_number = number;
    return 0;
}

static int parse_host(const char *text, size_t len, struct redis_url *url, struct err *err)
{
    const char *end = text + len;
    bool bracketed = len > 0 && text[0] == '[';
    const char *host_end = memchr(text, bracketed ? ']' : ':', len);
    const char *host = bracketed ? text + 1 : text;
    if (bracketed && !host_end)
        return err_set(err, EINVAL, "the IPv6 address lacks its closing bracket");
    if (!host_end)
        host_end = end;
    if (host_end == host)
        return err_set(err, EINVAL, "there is no host; allowed is redis://[[user][:password]@]host[:port][/db]");
    const char *port = host_end + (bracketed ? 1 : 0);
    int number = 6379;
    if (port < end && (*port != ':' || parse_number(port + 1, (size_t)(end - port - 1), 65535, &number) < 0 || !number))
        return err_set(err, EINVAL, "the port must be 1 to 65535");
    url->host = xstrndup(host, (size_t)(host_end - host));
    url->port = number;
    return 0;
}

static int parse_rest(const char *rest, bool is_unix, struct redis_url *url, struct err *err)
{
    const char *query = strchr(rest, '?');
    size_t path_len = query ? (size_t)(query - rest) : strlen(rest);
    const char *db = query ? query + 1 : "";
    if (query && strncmp(db, "db=", 3) != 0)
        return err_set(err, EINVAL, "the only parameter allowed is db");
    if (query && parse_number(db + 3, strlen(db + 3), 1 << 20, &url->db) < 0)
        return err_set(err, EINVAL, "db must be a number");
    if (is_unix) {
        if (path_len == 0)
            return err_set(err, EINVAL, "there is no path; allowed is unix://[[user][:password]@]/path[?db=0]");
        url->path = xstrndup(rest, path_len);
    } else if (path_len > 1 && parse_number(rest + 1, path_len - 1, 1 << 20, &url->db) < 0) {
        return err_set(err, EINVAL, "the path must be a database's number");
    }
    return 0;
}

int redis_url_parse(const char *text, struct redis_url *ret_url, struct err *err)
{
    bool is_unix = strncmp(text, "unix://", 7) == 0, is_tls = strncmp(text, "rediss://", 9) == 0;
    if (!is_unix && !is_tls && strncmp(text, "redis://", 8) != 0)
        return err_set(err, EINVAL, "a Redis address begins with redis://, rediss:// or unix://");

    const char *authority = strchr(text, ':') + 3;
    const char *rest = authority + strcspn(authority, "/?");
    const char *at = memrchr(authority, '@', (size_t)(rest - authority));
    const char *host = at ? at + 1 : authority;
    struct redis_url url = {.tls = is_tls};
    int rc = at ? parse_user(authority, (size_t)(at - authority), &url, err) : 0;
    if (rc == 0 && is_unix && host != rest)
        rc = err_set(err, EINVAL, "a unix socket's address has no host: unix:///path");
    if (rc == 0 && !is_unix)
        rc = parse_host(host, (size_t)(rest - host), &url, err);
    if (rc == 0)
        rc = parse_rest(rest, is_unix, &url, err);
    if (rc < 0)
        redis_url_finish(&url);
    else
        *ret_url = url;
    return rc;
}

void redis_url_finish(struct redis_url *url)
{
    free(url->host);
    free(url->path);
    free(url->user);
    free(url->password);
    *url = (struct redis_url){0};
}
