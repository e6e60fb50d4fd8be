/* Owns the h2o context, and the list of calls that are not GONE.
 *
 * A call lives in two worlds. h2o's request may die at any time; an anchor in the request's memory pool then takes the
 * call's `req` away and drops h2o's reference. Handlers hold references of their own. So `req` is valid exactly while
 * state is not CALL_GONE, and http_answer and stream_send are the only places that send.
 *
 * h2o reads nothing from a connection while a handler waits, so it does not see a client leave (h2o#1525): a sweep
 * once a second asks the kernel, and ends what nobody listens to. */
#include "http.h"
#include "call.h"
#include "figures.h"
#include "guard.h"
#include "linger.h"
#include "listener.h"
#include "log.h"
#include "request_head.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <h2o.h>
#include <h2o/http1.h>

enum {
    SWEEP_MS = 1000,
    SMALL_BODY = 64 * 1024,  /* up to this, a request or an answer is taken whatever else is held */
    SEND_TIMEOUT_MS = 60000, /* a client that takes no byte of its answer for so long is cut off */
};

struct http {
    struct listener *listener;
    uv_timer_t sweep;
    h2o_globalconf_t conf;
    h2o_context_t ctx;
    h2o_accept_ctx_t accept;
    const struct http_route *routes;
    size_t route_count;
    bool (*begin)(struct call *call);
    void (*admit)(struct call *call, const struct http_route *route);
    struct master *master;
    struct call calls; /* head of the ring of calls that are not GONE */
    size_t max_held_bytes;
    size_t answer_bytes; /* of answers that are being made or sent */
    void (*on_drained)(void *arg);
    void *on_drained_arg;
};

struct handler {
    h2o_handler_t super;
    struct http *http;
};

struct anchor {
    struct call *call;
};

/* ---- a call's life -------------------------------------------------------------------------------------------- */

void http_ref(struct call *call)
{
    call->refs++;
}

void http_unref(struct call *call)
{
    assert(call->refs > 0);
    if (--call->refs == 0)
        free(call);
}

size_t http_open_calls(const struct call *call)
{
    size_t count = 0;
    const struct call *head = &call->http->calls;
    for (const struct call *at = head->next; at != head; at = at->next)
        count++;
    return count;
}

static void check_drained(struct http *http)
{
    if (!http->on_drained || http->calls.next != &http->calls)
        return;
    void (*on_drained)(void *) = http->on_drained;
    http->on_drained = NULL;
    on_drained(http->on_drained_arg);
}

static void stream_destroy(struct http_stream *stream);

/* h2o's request ends: its memory pool is being cleared. */
static void on_request_end(void *memory)
{
    struct call *call = ((struct anchor *)memory)->call;
    call->state = CALL_GONE;
    call->req = NULL;
    call->http->answer_bytes -= call->answer_bytes;
    call->prev->next = call->next;
    call->next->prev = call->prev;
    if (call->on_gone)
        call->on_gone(call->on_gone_arg);
    stream_destroy(call->stream);
    call->stream = NULL;
    check_drained(call->http);
    http_unref(call);
}

static struct call *call_start(struct http *http, h2o_req_t *req)
{
    struct call *call = xcalloc(1, sizeof *call);
    size_t path_len = req->query_at < req->path.len ? req->query_at : req->path.len;
    *call = (struct call){
        .master = http->master,
        .owner = "",
        .method = h2o_strdup(&req->pool, req->method.base, req->method.len).base,
        .path = h2o_strdup(&req->pool, req->path.base, path_len).base,
        .body = req->entity.base ? req->entity.base : "",
        .body_len = req->entity.base ? req->entity.len : 0,
        .refs = 1, /* the anchor's */
        .http = http,
        .req = req,
        .since_ms = now_mono_ms(),
        .prev = http->calls.prev,
        .next = &http->calls,
    };
    call->prev->next = call;
    call->next->prev = call;
    struct anchor *anchor = h2o_mem_alloc_shared(&req->pool, sizeof *anchor, on_request_end);
    anchor->call = call;
    return call;
}

const char *http_header(struct call *call, const char *name)
{
    if (call->state != CALL_OPEN)
        return NULL;
    h2o_req_t *req = call->req;
    ssize_t at = h2o_find_header_by_str(&req->headers, name, strlen(name), -1);
    if (at < 0)
        return NULL;
    h2o_iovec_t value = req->headers.entries[at].value;
    return h2o_strdup(&req->pool, value.base, value.len).base;
}

