/* The carrier of gRPC's calls: a stream's headers and messages in, messages and a status out. A call's memory is its
 * own, and outlives the stream while a handler holds it; `connection` is NULL from then on.
 *
 * A unary call is handled when the client has said everything, and exactly one message. What one that is refused still
 * sends is dropped, up to the reset that follows its answer. */
#include "figures.h"
#include "grpc_connection.h"
#include "log.h"
#include "master.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    HEADERS_MOST = 16 * 1024,  /* bytes of names and values, */
    HEADER_COUNT_MOST = 128,   /* and how many */
    DEADLINE_SLACK_MS = 5000,  /* for who keeps it himself, and has more to say than that it is over */
    UNSENT_MOST = 1024 * 1024, /* of a stream of answers */
};

static const struct carrier carrier;

static struct grpc_call *grpc_call_of(struct call *call)
{
    return container_of(call, struct grpc_call, call);
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

static void add_pair(struct grpc_headers *headers, const char *name, size_t name_len, const char *value,
                     size_t value_len)
{
    buf_add(&headers->text, name, name_len);
    buf_add(&headers->text, "", 1);
    buf_add(&headers->text, value, value_len);
    buf_add(&headers->text, "", 1);
    headers->count++;
}

/* The pair at *at, which moves on; false: there is no more. */
static bool next_pair(const struct grpc_headers *headers, size_t *at, const char **ret_name, const char **ret_value)
{
    if (*at >= headers->text.len)
        return false;
    *ret_name = headers->text.data + *at;
    *ret_value = *ret_name + strlen(*ret_name) + 1;
    *at = (size_t)(*ret_value - headers->text.data) + strlen(*ret_value) + 1;
    return true;
}

static const char *first_of(const struct grpc_call *call, const char *wanted)
{
    const char *name, *value;
    for (size_t at = 0; next_pair(&call->headers, &at, &name, &value);)
        if (strcasecmp(name, wanted) == 0)
            return value;
    return NULL;
}

static const char *find_header(struct call *base, const char *wanted, bool all)
{
    struct grpc_call *call = grpc_call_of(base);
    struct buf joined = {0};
    const char *name, *value;
    if (!all)
        return first_of(call, wanted);
    for (size_t at = 0; next_pair(&call->headers, &at, &name, &value);)
        if (strcasecmp(name, wanted) == 0)
            buf_printf(&joined, "%s%s", joined.len ? ", " : "", value);
    free(call->joined);
    call->joined = joined.data;
    return call->joined;
}

static void add_header(struct call *base, const char *name, const char *value)
{
    add_pair(&grpc_call_of(base)->answer, name, strlen(name), value, strlen(value));
}

static struct sockaddr_storage find_peer(struct call *base)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    int len = sizeof peer;
    (void)uv_tcp_getpeername(&grpc_call_of(base)->connection->tcp, (struct sockaddr *)&peer, &len);
    return peer;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static nghttp2_nv pair_of(const char *name, const char *value)
{
    return (nghttp2_nv){
        .name = (uint8_t *)name, .namelen = strlen(name), .value = (uint8_t *)value, .valuelen = strlen(value)};
}

/* The status, and what it means, into pairs; grpc-message is `text`, to be freed when they are submitted. */
static size_t put_status(const struct grpc_call *call, char *number, struct buf *text, nghttp2_nv *pairs)
{
    sprintf(number, "%d", call->status);
    pairs[0] = pair_of("grpc-status", number);
    if (!call->message)
        return 1;
    grpc_put_percent(text, call->message);
    pairs[1] = pair_of("grpc-message", text->data);
    return 2;
}

static void submit_trailers(const struct grpc_call *call)
{
    char number[12];
    struct buf text = {0};
    nghttp2_nv pairs[2];
    size_t count = put_status(call, number, &text, pairs);
    nghttp2_submit_trailer(call->connection->session, call->stream_id, pairs, count);
    buf_finish(&text);
}

static void count_unsent(struct grpc_call *call)
{
    http_call_holds(&call->call, call->out.len - call->out_at);
}

static ssize_t on_wanted(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t most, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    struct grpc_call *call = source->ptr;
    size_t left = call->out.len - call->out_at, len = left < most ? left : most;
    (void)session;
    (void)stream_id;
    (void)user;
    if (len > 0)
        memcpy(out, call->out.data + call->out_at, len);
    call->out_at += len;
    call->call.since_ms = now_mono_ms();
    if (len == left) {
        buf_finish(&call->out);
        call->out_at = 0;
    }
    count_unsent(call);
    if (len == left && call->ended) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(call);
    } else if (len == 0) {
        call->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)len;
}

