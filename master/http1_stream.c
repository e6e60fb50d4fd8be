/* Owns what a stream has not sent yet. */
#include "figures.h"
#include "http1_call.h"
#include "http_stream.h"
#include "log.h"

/* h2o takes one send at a time, and keeps pointing into it until it asks for more. */
struct http_stream {
    h2o_generator_t super;
    struct http1_call *call;
    struct buf sending; /* what h2o has */
    struct buf waiting; /* what comes after it */
    bool sent;          /* h2o has not asked for more yet */
};

void http1_stream_destroy(struct http_stream *stream)
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
    struct call *call = &stream->call->call;
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
    h2o_send(stream->call->req, &data, data.len > 0 ? 1 : 0, last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void on_stream_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    struct http_stream *stream = container_of(generator, struct http_stream, super);
    (void)req;
    stream->sent = false;
    http_call_holds(&stream->call->call, stream->waiting.len); /* as an answer's */
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
    struct http1_call *http1_call = http1_call_of(call);
    h2o_req_t *req = http1_call->req;
    struct http_stream *stream = xcalloc(1, sizeof *stream);
    *stream = (struct http_stream){.super = {on_stream_proceed, on_stream_stop}, .call = http1_call};
    http1_call->stream = stream;
    log_event(LOG_DEBUG, "streaming", LOG_TEXT("method", call->method), LOG_TEXT("path", call->path));
    figures_answered(call->route, call->method, 200, now_mono_ms() - call->since_ms);
    http_add_header(call, "content-type", content_type);
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = SIZE_MAX;
    call->state = CALL_STREAMING;
    h2o_start_response(req, &stream->super);
}

void http_stream_write(struct call *call, const char *data, size_t len)
{
    const struct http_load *load = call->load;
    if (call->state != CALL_STREAMING || len == 0)
        return;
    struct http1_call *http1_call = http1_call_of(call);
    size_t unsent = http_stream_unsent(call) + len;
    if (unsent > HTTP_SMALL && load->answer_bytes - call->answer_bytes + unsent > load->max_held_bytes) {
        log_event(LOG_WARN, "stream cut, too much is unread", LOG_TEXT("path", call->path));
        shutdown(http1_call_fd(http1_call), SHUT_RDWR);
        data = "\n"; /* what cannot be written makes h2o notice */
        len = 1;
        unsent = 1;
    }
    http_call_holds(call, unsent);
    buf_add(&http1_call->stream->waiting, data, len);
    stream_send(http1_call->stream);
}

size_t http_stream_unsent(struct call *call)
{
    const struct http_stream *stream = http1_call_of(call)->stream;
    return stream ? stream->waiting.len + (stream->sent ? stream->sending.len : 0) : 0;
}

void http_stream_end(struct call *call)
{
    if (call->state != CALL_STREAMING)
        return;
    call->state = CALL_ANSWERED;
    call->on_gone = NULL;
    stream_send(http1_call_of(call)->stream);
}

bool http1_stream_is_sending(const struct http_stream *stream)
{
    return stream && stream->sent;
}