const char *http_header_all(struct call *call, const char *name)
{
    struct buf all = {0};
    ssize_t at = -1;
    if (call->state != CALL_OPEN)
        return NULL;
    h2o_req_t *req = call->req;
    while ((at = h2o_find_header_by_str(&req->headers, name, strlen(name), at)) >= 0) {
        if (all.data)
            buf_add_str(&all, ", ");
        buf_add(&all, req->headers.entries[at].value.base, req->headers.entries[at].value.len);
    }
    const char *joined = all.data ? h2o_strdup(&req->pool, all.data, all.len).base : NULL;
    buf_finish(&all);
    return joined;
}

struct sockaddr_storage http_peer(struct call *call)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    if (call->req)
        call->req->conn->callbacks->get_peername(call->req->conn, (struct sockaddr *)&peer);
    return peer;
}

const char *http_query(struct call *call, const char *name)
{
    if (call->state != CALL_OPEN || call->req->query_at >= call->req->path.len)
        return NULL;
    h2o_req_t *req = call->req;
    size_t name_len = strlen(name);
    const char *at = req->path.base + req->query_at + 1;
    const char *end = req->path.base + req->path.len;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        if (len > name_len && memcmp(at, name, name_len) == 0 && at[name_len] == '=')
            return h2o_strdup(&req->pool, at + name_len + 1, len - name_len - 1).base;
        at += len + 1;
    }
    return NULL;
}

void http_add_header(struct call *call, const char *name, const char *value)
{
    if (call->state != CALL_OPEN)
        return;
    h2o_req_t *req = call->req;
    h2o_iovec_t n = h2o_strdup(&req->pool, name, strlen(name));
    h2o_iovec_t v = h2o_strdup(&req->pool, value, strlen(value));
    h2o_add_header_by_str(&req->pool, &req->res.headers, n.base, n.len, 1, NULL, v.base, v.len);
}

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Unknown";
}

static bool is_head(const struct call *call)
{
    return strcmp(call->method, "HEAD") == 0;
}

bool http_reserve(struct call *call, size_t len)
{
    struct http *http = call->http;
    if (call->state != CALL_OPEN)
        return true; /* whatever is made, nobody gets it */
    size_t others = http->answer_bytes - call->answer_bytes;
    if (len > SMALL_BODY && others + len > http->max_held_bytes) {
        call_retry_later(call, "overloaded", "too many large answers are on their way", 1);
        return false;
    }
    http->answer_bytes = others + len;
    call->answer_bytes = len;
    return true;
}

void http_answer(struct call *call, int status, const char *content_type, const char *body, size_t len)
{
    if (is_head(call))
        len = 0;
    if (call->state != CALL_OPEN || !http_reserve(call, len))
        return;
    h2o_req_t *req = call->req;
    guard_log_answer(call, status, body, len);
    figures_answered(call->route, call->method, status, now_mono_ms() - call->since_ms);
    http_add_header(call, "content-type", content_type);
    req->res.status = status;
    req->res.reason = reason_phrase(status);
    /* Of HEAD, 204 and 304 a length would be that of the body it stands for. */
    req->res.content_length = is_head(call) || status == 204 || status == 304 ? SIZE_MAX : len;
    call->state = CALL_ANSWERED;
    call->since_ms = now_mono_ms();
    call->on_gone = NULL;
    h2o_send_inline(req, body, len); /* may end the request: the last statement that touches it */
}

static int request_fd(const h2o_req_t *req)
{
    return h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn));
}

/* ---- answers that go on ----------------------------------------------------------------------------------------- */

/* h2o takes one send at a time, and keeps pointing into it until it asks for more. */
struct http_stream {
    h2o_generator_t super;
    struct call *call;
    struct buf sending; /* what h2o has */
    struct buf waiting; /* what comes after it */
    bool sent;          /* h2o has not asked for more yet */
};

static void stream_destroy(struct http_stream *stream)
{
    if (!stream)
        return;
    buf_finish(&stream->sending);
    buf_finish(&stream->waiting);
    free(stream);
}