/* With messages to come, or with the status alone. */
static void submit_head(struct grpc_call *call, bool messages)
{
    char number[12];
    struct buf text = {0};
    size_t count = 0;
    const char *name, *value;
    cleanup_free nghttp2_nv *pairs = xcalloc(call->answer.count + 5, sizeof *pairs);
    nghttp2_data_provider provider = {.source.ptr = call, .read_callback = on_wanted};
    pairs[count++] = pair_of(":status", "200");
    pairs[count++] = pair_of("content-type", "application/grpc");
    pairs[count++] = pair_of("grpc-accept-encoding", "identity");
    for (size_t at = 0; next_pair(&call->answer, &at, &name, &value);)
        pairs[count++] = pair_of(name, value);
    if (!messages)
        count += put_status(call, number, &text, pairs + count);
    nghttp2_submit_response(call->connection->session, call->stream_id, pairs, count, messages ? &provider : NULL);
    buf_finish(&text);
    grpc_connection_flush(call->connection);
}

static void resume(struct grpc_call *call)
{
    if (call->deferred)
        nghttp2_session_resume_data(call->connection->session, call->stream_id);
    call->deferred = false;
    grpc_connection_flush(call->connection);
}

static void hold(struct grpc_call *call)
{
    struct grpc *server = call->connection->server;
    size_t held = call->reader.buf.cap + call->early.cap + (call->body ? call->call.body_len : 0);
    server->held_bytes += held - call->held;
    call->held = held;
}

/* What the client still sends is not wanted. */
static void ignore_request(struct grpc_call *call)
{
    call->request = REQUEST_IGNORED;
    grpc_reader_next(&call->reader);
    buf_finish(&call->early);
    hold(call);
}

static void send_answer(struct call *base, int status, const char *content_type, const char *body, size_t len)
{
    struct grpc_call *call = grpc_call_of(base);
    (void)content_type;
    if (!http_call_answers(base, status, body, len))
        return;
    grpc_put_prefix(&call->out, len);
    buf_add(&call->out, body, len);
    call->ended = true;
    call->status = grpc_status_of(status, NULL);
    ignore_request(call);
    submit_head(call, true);
}

static void send_error(struct call *base, int status, const char *code, const char *field, const char *message)
{
    struct grpc_call *call = grpc_call_of(base);
    bool streaming = base->state == CALL_STREAMING;
    if (!streaming && !http_call_answers(base, status, "", 0))
        return;
    base->state = CALL_ANSWERED;
    base->on_gone = NULL;
    call->ended = true;
    call->status = grpc_status_of(status, code);
    call->message = xstrdup(message);
    ignore_request(call);
    if (streaming) {
        resume(call);
        return;
    }
    add_header(base, "sentinel-code", code);
    if (field && *field)
        add_header(base, "sentinel-field", field);
    submit_head(call, false);
}

void grpc_send(struct call *base, const void *message, size_t len)
{
    struct grpc_call *call = grpc_call_of(base);
    bool first = base->state == CALL_OPEN;
    if (!first && base->state != CALL_STREAMING)
        return;
    if (call->out.len - call->out_at + len > UNSENT_MOST) {
        call_error(base, 503, "overloaded", NULL, "too many answers are unread");
        return;
    }
    grpc_put_prefix(&call->out, len);
    buf_add(&call->out, message, len);
    base->state = CALL_STREAMING;
    count_unsent(call);
    if (first) {
        figures_answered(base->route, base->method, 200, now_mono_ms() - base->since_ms);
        submit_head(call, true);
    } else {
        resume(call);
    }
}

