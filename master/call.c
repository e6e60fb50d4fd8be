/* The forms in which every handler answers. Nothing here knows h2o. */
#include "call.h"
#include "figures.h"
#include "log.h"
#include "master.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char json_type[] = "application/json; charset=utf-8";

void call_set_owner(struct call *call, const char *key_id, bool admin)
{
    snprintf(call->owner_id, sizeof call->owner_id, "%s", key_id);
    call->owner = call->owner_id;
    call->admin = admin;
}

const struct address *call_address(struct call *call)
{
    if (!call->has_client) {
        struct sockaddr_storage peer = http_peer(call);
        struct address address = address_of_socket((struct sockaddr *)&peer);
        const struct address_list *trusted = &call->master->trusted_proxies;
        /* Looked up only behind a trusted proxy: nobody else's word counts. */
        bool behind = address_list_has(trusted, &address);
        call->client = address_of_client(trusted, &address, behind ? http_header_all(call, "x-forwarded-for") : NULL);
        call->has_client = true;
    }
    return &call->client;
}

bool call_may_see(const struct call *call, const char *owner)
{
    return call->admin || strcmp(call->owner, owner) == 0;
}

void call_reply(struct call *call, int status, struct json_writer *w)
{
    http_answer(call, status, json_type, w->buf.data, w->buf.len);
    buf_finish(&w->buf);
}

void call_put_error(struct json_writer *w, const char *code, const char *field, const char *message)
{
    metric_add(&figure_refusals, 1, code);
    json_open(w, "error", '{');
    json_put_str(w, "code", code);
    json_put_str(w, "message", message);
    json_put_str(w, "field", field && *field ? field : NULL);
    json_close(w, '}');
}

void call_error(struct call *call, int status, const char *code, const char *field, const char *message)
{
    struct json_writer w = {0};
    if (call->carrier->refuse) {
        metric_add(&figure_refusals, 1, code);
        call->carrier->refuse(call, status, code, field, message);
        return;
    }
    json_open(&w, NULL, '{');
    call_put_error(&w, code, field, message);
    json_close(&w, '}');
    call_reply(call, status, &w);
}

void call_timed_out(struct call *call, const char *id)
{
    struct json_writer w = {0};
    cleanup_free char *location = xasprintf("/job/%s", id);
    http_add_header(call, "location", location);
    json_open(&w, NULL, '{');
    call_put_error(&w, "timed_out", NULL, "the job has not ended in time: GET /job/{id} has its result later");
    json_put_str(&w, "id", id);
    json_close(&w, '}');
    call_reply(call, 504, &w);
}

void call_bad_request(struct call *call, const struct err *err)
{
    if (err->code == EBADMSG)
        call_error(call, 400, "malformed_json", err->field, err->msg);
    else
        call_error(call, 422, "invalid_request", err->field, err->msg);
}

/* A flood of refusals is a line every ten seconds for each code, not one each. */
static void log_refusing(const char *code)
{
    enum { PERIOD_MS = 10000, CODES = 8 };
    static struct {
        const char *code; /* literals */
        int64_t next_ms, count;
    } refusals[CODES];
    size_t i = 0;
    while (i + 1 < CODES && refusals[i].code && strcmp(refusals[i].code, code) != 0)
        i++;
    refusals[i].code = code;
    refusals[i].count++;
    if (now_mono_ms() < refusals[i].next_ms)
        return;
    log_event(LOG_WARN, "refusing", LOG_TEXT("code", code), LOG_INT("requests", refusals[i].count));
    refusals[i].next_ms = now_mono_ms() + PERIOD_MS;
    refusals[i].count = 0;
}

void call_retry_later(struct call *call, const char *code, const char *message, int64_t retry_after_s)
{
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%lld", (long long)(retry_after_s > 0 ? retry_after_s : 1));
    http_add_header(call, "retry-after", seconds);
    log_refusing(code);
    call_error(call, 503, code, NULL, message);
}

void call_store_failed(struct call *call, const struct err *err)
{
    call_retry_later(call, err->code == EIO ? "redis_refused" : "redis_unavailable", err->msg, 1);
}

void call_not_found(struct call *call, const char *what)
{
    call_error(call, 404, "not_found", NULL, what);
}

bool call_body_is_json(struct call *call)
{
    static const char wanted[] = "application/json";
    const char *type = http_header(call, "content-type");
    size_t len = sizeof wanted - 1;
    if (type && strncasecmp(type, wanted, len) == 0 && (type[len] == '\0' || strchr("; \t", type[len])))
        return true;
    call_error(call, 415, "unsupported_media_type", "Content-Type", "the body must be sent as application/json");
    return false;
}

/* The value of "wait" in a Prefer header such as "respond-async, wait=10" (RFC 7240), copied to `out`. */
static bool prefer_wait(const char *prefer, char *out, size_t size)
{
    while (*prefer) {
        prefer += strspn(prefer, ", \t");
        size_t len = strcspn(prefer, ",;");
        if (len > 5 && strncasecmp(prefer, "wait=", 5) == 0) {
            snprintf(out, size, "%.*s", (int)(len - 5), prefer + 5);
            return true;
        }
        prefer += strcspn(prefer, ",");
    }
    return false;
}

int call_flag(struct call *call, const char *name, bool *ret_flag, struct err *err)
{
    const char *text = http_query(call, name);
    bool on = text && (strcmp(text, "1") == 0 || strcmp(text, "true") == 0);
    if (text && !on && strcmp(text, "0") != 0 && strcmp(text, "false") != 0)
        return err_set_field(err, EINVAL, name, "%s must be 1 or 0", name);
    *ret_flag = on;
    return 0;
}

int call_wait_ms(struct call *call, int64_t default_s, int64_t *ret_ms, struct err *err)
{
    char preferred[16];
    const char *field = "wait";
    const char *text = http_query(call, "wait");
    if (!text) {
        const char *prefer = http_header(call, "prefer");
        field = "Prefer";
        text = prefer && prefer_wait(prefer, preferred, sizeof preferred) ? preferred : NULL;
    }
    if (!text) {
        *ret_ms = default_s * 1000;
        return 0;
    }
    int64_t most = call->master->config.max_wait_s;
    char *end;
    errno = 0;
    long seconds = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || seconds > most)
        return err_set_field(err, EINVAL, field, "wait must be a whole number of seconds from 0 to %lld",
                             (long long)most);
    *ret_ms = seconds * 1000;
    return 0;
}
