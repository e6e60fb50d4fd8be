/* Owns the listening socket and a ring of the connections, from their acceptance until their handle is closed.
 *
 * h2o keeps a request's bytes, body included, in its connection's buffer, from the first byte until the answer is sent.
 * Nobody is told of its growth, so the ring is looked over after a turn of the loop, at most every LOOK_MS. What is
 * over the budget then is taken from requests that have not arrived whole, the oldest first: one who sends slowly holds
 * memory the longest. */
#include "listener.h"
#include "base.h"
#include "linger.h"
#include "log.h"
#include "socket.h"

#include <stdio.h>
#include <string.h>

#include <h2o.h>

enum {
    LOOK_MS = 10,
    RECEIVE_BUFFER = 256 * 1024, /* the kernel's, of each connection: what can come between two looks */
};

struct connection {
    uv_tcp_t tcp; /* the first: h2o closes it as a handle of its own */
    struct listener *listener;
    h2o_socket_t *socket;
    int64_t since_ms; /* when the request that is arriving was first seen; 0: none is */
    struct connection *prev, *next;
};

struct listener {
    uv_tcp_t tcp;
    uv_check_t look;
    h2o_accept_ctx_t *accept;
    size_t max_connections, max_held_bytes;
    size_t count, held_bytes;
    int64_t looked_ms;
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
    bool refusing; /* the log has it that connections are refused */
    struct connection ring;
};

/* ---- refusing -------------------------------------------------------------------------------------------------- */

/* Where h2o has no request to answer. */
static void send_refusal(const uv_tcp_t *tcp, const char *message)
{
    char body[160], text[sizeof body + 240];
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)tcp, &fd) < 0)
        return;
    int body_len =
        snprintf(body, sizeof body, "{\"error\":{\"code\":\"overloaded\",\"message\":\"%s\",\"field\":null}}", message);
    int len = snprintf(text, sizeof text,
                       "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n"
                       "cache-control: no-store\r\ncontent-type: application/json; charset=utf-8\r\n"
                       "content-length: %d\r\n\r\n%s",
                       body_len, body);
    (void)!send(fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    linger(tcp->loop, fd);
}

/* h2o closes a connection whose read failed. */
static void refuse_request(struct connection *connection)
{
    send_refusal(&connection->tcp, "too much is being received at once");
    connection->socket->_cb.read(connection->socket, h2o_socket_error_closed);
}

/* ---- the budget ------------------------------------------------------------------------------------------------ */

/* What a connection's requests hold; since_ms is kept up to date on the way. */
static size_t look_at(struct connection *connection, int64_t now_ms)
{
    const h2o_socket_t *socket = connection->socket;
    if (!socket || uv_is_closing((uv_handle_t *)&connection->tcp) || !socket->input || socket->input->size == 0) {
        connection->since_ms = 0;
        return 0;
    }
    if (!socket->_cb.read)
        connection->since_ms = 0; /* it is whole, and waits for its answer */
    else if (connection->since_ms == 0)
        connection->since_ms = now_ms;
    return socket->input->capacity;
}

static struct connection *oldest_arriving(struct listener *listener)
{
    struct connection *oldest = NULL;
    for (struct connection *at = listener->ring.next; at != &listener->ring; at = at->next)
        if (at->since_ms && (!oldest || at->since_ms < oldest->since_ms))
            oldest = at;
    return oldest;
}

static void look_at_all(struct listener *listener, int64_t now_ms)
{
    listener->looked_ms = now_ms;
    listener->held_bytes = 0;
    for (struct connection *at = listener->ring.next; at != &listener->ring; at = at->next)
        listener->held_bytes += look_at(at, now_ms);
}

