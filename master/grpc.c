/* Owns the listening socket, the list of connections, and the time limits of all of them, looked at once a second: what
 * is slow must not hold what others need. */
#include "grpc.h"
#include "grpc_connection.h"
#include "log.h"
#include "socket.h"

#include <netinet/in.h>

enum {
    SWEEP_MS = 1000,
    RECEIVE_BUFFER = 256 * 1024,
    SILENCE_MS = 60000, /* of a client that has a call: then it is asked whether it is still there, */
    ANSWER_MS = 20000,  /* and has so long to say so */
};

/* ---- the sweep -------------------------------------------------------------------------------------------------- */

static bool is_dead(const struct grpc_connection *connection, int64_t now)
{
    return (connection->writing.len > 0 && now - connection->wrote_ms > HTTP_SEND_TIMEOUT_MS) ||
           now - connection->heard_ms > SILENCE_MS + ANSWER_MS;
}

static void sweep_connection(struct grpc_connection *connection, int64_t now)
{
    connection->inside++; /* nothing is sent, so no call leaves the list */
    for (struct grpc_call *call = connection->calls; call; call = call->next)
        grpc_call_sweep(call, now);
    connection->inside--;
    if (!connection->calls && now - connection->idle_ms > connection->server->options.request_timeout_ms) {
        nghttp2_session_terminate_session(connection->session, NGHTTP2_NO_ERROR);
    } else if (connection->calls && !connection->pinged && now - connection->heard_ms > SILENCE_MS) {
        connection->pinged = true;
        nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, NULL);
    }
    if (is_dead(connection, now))
        grpc_connection_close(connection);
    else
        grpc_connection_flush(connection);
}

static void on_sweep(uv_timer_t *timer)
{
    struct grpc *grpc = timer->data;
    int64_t now = now_mono_ms();
    for (struct grpc_connection *connection = grpc->first, *next; connection; connection = next) {
        next = connection->next;
        if (!uv_is_closing((uv_handle_t *)&connection->tcp))
            sweep_connection(connection, now);
    }
}

/* ---- the module ------------------------------------------------------------------------------------------------- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct grpc *grpc = stream->data;
    bool full = grpc->connection_count >= grpc->options.max_connections;
    if (status < 0) {
        log_event(LOG_WARN, "cannot accept", LOG_TEXT("reason", uv_strerror(status)));
        return;
    }
    if (full && !grpc->refusing)
        log_event(LOG_WARN, "gRPC connections refused", LOG_INT("open", (int64_t)grpc->connection_count));
    grpc->refusing = full;
    grpc_connection_open(grpc, stream);
}

int grpc_create(uv_loop_t *loop, const struct grpc_options *options, struct grpc **ret_grpc, struct err *err)
{
    int fd = -1;
    int r = socket_listen(options->host, options->port, "grpc-port", RECEIVE_BUFFER, &fd, err);
    if (r < 0)
        return r;
    struct grpc *grpc = xcalloc(1, sizeof *grpc);
    grpc->options = *options;
    uv_tcp_init(loop, &grpc->tcp);
    grpc->tcp.data = grpc;
    if (uv_tcp_open(&grpc->tcp, fd) < 0 || uv_listen((uv_stream_t *)&grpc->tcp, SOCKET_BACKLOG, on_connection) < 0)
        abort(); /* the socket is ours, and listens already */
    uv_timer_init(loop, &grpc->sweep);
    grpc->sweep.data = grpc;
    uv_timer_start(&grpc->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    *ret_grpc = grpc;
    return 0;
}

int grpc_port(const struct grpc *grpc)
{
    struct sockaddr_storage name;
    int len = sizeof name;
    if (uv_tcp_getsockname(&grpc->tcp, (struct sockaddr *)&name, &len) < 0)
        return -1;
    return ntohs(name.ss_family == AF_INET ? ((struct sockaddr_in *)&name)->sin_port
                                           : ((struct sockaddr_in6 *)&name)->sin6_port);
}

void grpc_check_drained(struct grpc *grpc)
{
    void (*on_drained)(void *) = grpc->on_drained;
    if (!on_drained || grpc->connection_count > 0)
        return;
    grpc->on_drained = NULL;
    on_drained(grpc->on_drained_arg);
}

static void on_stopped(uv_handle_t *handle)
{
    grpc_check_drained(handle->data);
}

void grpc_drain(struct grpc *grpc, void (*on_drained)(void *arg), void *arg)
{
    grpc->draining = true;
    grpc->on_drained = on_drained;
    grpc->on_drained_arg = arg;
    uv_close((uv_handle_t *)&grpc->tcp, on_stopped);
    for (struct grpc_connection *connection = grpc->first, *next; connection; connection = next) {
        next = connection->next;
        if (uv_is_closing((uv_handle_t *)&connection->tcp))
            continue;
        nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(connection->session), NGHTTP2_NO_ERROR, NULL, 0);
        connection->inside++;
        for (struct grpc_call *call = connection->calls; call; call = call->next)
            if (call->call.state == CALL_STREAMING)
                call_error(&call->call, 503, "draining", NULL, "this server is going down");
        connection->inside--;
        grpc_connection_flush(connection);
    }
}