/* Sends what waits, and the end when that is the last; where nothing is to be sent, nothing. */
static void stream_send(struct http_stream *stream)
{
    struct call *call = stream->call;
    bool last = call->state == CALL_ANSWERED;
    if (stream->sent || (stream->waiting.len == 0 && !last))
        return;
    buf_finish(&stream->sending);
    stream->sending = stream->waiting;
    stream->waiting = (struct buf){0};
    stream->sent = true;
    call->since_ms = now_mono_ms();
    h2o_iovec_t data = h2o_iovec_init(stream->sending.data, stream->sending.len);
    /* May end the request, and the stream with it. */
    h2o_send(call->req, &data, data.len > 0 ? 1 : 0, last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

/* What is held for a client counts, as an answer does. */
static void stream_count(const struct http_stream *stream, size_t len)
{
    struct call *call = stream->call;
    call->http->answer_bytes += len - call->answer_bytes;
    call->answer_bytes = len;
}

static void on_stream_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    struct http_stream *stream = container_of(generator, struct http_stream, super);
    (void)req;
    stream->sent = false;
    stream_count(stream, stream->waiting.len);
    stream_send(stream);
}

/* on_request_end follows. */
static void on_stream_stop(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)generator;
    (void)req;
}

void http_stream_begin(struct call *call, const char *content_type)
{
    if (call->state != CALL_OPEN)
        return;
    h2o_req_t *req = call->req;
    struct http_stream *stream = xcalloc(1, sizeof *stream);
    *stream = (struct http_stream){.super = {on_stream_proceed, on_stream_stop}, .call = call};
    call->stream = stream;
    figures_answered(call->route, call->method, 200, now_mono_ms() - call->since_ms);
    log_event(LOG_DEBUG, "streaming", LOG_TEXT("method", call->method), LOG_TEXT("path", call->path));
    figures_answered(call->route, call->method, 200, now_mono_ms() - call->since_ms);
    http_add_header(call, "content-type", content_type);
    req->res.status = 200;
    req->res.reason = reason_phrase(200);
    req->res.content_length = SIZE_MAX;
    call->state = CALL_STREAMING;
    h2o_start_response(req, &stream->super);
}

void http_stream_write(struct call *call, const char *data, size_t len)
{
    if (call->state != CALL_STREAMING || len == 0)
        return;
    size_t unsent = http_stream_unsent(call) + len;
    if (unsent > SMALL_BODY && call->http->answer_bytes - call->answer_bytes + unsent > call->http->max_held_bytes) {
        log_event(LOG_WARN, "stream cut, too much is unread", LOG_TEXT("path", call->path));
        shutdown(request_fd(call->req), SHUT_RDWR);
        data = "\n"; /* what cannot be written makes h2o notice */
        len = 1;
        unsent = 1;
    }
    stream_count(call->stream, unsent);
    buf_add(&call->stream->waiting, data, len);
    stream_send(call->stream);
}

size_t http_stream_unsent(const struct call *call)
{
    const struct http_stream *stream = call->stream;
    return stream ? stream->waiting.len + (stream->sent ? stream->sending.len : 0) : 0;
}

void http_stream_end(struct call *call)
{
    if (call->state != CALL_STREAMING)
        return;
    call->state = CALL_ANSWERED;
    call->on_gone = NULL;
    stream_send(call->stream);
}

/* ---- clients that left, clients that do not read ---------------------------------------------------------------- */

/* The client left: whoever waits on its behalf is told; a send that must fail makes h2o close the connection. */
static void drop(struct call *call)
{
    void (*on_gone)(void *) = call->on_gone;
    if (call->state == CALL_STREAMING) {
        shutdown(request_fd(call->req), SHUT_RDWR);
        http_stream_end(call);
        if (on_gone)
            on_gone(call->on_gone_arg);
        return;
    }
    call->req->http1_is_persistent = 0;
    call_error(call, 400, "client_left", NULL, "the client closed its side of the connection");
    if (on_gone)
        on_gone(call->on_gone_arg);
}

/* The client takes nothing of what was sent to it. */
static bool is_stuck(const struct call *call)
{
    bool sending = call->state == CALL_ANSWERED || (call->state == CALL_STREAMING && call->stream->sent);
    return sending && now_mono_ms() - call->since_ms > SEND_TIMEOUT_MS;
}

