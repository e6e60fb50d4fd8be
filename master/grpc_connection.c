/* Owns a connection's HTTP/2 session and its socket. Whatever wants something sent tells nghttp2 and calls flush; flush
 * gives the kernel one piece at a time, so what a client does not read stays in nghttp2, within its bounds.
 *
 * nghttp2 bounds what a client can make us keep: settings (32 a frame), continuations (8), unread acknowledgements,
 * resets of its own. Resets that its faults make us send are counted here: to the memory they are the same. */
#include "grpc_connection.h"
#include "linger.h"
#include "log.h"

#include <string.h>

enum {
    STREAMS_MOST = 128, /* calls of a connection at once */
    WINDOW = 256 * 1024,
    CONNECTION_WINDOW = 1024 * 1024,
    HEADERS_MOST = 16 * 1024, /* bytes, said to the client; grpc_call.c holds it to that */
    ACKS_MOST = 100,
    RESETS_BURST = 400, /* deadlines of so many calls may end at once */
    RESETS_A_SECOND = 40,
    FAULTS_BURST = 100,
    PIECE = 64 * 1024,
};

static struct grpc_call *call_of(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}

/* ---- what comes ------------------------------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_connection *connection = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct grpc_call *call = grpc_call_begin(connection, frame->hd.stream_id);
    if (nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call) != 0)
        abort(); /* the stream was opened this moment */
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
    struct grpc_call *call = call_of(session, frame->hd.stream_id);
    (void)flags;
    (void)user;
    if (call && call->request == REQUEST_HEADERS)
        grpc_call_header(call, (const char *)name, name_len, (const char *)value, value_len);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len,
                   void *user)
{
    struct grpc_call *call = call_of(session, stream_id);
    (void)flags;
    (void)user;
    if (call)
        grpc_call_data(call, data, len);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_call *call = call_of(session, frame->hd.stream_id);
    (void)user;
    if (!call || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    http_ref(&call->call);
    if (call->request == REQUEST_HEADERS)
        grpc_call_headers_end(call);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        grpc_call_half_closed(call);
    http_unref(&call->call);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user)
{
    struct grpc_call *call = call_of(session, stream_id);
    (void)error_code;
    (void)user;
    if (call)
        grpc_call_closed(call);
    return 0;
}

/* ---- what goes -------------------------------------------------------------------------------------------------- */

static void count_fault(struct grpc_connection *connection)
{
    int64_t now = now_mono_ms();
    int64_t forgiven = (now - connection->faults_ms) / 1000;
    connection->faults = connection->faults > forgiven ? connection->faults - forgiven : 0;
    connection->faults_ms += forgiven * 1000;
    if (++connection->faults <= FAULTS_BURST)
        return;
    log_event(LOG_WARN, "gRPC connection ended", LOG_TEXT("reason", "too many faulty frames"));
    nghttp2_session_terminate_session(connection->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_call *call = call_of(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
        count_fault(user);
    /* The whole answer is there, whatever the client still wanted to send. */
    if (frame->hd.type == NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && call && !call->half_closed)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

static void on_written(uv_write_t *write, int status)
{
    struct grpc_connection *connection = container_of(write, struct grpc_connection, write);
    buf_finish(&connection->writing);
    if (status < 0)
        grpc_connection_close(connection);
    else
        grpc_connection_flush(connection);
}

/* Nothing is left to be said: what the client still sends must not reset what it has not read. */
static void close_softly(struct grpc_connection *connection)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0)
        linger(connection->tcp.loop, fd);
    grpc_connection_close(connection);
}

void grpc_connection_flush(struct grpc_connection *connection)
{
    nghttp2_session *session = connection->session;
    struct buf *writing = &connection->writing;
    ssize_t len = 0;
    if (connection->inside > 0 || writing->len > 0 || uv_is_closing((uv_handle_t *)&connection->tcp))
        return;
    connection->inside++;
    do {
        const uint8_t *data;
        len = nghttp2_session_mem_send(session, &data);
        if (len > 0)
            buf_add(writing, data, (size_t)len);
    } while (len > 0 && writing->len < PIECE);
    connection->inside--;
    if (len < 0) {
        grpc_connection_close(connection);
    } else if (writing->len > 0) {
        uv_buf_t piece = uv_buf_init(writing->data, (unsigned)writing->len);
        connection->wrote_ms = now_mono_ms();
        if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &piece, 1, on_written) < 0)
            grpc_connection_close(connection);
    } else if (!nghttp2_session_want_read(session) && !nghttp2_session_want_write(session)) {
        close_softly(connection);
    }
}

/* ---- the socket ------------------------------------------------------------------------------------------------- */

static void on_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_buf)
{
    static char shared[64 * 1024]; /* one read at a time, and what it brought is taken at once */
    (void)handle;
    (void)wanted;
    *ret_buf = uv_buf_init(shared, sizeof shared);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct grpc_connection *connection = stream->data;
    if (len == 0)
        return;
    if (len < 0) {
        grpc_connection_close(connection);
        return;
    }
    connection->heard_ms = now_mono_ms();
    connection->pinged = false;
    connection->inside++;
    ssize_t taken = nghttp2_session_mem_recv(connection->session, (const uint8_t *)buf->base, (size_t)len);
    connection->inside--;
    if (taken < 0) {
        log_event(LOG_DEBUG, "gRPC connection ended", LOG_TEXT("reason", nghttp2_strerror((int)taken)));
        grpc_connection_close(connection);
        return;
    }
    grpc_connection_flush(connection);
}

static void on_closed(uv_handle_t *handle)
{
    struct grpc_connection *connection = handle->data;
    struct grpc *server = connection->server;
    if (connection->next)
        connection->next->prev = connection->prev;
    if (connection->prev)
        connection->prev->next = connection->next;
    else
        server->first = connection->next;
    server->connection_count--;
    nghttp2_session_del(connection->session);
    buf_finish(&connection->writing);
    free(connection);
    grpc_check_drained(server);
}

void grpc_connection_close(struct grpc_connection *connection)
{
    if (uv_is_closing((uv_handle_t *)&connection->tcp))
        return;
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
    while (connection->calls)
        grpc_call_closed(connection->calls);
}

/* ---- the session ------------------------------------------------------------------------------------------------ */

static void session_open(struct grpc_connection *connection)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MOST},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_MOST},
    };
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        abort();
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_option_set_max_outbound_ack(option, ACKS_MOST);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_stream_reset_rate_limit(option, RESETS_BURST, RESETS_A_SECOND);
    if (nghttp2_session_server_new2(&connection->session, callbacks, connection, option) != 0 ||
        nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) != 0 ||
        nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) != 0)
        abort();
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
}

void grpc_connection_open(struct grpc *server, uv_stream_t *from)
{
    struct grpc_connection *connection = xcalloc(1, sizeof *connection);
    int64_t now = now_mono_ms();
    connection->server = server;
    connection->heard_ms = connection->idle_ms = connection->faults_ms = now;
    connection->next = server->first;
    if (server->first)
        server->first->prev = connection;
    server->first = connection;
    server->connection_count++;
    session_open(connection);
    uv_tcp_init(from->loop, &connection->tcp);
    connection->tcp.data = connection;
    if (uv_accept(from, (uv_stream_t *)&connection->tcp) < 0 ||
        server->connection_count > server->options.max_connections ||
        uv_read_start((uv_stream_t *)&connection->tcp, on_buffer, on_read) < 0) {
        grpc_connection_close(connection);
        return;
    }
    uv_tcp_nodelay(&connection->tcp, 1);
    grpc_connection_flush(connection);
}
