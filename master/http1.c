/* Owns the h2o context, and the list of its calls that are not GONE.
 *
 * A call lives in two worlds. h2o's request may die at any time; an anchor in the request's memory pool then takes the
 * call's `req` away and drops h2o's reference. Handlers hold references of their own. So `req` is valid exactly while
 * state is not CALL_GONE, and send_answer and http1_stream.c's stream_send are the only places that send.
 *
 * h2o reads nothing from a connection while a handler waits, so it does not see a client leave (h2o#1525): a sweep
 * once a second asks the kernel, and ends what nobody listens to. */
#include "http1.h"
#include "call.h"
#include "figures.h"
#include "http1_call.h"
#include "http_stream.h"
#include "linger.h"
#include "listener.h"
#include "request_head.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <h2o/http1.h>

enum { SWEEP_MS = 1000 };

struct http1 {
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
    struct http_load *load;
    struct http1_call calls; /* head of the ring of calls that are not GONE */
    void (*on_drained)(void *arg);
    void *on_drained_arg;
};

struct handler {
    h2o_handler_t super;
    struct http1 *http;
};

struct anchor {
    struct http1_call *call;
};

static const struct carrier carrier;

/* ---- a call's life -------------------------------------------------------------------------------------------- */

static void check_drained(struct http1 *http)
{
    if (!http->on_drained || http->calls.next != &http->calls)
        return;
    void (*on_drained)(void *) = http->on_drained;
    http->on_drained = NULL;
    on_drained(http->on_drained_arg);
}

static void destroy_call(struct call *call)
{
    free(http1_call_of(call));
}

/* h2o's request ends: its memory pool is being cleared. */
static void on_request_end(void *memory)
{
    struct http1_call *call = ((struct anchor *)memory)->call;
    struct http1 *http = call->server;
    call->req = NULL;
    call->prev->next = call->next;
    call->next->prev = call->prev;
    http1_stream_destroy(steal_pointer(&call->stream));
    http_call_gone(&call->call);
    check_drained(http);
}

static struct http1_call *call_start(struct http1 *http, h2o_req_t *req)
{
    struct http1_call *call = xcalloc(1, sizeof *call);
    size_t path_len = req->query_at < req->path.len ? req->query_at : req->path.len;
    *call = (struct http1_call){
        .call = {.master = http->master,
                 .carrier = &carrier,
                 .load = http->load,
                 .method = h2o_strdup(&req->pool, req->method.base, req->method.len).base,
                 .path = h2o_strdup(&req->pool, req->path.base, path_len).base,
                 .body = req->entity.base ? req->entity.base : "",
                 .body_len = req->entity.base ? req->entity.len : 0},
        .server = http,
        .req = req,
        .prev = http->calls.prev,
        .next = &http->calls,
    };
    call->prev->next = call->next->prev = call;
    struct anchor *anchor = h2o_mem_alloc_shared(&req->pool, sizeof *anchor, on_request_end);
    anchor->call = call;
    http_call_start(&call->call);
    return call;
}

/* ---- the request ------------------------------------------------------------------------------------------------ */

static const char *all_of(h2o_req_t *req, const char *name)
{
    struct buf all = {0};
    ssize_t at = -1;
    while ((at = h2o_find_header_by_str(&req->headers, name, strlen(name), at)) >= 0) {
        if (all.data)
            buf_add_str(&all, ", ");
        buf_add(&all, req->headers.entries[at].value.base, req->headers.entries[at].value.len);
    }
    const char *joined = all.data ? h2o_strdup(&req->pool, all.data, all.len).base : NULL;
    buf_finish(&all);
    return joined;
}

static const char *find_header(struct call *call, const char *name, bool all)
{
    h2o_req_t *req = http1_call_of(call)->req;
    if (all)
        return all_of(req, name);
    ssize_t at = h2o_find_header_by_str(&req->headers, name, strlen(name), -1);
    if (at < 0)
        return NULL;
    h2o_iovec_t value = req->headers.entries[at].value;
    return h2o_strdup(&req->pool, value.base, value.len).base;
}

static struct sockaddr_storage find_peer(struct call *call)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    h2o_conn_t *conn = http1_call_of(call)->req->conn;
    conn->callbacks->get_peername(conn, (struct sockaddr *)&peer);
    return peer;
}