static void on_sweep(uv_timer_t *timer)
{
    struct http *http = timer->data;
    size_t count = 0;
    for (struct call *call = http->calls.next; call != &http->calls; call = call->next)
        count++;
    if (count == 0)
        return;
    /* One system call for all of them. POLLRDHUP also tells when unread bytes stand before the end. */
    cleanup_free struct pollfd *fds = xcalloc(count, sizeof *fds);
    cleanup_free struct call **calls = xcalloc(count, sizeof *calls);
    size_t i = 0;
    for (struct call *call = http->calls.next; call != &http->calls; call = call->next, i++) {
        http_ref(call);
        calls[i] = call;
        fds[i] = (struct pollfd){.fd = request_fd(call->req), .events = POLLRDHUP};
    }
    int ready = poll(fds, count, 0);
    for (i = 0; i < count; i++) {
        if (ready > 0 && (calls[i]->state == CALL_OPEN || calls[i]->state == CALL_STREAMING) && fds[i].revents)
            drop(calls[i]);
        else if (is_stuck(calls[i]))
            shutdown(fds[i].fd, SHUT_RDWR); /* h2o has no time limit for writing: this fails the write */
        http_unref(calls[i]);
    }
}

/* ---- routes ------------------------------------------------------------------------------------------------------ */

/* Whether the path matches; *ret_id is what {id} stands for, `*ret_len` bytes, or NULL. */
static bool route_matches(const struct http_route *route, const char *path, const char **ret_id, size_t *ret_len)
{
    const char *brace = strstr(route->pattern, "{id}");
    *ret_id = NULL;
    if (!brace)
        return strcmp(route->pattern, path) == 0;
    size_t prefix = (size_t)(brace - route->pattern);
    if (strncmp(route->pattern, path, prefix) != 0)
        return false;
    *ret_id = path + prefix;
    *ret_len = strcspn(path + prefix, "/");
    return *ret_len > 0 && strcmp(*ret_id + *ret_len, brace + strlen("{id}")) == 0;
}

static bool method_matches(const struct http_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static void dispatch(struct http *http, struct call *call)
{
    struct buf allow = {0};
    if (http->begin(call))
        return;
    for (size_t i = 0; i < http->route_count; i++) {
        const struct http_route *route = &http->routes[i];
        const char *id;
        size_t id_len = 0;
        if (!route_matches(route, call->path, &id, &id_len))
            continue;
        if (method_matches(route, call->method)) {
            buf_finish(&allow);
            call->route = route;
            call->id = id ? h2o_strdup(&call->req->pool, id, id_len).base : NULL;
            http->admit(call, route);
            return;
        }
        buf_printf(&allow, "%s%s%s", allow.len ? ", " : "", route->method,
                   strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
    }
    if (allow.len > 0) {
        http_add_header(call, "allow", allow.data);
        call_error(call, 405, "method_not_allowed", NULL, "this path does not take that method");
    } else {
        call_not_found(call, "no such path");
    }
    buf_finish(&allow);
}

/* The bytes as they came: what h2o made of them does not show what it skipped. */
static const char *head_fault(const h2o_req_t *req)
{
    const h2o_buffer_t *input = req->conn->callbacks->get_socket(req->conn)->input;
    return request_head_fault(input->bytes, input->size);
}

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    struct http *http = container_of(handler, struct handler, super)->http;
    struct call *call = call_start(http, req);
    const char *fault = head_fault(req);
    http_ref(call);
    if (fault) {
        req->http1_is_persistent = 0; /* who knows where the next one begins */
        call_error(call, 400, "bad_request", NULL, fault);
    } else if (call->body_len > SMALL_BODY && listener_is_over_budget(http->listener)) {
        call_retry_later(call, "overloaded", "too many large requests wait for their answers", 1);
    } else {
        dispatch(http, call);
    }
    http_unref(call);
    return 0;
}

/* ---- every answer's headers, and h2o's own errors in our form -------------------------------------------------- */

struct error_stream {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

static void on_error_send(h2o_ostream_t *stream, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                          h2o_send_state_t state)
{
    struct error_stream *error = container_of(stream, struct error_stream, super);
    (void)bufs;
    h2o_ostream_send_next(stream, req, &error->body, count > 0 ? 1 : 0, state);
}

/* h2o answers some requests before any handler sees them (413, 417, broken chunks), as text/plain. */
static bool is_own_error(const h2o_req_t *req)
{
    ssize_t at = h2o_find_header(&req->res.headers, H2O_TOKEN_CONTENT_TYPE, -1);
    return req->res.status >= 400 && at >= 0 &&
           h2o_strstr(req->res.headers.entries[at].value.base, req->res.headers.entries[at].value.len,
                      H2O_STRLIT("text/plain")) == 0;
}

static h2o_iovec_t own_error_body(h2o_req_t *req)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_open(&w, "error", '{');
    json_put_str(&w, "code", req->res.status == 413 ? "body_too_large" : "bad_request");
    if (req->res.status == 413) {
        char message[64];
        snprintf(message, sizeof message, "the body is larger than %zu bytes",
                 req->conn->ctx->globalconf->max_request_entity_size);
        json_put_str(&w, "message", message);
    } else {
        json_put_str(&w, "message", req->res.reason);
    }
    json_put_null(&w, "field");
    json_close(&w, '}');
    json_close(&w, '}');
    h2o_iovec_t body = h2o_strdup(&req->pool, w.buf.data, w.buf.len);
    buf_finish(&w.buf);
    return body;
}

static void set_header(h2o_req_t *req, const char *name, const char *value)
{
    h2o_set_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 1, value, strlen(value), 0);
}

