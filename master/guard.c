/* Owns the keys. Without any, every route but the admin's is open to everybody who reaches the port, which is why such
 * a master serves loopback addresses only, unless it is told to. A call keeps a copy of its key's id: the keys may be
 * loaded anew while it waits. */
#include "guard.h"
#include "cors.h"
#include "keys.h"
#include "log.h"
#include "master.h"
#include "ratelimit.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>

#include <netinet/in.h>

struct guard {
    const struct config *config;
    struct keys *keys;
    bool open[ACCESS_COUNT]; /* routes that want no key even where there are keys */
};

/* ---- settings -------------------------------------------------------------------------------------------------- */

/* Of the routes that may be opened, by the names that the setting has for them. */
static const char *const open_names[ACCESS_COUNT] = {
    [ACCESS_DOCS] = "docs", [ACCESS_HEALTH] = "health",   [ACCESS_LANGUAGES] = "languages",
    [ACCESS_LOAD] = "load", [ACCESS_METRICS] = "metrics",
};

static int open_route(struct guard *guard, const char *name, size_t len, struct err *err)
{
    for (size_t i = 0; i < ACCESS_COUNT; i++)
        if (open_names[i] && strlen(open_names[i]) == len && strncmp(open_names[i], name, len) == 0) {
            guard->open[i] = true;
            return 0;
        }
    return err_set_field(err, EINVAL, "open-routes",
                         "open-routes has \"%.*s\": its names are docs, health, languages, load and metrics",
                         len < 64 ? (int)len : 64, name);
}

static int read_open_routes(struct guard *guard, const char *names, struct err *err)
{
    int r = 0;
    guard->open[ACCESS_PROBE] = true;
    while (r == 0 && *(names += strspn(names, ", "))) {
        size_t len = strcspn(names, ", ");
        r = open_route(guard, names, len, err);
        names += len;
    }
    return r;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24) == 127;
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(in6) || (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
}

/* A name that does not resolve is not our complaint: listening will say so. */
static bool serves_loopback_only(const char *host)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    bool loopback = true;
    if (getaddrinfo(*host ? host : NULL, "0", &hints, &found) != 0)
        return true;
    for (const struct addrinfo *at = found; at; at = at->ai_next)
        loopback = loopback && is_loopback(at->ai_addr);
    freeaddrinfo(found);
    return loopback;
}

static int check_exposure(const struct guard *guard, struct err *err)
{
    const struct config *config = guard->config;
    if (keys_count(guard->keys) > 0 || strcmp(config->allow_open, "true") == 0 || serves_loopback_only(config->host))
        return 0;
    return err_set_field(
        err, EPERM, "host",
        "host %.64s is not a loopback address and there is no API key: anybody who reaches it could run "
        "programs. Make a key (sentinel-master key add NAME) and set keys-file or api-keys, or set "
        "allow-open to true where something in front keeps strangers out",
        config->host);
}

static void guard_destroy(struct guard *guard)
{
    keys_destroy(guard->keys);
    free(guard);
}

int guard_create(const struct config *config, struct guard **ret_guard, struct err *err)
{
    struct guard *guard = xcalloc(1, sizeof *guard);
    guard->config = config;
    int r = read_open_routes(guard, config->open_routes, err);
    if (r == 0)
        r = keys_load(config->keys_file, config->api_keys, &guard->keys, err);
    if (r == 0)
        r = check_exposure(guard, err);
    if (r == 0)
        r = cors_check(config->cors_origins, err);
    if (r < 0)
        guard_destroy(guard);
    else
        *ret_guard = guard;
    return r;
}

int guard_reload(struct guard *guard, struct err *err)
{
    struct keys *keys;
    int r = keys_load(guard->config->keys_file, guard->config->api_keys, &keys, err);
    if (r < 0)
        return r;
    /* Losing the last key would open to everybody what was closed: an emptied file is taken for a mistake. */
    if (keys_count(keys) == 0 && keys_count(guard->keys) > 0) {
        keys_destroy(keys);
        return err_set(err, EINVAL, "there is no key in it any more; a master without keys wants a restart");
    }
    keys_destroy(guard->keys);
    guard->keys = keys;
    return 0;
}

size_t guard_key_count(const struct guard *guard)
{
    return keys_count(guard->keys);
}

void guard_put_keys(const struct guard *guard, struct json_writer *w)
{
    for (size_t i = 0; i < keys_count(guard->keys); i++) {
        const struct key *key = keys_at(guard->keys, i);
        json_open(w, NULL, '{');
        json_put_str(w, "id", key->id);
        json_put_str(w, "role", key_role_name(key->role));
        json_close(w, '}');
    }
}

/* ---- a call ---------------------------------------------------------------------------------------------------- */

/* What the client presented as its token; NULL: nothing. */
static const char *presented_token(struct call *call)
{
    static const char scheme[] = "bearer ";
    size_t len = sizeof scheme - 1;
    const char *authorization = http_header(call, "authorization");
    if (authorization && strncasecmp(authorization, scheme, len) == 0)
        return authorization + len + strspn(authorization + len, " ");
    return http_header(call, "x-auth-token");
}