static const char *find_query(struct call *call, const char *name)
{
    h2o_req_t *req = http1_call_of(call)->req;
    if (req->query_at >= req->path.len)
        return NULL;
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

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static void add_header(struct call *call, const char *name, const char *value)
{
    h2o_req_t *req = http1_call_of(call)->req;
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

static void send_answer(struct call *call, int status, const char *content_type, const char *body, size_t len)
{
    h2o_req_t *req = http1_call_of(call)->req;
    bool head = is_head(call);
    if (head)
        len = 0;
    if (!http_call_answers(call, status, body, len))
        return;
    add_header(call, "content-type", content_type);
    req->res.status = status;
    req->res.reason = reason_phrase(status);
    /* Of HEAD, 204 and 304 a length would be that of the body it stands for. */
    req->res.content_length = head || status == 204 || status == 304 ? SIZE_MAX : len;
    h2o_send_inline(req, body, len); /* may end the request: the last statement that touches it */
}

static const struct carrier carrier = {
    .destroy = destroy_call,
    .header = find_header,
    .query = find_query,
    .peer = find_peer,
    .add_header = add_header,
    .answer = send_answer,
};

/* ---- clients that left, clients that do not read ---------------------------------------------------------------- */

/* The client left: whoever waits on its behalf is told; a send that must fail makes h2o close the connection. */
static void drop(struct http1_call *http1_call)
{
    struct call *call = &http1_call->call;
    void (*on_gone)(void *) = call->on_gone;
    if (call->state == CALL_STREAMING) {
        shutdown(http1_call_fd(http1_call), SHUT_RDWR);
        http_stream_end(call);
    } else {
        http1_call->req->http1_is_persistent = 0;
        call_error(call, 400, "client_left", NULL, "the client closed its side of the connection");
    }
    if (on_gone)
        on_gone(call->on_gone_arg);
}

/* The client takes nothing of what was sent to it. */
static bool is_stuck(const struct http1_call *call)
{
    bool sending = call->call.state == CALL_ANSWERED || http1_stream_is_sending(call->stream);
    return sending && now_mono_ms() - call->call.since_ms > HTTP_SEND_TIMEOUT_MS;
}

static void on_sweep(uv_timer_t *timer)
{
    struct http1 *http = timer->data;
    size_t count = 0;
    for (struct http1_call *call = http->calls.next; call != &http->calls; call = call->next)
        count++;
    if (count == 0)
        return;
    /* One system call for all of them. POLLRDHUP also tells when unread bytes stand before the end. */
    cleanup_free struct pollfd *fds = xcalloc(count, sizeof *fds);
    cleanup_free struct http1_call **calls = xcalloc(count, sizeof(struct http1_call *));
    size_t i = 0;
    for (struct http1_call *call = http->calls.next; call != &http->calls; call = call->next, i++) {
        http_ref(&call->call);
        calls[i] = call;
        fds[i] = (struct pollfd){.fd = http1_call_fd(call), .events = POLLRDHUP};
    }
    int ready = poll(fds, count, 0);
    for (i = 0; i < count; i++) {
        enum call_state state = calls[i]->call.state;
        if (ready > 0 && (state == CALL_OPEN || state == CALL_STREAMING) && fds[i].revents)
            drop(calls[i]);
        else if (is_stuck(calls[i]))
            shutdown(fds[i].fd, SHUT_RDWR); /* h2o has no time limit for writing: this fails the write */
        http_unref(&calls[i]->call);
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

static void dispatch(struct http1 *http, struct call *call)
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
            call->id = id ? h2o_strdup(&http1_call_of(call)->req->pool, id, id_len).base : NULL;
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
    struct http1 *http = container_of(handler, struct handler, super)->http;
    struct call *call = &call_start(http, req)->call;
    const char *fault = head_fault(req);
    http_ref(call);
    if (fault) {
        req->http1_is_persistent = 0; /* who knows where the next one begins */
        call_error(call, 400, "bad_request", NULL, fault);
    } else if (call->body_len > HTTP_SMALL && listener_is_over_budget(http->listener)) {
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
        linger(req->conn->ctx->loop, h2o_socket_get_fd(req->conn->callbacks->get_socket(
                                         req->conn))); /* the rest of its body may be on its way */
    }
    h2o_setup_next_ostream(req, slot);
}

/* ---- the module ------------------------------------------------------------------------------------------------ */

static void configure(struct http1 *http, const struct http1_options *options)
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

int http1_create(uv_loop_t *loop, const struct http1_options *options, struct http1 **ret_http, struct err *err)
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
    struct http1 *http = xcalloc(1, sizeof *http);
    http->listener = listener;
    http->routes = options->routes;
    http->route_count = options->route_count;
    http->begin = options->begin;
    http->admit = options->admit;
    http->master = options->master;
    http->load = options->load;
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

int http1_port(const struct http1 *http)
{
    return listener_port(http->listener);
}

static void on_listener_stopped(void *arg)
{
    check_drained(arg);
}

void http1_drain(struct http1 *http, void (*on_drained)(void *arg), void *arg)
{
    http->on_drained = on_drained;
    http->on_drained_arg = arg;
    h2o_context_request_shutdown(&http->ctx);
    listener_stop(http->listener, on_listener_stopped, http);
}