static void on_response(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)filter;
    set_header(req, "cache-control", "no-store");
    set_header(req, "content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    set_header(req, "referrer-policy", "no-referrer");
    set_header(req, "x-content-type-options", "nosniff");
    set_header(req, "x-frame-options", "DENY");
    if (is_own_error(req)) {
        figures_answered(NULL, "none", req->res.status, 0);
        struct error_stream *error =
            container_of(h2o_add_ostream(req, sizeof *error, slot), struct error_stream, super);
        error->super.do_send = on_error_send;
        error->body = own_error_body(req);
        req->res.content_length = error->body.len;
        h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE,
                       H2O_STRLIT("application/json; charset=utf-8"), 1);
        slot = &error->super.next;
        linger(req->conn->ctx->loop, request_fd(req)); /* the rest of its body may be on its way */
    }
    h2o_setup_next_ostream(req, slot);
}

/* ---- the module ------------------------------------------------------------------------------------------------ */

static void configure(struct http *http, const struct http_options *options)
{
    h2o_config_init(&http->conf);
    http->conf.server_name = h2o_iovec_init(H2O_STRLIT("sentinel"));
    http->conf.max_request_entity_size = options->max_body_bytes;
    http->conf.http1.req_timeout = (uint64_t)options->request_timeout_ms;
    http->conf.http1.upgrade_to_http2 = 0; /* rapid reset (CVE-2023-44487) is not fixed in 2.2.5 */
    h2o_hostconf_t *host = h2o_config_register_host(&http->conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct handler *handler = container_of(h2o_create_handler(path, sizeof *handler), struct handler, super);
    handler->super.on_req = on_request;
    handler->http = http;
    /* What h2o answers by itself goes by the fallback path. */
    h2o_create_filter(path, sizeof(h2o_filter_t))->on_setup_ostream = on_response;
    h2o_create_filter(&host->fallback_path, sizeof(h2o_filter_t))->on_setup_ostream = on_response;
}

int http_create(uv_loop_t *loop, const struct http_options *options, struct http **ret_http, struct err *err)
{
    struct listener *listener;
    int r = listener_create(loop,
                            &(struct listener_options){.host = options->host,
                                                       .port = options->port,
                                                       .max_connections = options->max_connections,
                                                       .max_held_bytes = options->max_held_bytes},
                            &listener, err);
    if (r < 0)
        return r;
    struct http *http = xcalloc(1, sizeof *http);
    http->listener = listener;
    http->routes = options->routes;
    http->route_count = options->route_count;
    http->begin = options->begin;
    http->admit = options->admit;
    http->master = options->master;
    http->max_held_bytes = options->max_held_bytes;
    http->calls.prev = http->calls.next = &http->calls;
    configure(http, options);
    h2o_context_init(&http->ctx, loop, &http->conf);
    http->accept = (h2o_accept_ctx_t){.ctx = &http->ctx, .hosts = http->conf.hosts};
    listener_start(listener, &http->accept);
    uv_timer_init(loop, &http->sweep);
    http->sweep.data = http;
    uv_timer_start(&http->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    *ret_http = http;
    return 0;
}

int http_port(const struct http *http)
{
    return listener_port(http->listener);
}

static void on_listener_stopped(void *arg)
{
    check_drained(arg);
}

void http_drain(struct http *http, void (*on_drained)(void *arg), void *arg)
{
    http->on_drained = on_drained;
    http->on_drained_arg = arg;
    h2o_context_request_shutdown(&http->ctx);
    listener_stop(http->listener, on_listener_stopped, http);
}