static void audit(struct call *call, const char *event, const char *why)
{
    char client[ADDRESS_TEXT_SIZE];
    address_format(call_address(call), client);
    log_audit(event, LOG_TEXT("why", why), LOG_TEXT("key", *call->owner ? call->owner : NULL),
              LOG_TEXT("client", client), LOG_TEXT("method", call->method), LOG_TEXT("path", call->path));
}

enum verdict_on_key { KEY_GOOD, KEY_MISSING, KEY_WRONG, KEY_NOT_ALLOWED, KEY_NOT_ADMIN, KEY_NONE_SET };

static const struct refusal {
    int status;
    const char *code, *message;
} refusals[] = {
    [KEY_MISSING] = {401, "key_required", "send an API key as \"Authorization: Bearer KEY\" or X-Auth-Token"},
    [KEY_WRONG] = {401, "invalid_key", "this API key is not known"},
    [KEY_NOT_ALLOWED] = {403, "key_not_allowed", "this key's role may not do that"},
    [KEY_NOT_ADMIN] = {403, "admin_key_required", "this needs an admin key"},
    [KEY_NONE_SET] = {403, "no_admin_key", "this needs an admin key, and this service has no keys"},
};

static void refuse(struct call *call, enum verdict_on_key verdict)
{
    const struct refusal *refusal = &refusals[verdict];
    audit(call, "refused", refusal->code);
    if (refusal->status == 401)
        http_add_header(call, "www-authenticate", verdict == KEY_WRONG ? "Bearer error=\"invalid_token\"" : "Bearer");
    call_error(call, refusal->status, refusal->code, "Authorization", refusal->message);
}

static bool role_may(enum key_role role, enum access access)
{
    switch (access) {
    case ACCESS_ADMIN:
        return role == KEY_ADMIN;
    case ACCESS_METRICS:
        return role != KEY_USER;
    case ACCESS_KEY:
        return role != KEY_MONITOR;
    case ACCESS_PROBE:
    case ACCESS_HEALTH:
    case ACCESS_LANGUAGES:
    case ACCESS_LOAD:
    case ACCESS_DOCS:
        return true;
    case ACCESS_COUNT:
        break;
    }
    abort();
}

static enum verdict_on_key check_key(const struct guard *guard, struct call *call, enum access access)
{
    if (keys_count(guard->keys) == 0)
        return access == ACCESS_ADMIN ? KEY_NONE_SET : KEY_GOOD;
    if (guard->open[access])
        return KEY_GOOD;
    const char *token = presented_token(call);
    const struct key *key = token ? keys_find(guard->keys, token) : NULL;
    if (!key)
        return token ? KEY_WRONG : KEY_MISSING;
    call_set_owner(call, key->id, key->role == KEY_ADMIN);
    if (role_may(key->role, access))
        return KEY_GOOD;
    return access == ACCESS_ADMIN ? KEY_NOT_ADMIN : KEY_NOT_ALLOWED;
}

bool guard_begin(struct call *call)
{
    return cors_handle(call, call->master->config.cors_origins);
}

static void pass(struct call *call)
{
    if (call->admission != KEY_GOOD) {
        refuse(call, (enum verdict_on_key)call->admission);
        return;
    }
    if (call->route->access == ACCESS_ADMIN)
        audit(call, "admin call", NULL);
    call->route->handle(call);
}

enum { LOGGED_BODY_MOST = 2048 };

void guard_log_answer(struct call *call, int status, const char *body, size_t len)
{
    const char *wanted = call->master->config.log_requests;
    bool bodies = strcmp(wanted, "bodies") == 0, info = bodies || strcmp(wanted, "line") == 0;
    char client[ADDRESS_TEXT_SIZE];
    if (!info && !log_enabled(LOG_DEBUG))
        return;
    address_format(call_address(call), client);
    cleanup_free char *request =
        xstrndup(call->body, call->body_len < LOGGED_BODY_MOST ? call->body_len : LOGGED_BODY_MOST);
    cleanup_free char *answer = xstrndup(body ? body : "", len < LOGGED_BODY_MOST ? len : LOGGED_BODY_MOST);
    log_event(info ? LOG_INFO : LOG_DEBUG, "answered", LOG_TEXT("method", call->method), LOG_TEXT("path", call->path),
              LOG_INT("status", status), LOG_INT("ms", now_mono_ms() - call->since_ms), LOG_TEXT("client", client),
              LOG_TEXT("key", *call->owner ? call->owner : NULL), LOG_INT("requestBytes", call->body_len),
              LOG_INT("answerBytes", len), LOG_TEXT("request", bodies ? request : NULL),
              LOG_TEXT("answer", bodies ? answer : NULL));
}

/* A wrong key pays as well: whoever tries keys is slowed down like everybody. Probes and scrapes never pay. */
void guard_admit(struct call *call, const struct http_route *route)
{
    call->admission = check_key(call->master->guard, call, route->access);
    if (route->access == ACCESS_PROBE || route->access == ACCESS_METRICS)
        pass(call);
    else
        ratelimit_take(call, pass);
}