void grpc_end(struct call *base)
{
    struct grpc_call *call = grpc_call_of(base);
    bool streaming = base->state == CALL_STREAMING;
    if (!streaming && !http_call_answers(base, 200, "", 0))
        return;
    base->state = CALL_ANSWERED;
    base->on_gone = NULL;
    call->ended = true;
    ignore_request(call);
    if (streaming)
        resume(call);
    else
        submit_head(call, false);
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static void handle(struct grpc_call *call)
{
    const struct grpc *server = call->connection->server;
    struct call *base = &call->call;
    call->request = call->half_closed ? REQUEST_ENDED : REQUEST_HANDLED;
    base->body_len = call->reader.buf.len;
    base->body = call->body = buf_steal(&call->reader.buf);
    grpc_reader_next(&call->reader);
    hold(call);
    if (base->body_len > HTTP_SMALL && server->held_bytes > server->options.max_held_bytes)
        call_retry_later(base, "overloaded", "too many large requests wait for their answers", 1);
    else
        server->options.admit(base, &call->method->route);
}

/* A further message of a stream of them. */
static void deliver(struct grpc_call *call)
{
    struct buf *message = &call->reader.buf;
    call->call.since_ms = now_mono_ms();
    if (call->on_message) {
        call->on_message(&call->call, message->data, message->len);
    } else if (call->early.len + message->len > call->reader.max_bytes) {
        call_error(&call->call, 413, "body_too_large", NULL, "too much came before the first answer");
    } else {
        grpc_put_prefix(&call->early, message->len);
        buf_add(&call->early, message->data, message->len);
    }
    grpc_reader_next(&call->reader);
}

static void refuse_message(struct grpc_call *call, const struct err *err)
{
    if (err->code == EMSGSIZE)
        call_error(&call->call, 413, "body_too_large", NULL, err->msg);
    else if (err->code == ENOTSUP)
        call_error(&call->call, 501, "unimplemented", "grpc-encoding", err->msg);
    else
        call_error(&call->call, 400, "malformed_message", NULL, err->msg);
}

/* Bytes that came; the call is held by the caller. A unary method's message stays in the reader until the end. */
static void read_messages(struct grpc_call *call, const char *data, size_t len)
{
    struct err err = {0};
    while (len > 0 && (call->request == REQUEST_BODY || call->request == REQUEST_HANDLED)) {
        size_t used = 0;
        int r = 0;
        if (!call->method->streams && call->reader.prefix_len > 0 && call->reader.buf.len == call->reader.want &&
            call->reader.prefix_len == GRPC_PREFIX_SIZE) {
            call_error(&call->call, 501, "unimplemented", NULL, "this method takes one message");
            return;
        }
        r = grpc_reader_take(&call->reader, data, len, &used, &err);
        if (r < 0) {
            refuse_message(call, &err);
            return;
        }
        data += used;
        len -= used;
        if (r == 1 && call->method->streams && call->request == REQUEST_BODY)
            handle(call);
        else if (r == 1 && call->method->streams)
            deliver(call);
    }
}

/* Who sends slowly holds memory the longest: over the budget the oldest that has not arrived goes. */
static void keep_budget(struct grpc *server)
{
    while (server->held_bytes > server->options.max_held_bytes) {
        struct grpc_call *oldest = NULL;
        for (struct grpc_connection *connection = server->first; connection; connection = connection->next)
            for (struct grpc_call *call = connection->calls; call; call = call->next)
                if (grpc_call_arrives(call) && call->held > 0 &&
                    (!oldest || call->call.since_ms <= oldest->call.since_ms)) /* the lists have the youngest first */
                    oldest = call;
        if (!oldest)
            return;
        call_retry_later(&oldest->call, "overloaded", "too much is being received at once", 1);
    }
}

void grpc_call_data(struct grpc_call *call, const void *data, size_t len)
{
    http_ref(&call->call);
    read_messages(call, data, len);
    hold(call);
    keep_budget(call->connection->server);
    http_unref(&call->call);
}

bool grpc_call_arrives(const struct grpc_call *call)
{
    return call->request == REQUEST_HEADERS || call->request == REQUEST_BODY;
}

void grpc_call_half_closed(struct grpc_call *call)
{
    call->half_closed = true;
    if (call->request == REQUEST_HANDLED) {
        call->request = REQUEST_ENDED;
        if (!grpc_reader_is_between(&call->reader))
            call_error(&call->call, 400, "malformed_message", NULL, "the last message is not whole");
        else if (call->on_end)
            call->on_end(&call->call);
    } else if (call->request == REQUEST_BODY) {
        const struct grpc_reader *reader = &call->reader;
        if (reader->prefix_len == GRPC_PREFIX_SIZE && reader->buf.len == reader->want)
            handle(call);
        else if (call->method->streams && grpc_reader_is_between(reader))
            grpc_end(&call->call);
        else
            call_error(&call->call, 400, "malformed_message", NULL, "the request ended before its message");
    }
}

void grpc_receive(struct call *base, void (*on_message)(struct call *call, const char *data, size_t len),
                  void (*on_end)(struct call *call))
{
    struct grpc_call *call = grpc_call_of(base);
    struct grpc_reader early = {.max_bytes = call->reader.max_bytes};
    cleanup_free char *bytes = NULL;
    size_t len = call->early.len, at = 0, used = 0;
    struct err err;
    if (call->request == REQUEST_IGNORED)
        return;
    call->on_message = on_message;
    call->on_end = on_end;
    if (len > 0)
        bytes = buf_steal(&call->early);
    while (at < len && call->request != REQUEST_IGNORED &&
           grpc_reader_take(&early, bytes + at, len - at, &used, &err) == 1) {
        on_message(base, early.buf.data, early.buf.len);
        grpc_reader_next(&early);
        at += used;
    }
    grpc_reader_finish(&early);
    if (call->request == REQUEST_ENDED)
        on_end(base);
}

/* ---- a call's life ---------------------------------------------------------------------------------------------- */

static void destroy(struct call *base)
{
    struct grpc_call *call = grpc_call_of(base);
    buf_finish(&call->headers.text);
    buf_finish(&call->answer.text);
    buf_finish(&call->early);
    buf_finish(&call->out);
    grpc_reader_finish(&call->reader);
    free(call->body);
    free(call->joined);
    free(call->message);
    free(call);
}

struct grpc_call *grpc_call_begin(struct grpc_connection *connection, int32_t stream_id)
{
    const struct grpc_options *options = &connection->server->options;
    struct grpc_call *call = xcalloc(1, sizeof *call);
    *call = (struct grpc_call){
        .call = {.master = options->master,
                 .carrier = &carrier,
                 .load = options->load,
                 .method = "",
                 .path = "",
                 .body = "",
                 .patient = true},
        .connection = connection,
        .stream_id = stream_id,
        .reader.max_bytes = options->max_message_bytes,
        .deadline_ms = INT64_MAX,
        .next = connection->calls,
    };
    if (call->next)
        call->next->prev = call;
    connection->calls = call;
    http_call_start(&call->call);
    return call;
}

void grpc_call_header(struct grpc_call *call, const char *name, size_t name_len, const char *value, size_t value_len)
{
    if (call->headers.text.len + name_len + value_len + 2 > HEADERS_MOST || call->headers.count >= HEADER_COUNT_MOST)
        call->headers_too_large = true;
    else
        add_pair(&call->headers, name, name_len, value, value_len);
}

static const struct grpc_method *find_method(const char *path)
{
    for (size_t i = 0; i < grpc_method_count; i++)
        if (strcmp(grpc_methods[i].route.pattern, path) == 0)
            return &grpc_methods[i];
    return NULL;
}

static bool is_grpc(const struct grpc_call *call)
{
    static const char wanted[] = "application/grpc";
    const char *type = first_of(call, "content-type");
    size_t len = sizeof wanted - 1;
    return type && strncasecmp(type, wanted, len) == 0 && (type[len] == '\0' || strchr("+; \t", type[len]));
}

void grpc_call_headers_end(struct grpc_call *call)
{
    struct call *base = &call->call;
    const char *method = first_of(call, ":method"), *path = first_of(call, ":path");
    const char *timeout = first_of(call, "grpc-timeout");
    int64_t timeout_ms = 0;
    call->request = REQUEST_BODY;
    base->method = method ? method : "";
    base->path = path ? path : "";
    call->method = find_method(base->path);
    base->route = call->method ? &call->method->route : NULL;
    if (call->headers_too_large) {
        call_error(base, 431, "headers_too_large", NULL, "the metadata is larger than 16 KB or 128 entries");
    } else if (strcmp(base->method, "POST") != 0 || !is_grpc(call)) {
        call_error(base, 501, "unimplemented", "content-type", "this port speaks gRPC: POST of application/grpc");
    } else if (!call->method) {
        call_error(base, 501, "unimplemented", NULL, "no such method");
    } else if (timeout && grpc_timeout_parse(timeout, &timeout_ms) < 0) {
        call_error(base, 400, "invalid_request", "grpc-timeout",
                   "grpc-timeout must be 1 to 8 digits and H, M, S, m, u or n");
    } else if (timeout) {
        call->deadline_ms = now_mono_ms() + timeout_ms;
    }
}

void grpc_call_closed(struct grpc_call *call)
{
    struct grpc_connection *connection = call->connection;
    connection->server->held_bytes -= call->held;
    call->held = 0;
    if (call->next)
        call->next->prev = call->prev;
    if (call->prev)
        call->prev->next = call->next;
    else
        connection->calls = call->next;
    if (!connection->calls)
        connection->idle_ms = now_mono_ms();
    nghttp2_session_set_stream_user_data(connection->session, call->stream_id, NULL);
    call->connection = NULL;
    http_call_gone(&call->call);
}

/* Ends it for a reason of time; whoever waits on its behalf is told. */
static void give_up(struct grpc_call *call, int status, const char *code, const char *message)
{
    void (*on_gone)(void *) = call->call.on_gone;
    call_error(&call->call, status, code, NULL, message);
    if (on_gone)
        on_gone(call->call.on_gone_arg);
}

void grpc_call_sweep(struct grpc_call *call, int64_t now_ms)
{
    const struct grpc_options *options = &call->connection->server->options;
    enum call_state state = call->call.state;
    int64_t quiet_ms = now_ms - call->call.since_ms;
    bool open = state == CALL_OPEN || state == CALL_STREAMING;
    http_ref(&call->call);
    if (open && grpc_call_arrives(call) && quiet_ms > options->request_timeout_ms)
        give_up(call, 408, "request_timeout", "the request did not arrive in time");
    else if (open && now_ms - DEADLINE_SLACK_MS > call->deadline_ms)
        give_up(call, 504, "deadline_exceeded", "the deadline is over");
    else if (open && call->on_message && quiet_ms > options->request_timeout_ms)
        give_up(call, 408, "request_timeout", "nothing more came");
    else if ((state == CALL_ANSWERED || call->out.len > 0) && quiet_ms > HTTP_SEND_TIMEOUT_MS)
        nghttp2_submit_rst_stream(call->connection->session, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL);
    http_unref(&call->call);
}

int64_t grpc_deadline_ms(const struct call *call)
{
    return container_of(call, struct grpc_call, call)->deadline_ms;
}

bool grpc_is_draining(const struct call *base)
{
    const struct grpc_call *call = container_of(base, struct grpc_call, call);
    return call->connection && call->connection->server->draining;
}

static const struct carrier carrier = {
    .destroy = destroy,
    .header = find_header,
    .peer = find_peer,
    .add_header = add_header,
    .answer = send_answer,
    .refuse = send_error,
};
