/* Cookies are no credentials here, so "*" is safe to say: a page has no key but what its user gave it. */
#include "cors.h"

#include <errno.h>
#include <string.h>

static bool origin_valid(const char *origin, size_t len)
{
    size_t scheme = len > 8 && strncmp(origin, "https://", 8) == 0  ? 8
                    : len > 7 && strncmp(origin, "http://", 7) == 0 ? 7
                                                                    : 0;
    return scheme && strcspn(origin + scheme, "/?#@*\"' ") >= len - scheme;
}

int cors_check(const char *origins, struct err *err)
{
    for (const char *at = origins; *(at += strspn(at, ", "));) {
        size_t len = strcspn(at, ", ");
        if (!(len == 1 && *at == '*') && !origin_valid(at, len))
            return err_set_field(err, EINVAL, "cors-origins",
                                 "cors-origins has \"%.*s\": it must be * or an origin such as https://app.example",
                                 len < 64 ? (int)len : 64, at);
        at += len;
    }
    return 0;
}

static bool allowed(const char *origins, const char *origin)
{
    size_t want = strlen(origin);
    for (const char *at = origins; *(at += strspn(at, ", "));) {
        size_t len = strcspn(at, ", ");
        if ((len == 1 && *at == '*') || (len == want && strncmp(at, origin, len) == 0))
            return true;
        at += len;
    }
    return false;
}

bool cors_handle(struct call *call, const char *origins)
{
    const char *origin = *origins ? http_header(call, "origin") : NULL;
    if (!origin)
        return false;
    http_add_header(call, "vary", "Origin");
    if (!allowed(origins, origin))
        return false;
    http_add_header(call, "access-control-allow-origin", origin);
    http_add_header(call, "access-control-expose-headers",
                    "Location, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset");
    if (strcmp(call->method, "OPTIONS") != 0 || !http_header(call, "access-control-request-method"))
        return false;
    http_add_header(call, "access-control-allow-methods", "GET, HEAD, POST, DELETE");
    http_add_header(call, "access-control-allow-headers",
                    "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-Auth-Token");
    http_add_header(call, "access-control-max-age", "600");
    http_answer(call, 204, "text/plain", "", 0);
    return true;
}