static void on_look(uv_check_t *check)
{
    struct listener *listener = check->data;
    int64_t now_ms = now_mono_ms();
    if (now_ms - listener->looked_ms < LOOK_MS)
        return;
    look_at_all(listener, now_ms);
    while (listener->held_bytes > listener->max_held_bytes) {
        struct connection *oldest = oldest_arriving(listener);
        if (!oldest)
            return; /* all wait for their answers */
        size_t bytes = oldest->socket->input->capacity;
        log_event(LOG_WARN, "request refused", LOG_TEXT("reason", "too much is held at once"),
                  LOG_INT("heldBytes", (int64_t)listener->held_bytes), LOG_INT("bytes", (int64_t)bytes),
                  LOG_INT("ms", now_ms - oldest->since_ms));
        oldest->since_ms = 0;
        listener->held_bytes -= bytes;
        refuse_request(oldest);
    }
}

bool listener_is_over_budget(struct listener *listener)
{
    look_at_all(listener, now_mono_ms());
    return listener->held_bytes > listener->max_held_bytes;
}

/* ---- connections ----------------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = container_of(handle, struct connection, tcp);
    connection->prev->next = connection->next;
    connection->next->prev = connection->prev;
    connection->listener->count--;
    free(connection);
}

static bool is_full(struct listener *listener)
{
    bool full = listener->count > listener->max_connections;
    if (full && !listener->refusing)
        log_event(LOG_WARN, "connections refused", LOG_INT("open", (int64_t)listener->max_connections));
    if (full || listener->count < listener->max_connections - listener->max_connections / 10)
        listener->refusing = full;
    return full;
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *listener = stream->data;
    if (status < 0) {
        log_event(LOG_WARN, "cannot accept", LOG_TEXT("reason", uv_strerror(status)));
        return;
    }
    struct connection *connection = xcalloc(1, sizeof *connection);
    connection->listener = listener;
    connection->prev = listener->ring.prev;
    connection->next = &listener->ring;
    connection->prev->next = connection->next->prev = connection;
    listener->count++;
    uv_tcp_init(stream->loop, &connection->tcp);
    if (uv_accept(stream, (uv_stream_t *)&connection->tcp) < 0) {
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
    } else if (is_full(listener)) {
        send_refusal(&connection->tcp, "there are too many connections");
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
    } else {
        uv_tcp_nodelay(&connection->tcp, 1);
        connection->socket = h2o_uv_socket_create((uv_stream_t *)&connection->tcp, on_closed);
        h2o_accept(listener->accept, connection->socket);
    }
}

/* ---- the module ------------------------------------------------------------------------------------------------ */

int listener_create(uv_loop_t *loop, const struct listener_options *options, struct listener **ret_listener,
                    struct err *err)
{
    int fd = -1;
    int r = socket_listen(options->host, options->port, "port", RECEIVE_BUFFER, &fd, err);
    if (r < 0)
        return r;
    struct listener *listener = xcalloc(1, sizeof *listener);
    listener->max_connections = options->max_connections;
    listener->max_held_bytes = options->max_held_bytes;
    listener->ring.prev = listener->ring.next = &listener->ring;
    uv_tcp_init(loop, &listener->tcp);
    listener->tcp.data = listener;
    if (uv_tcp_open(&listener->tcp, fd) < 0)
        abort(); /* the socket is ours */
    uv_check_init(loop, &listener->look);
    listener->look.data = listener;
    *ret_listener = listener;
    return 0;
}

void listener_start(struct listener *listener, h2o_accept_ctx_t *accept)
{
    listener->accept = accept;
    if (uv_listen((uv_stream_t *)&listener->tcp, SOCKET_BACKLOG, on_connection) < 0)
        abort(); /* it listens already */
    uv_check_start(&listener->look, on_look);
}

int listener_port(const struct listener *listener)
{
    struct sockaddr_storage name;
    int len = sizeof name;
    if (uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&name, &len) < 0)
        return -1;
    return h2o_socket_getport((struct sockaddr *)&name);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    listener->on_stopped(listener->on_stopped_arg);
}

void listener_stop(struct listener *listener, void (*on_stopped)(void *arg), void *arg)
{
    listener->on_stopped = on_stopped;
    listener->on_stopped_arg = arg;
    uv_close((uv_handle_t *)&listener->tcp, on_listener_closed);
}
