/* Owns the listener and at most CONNECTIONS_MOST connections; more are closed at once. A connection reads until the
 * blank line, answers, and closes when the answer is sent. */
#include "figures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CONNECTIONS_MOST = 16, REQUEST_MOST = 8192, TIME_LIMIT_MS = 5000, BACKLOG = 16 };

struct metrics_port {
    uv_tcp_t listener;
    uv_loop_t *loop;
    struct connection *connections; /* that are not closing */
    size_t count;                   /* of those, and of those that are */
    bool closed;
    void (*now)(void *arg, struct figures_now *ret_now);
    void *arg;
};

struct connection {
    uv_tcp_t tcp;
    uv_timer_t timer;
    struct metrics_port *port;
    struct connection *prev, *next;
    uv_write_t write;
    char *answer;
    size_t len;
    char request[REQUEST_MOST + 1];
    int open; /* handles */
};

static void port_free_if_unused(struct metrics_port *port)
{
    if (port->closed && port->count == 0)
        free(port);
}

static void on_part_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    if (--c->open > 0)
        return;
    struct metrics_port *port = c->port;
    port->count--;
    free(c->answer);
    free(c);
    port_free_if_unused(port);
}

static void connection_close(struct connection *c)
{
    if (uv_is_closing((uv_handle_t *)&c->tcp))
        return;
    if (c->prev)
        c->prev->next = c->next;
    else
        c->port->connections = c->next;
    if (c->next)
        c->next->prev = c->prev;
    uv_close((uv_handle_t *)&c->tcp, on_part_closed);
    uv_close((uv_handle_t *)&c->timer, on_part_closed);
}

static void on_time_limit(uv_timer_t *timer)
{
    connection_close(timer->data);
}

static void on_shut(uv_shutdown_t *shutdown, int status)
{
    (void)status;
    connection_close(shutdown->data);
    free(shutdown);
}

/* An orderly end, so that the last bytes are not lost to a reset. */
static void on_written(uv_write_t *write, int status)
{
    struct connection *c = write->data;
    uv_shutdown_t *shutdown = xcalloc(1, sizeof *shutdown);
    shutdown->data = c;
    if (status < 0 || uv_shutdown(shutdown, (uv_stream_t *)&c->tcp, on_shut) < 0) {
        free(shutdown);
        connection_close(c);
    }
}

/* Is it a GET of `path`, with a query or without? */
static bool asks_for(const struct connection *c, const char *path)
{
    size_t len = strlen(path);
    return strncmp(c->request, "GET ", 4) == 0 && strncmp(c->request + 4, path, len) == 0 &&
           strchr(" ?", c->request[4 + len]) && c->request[4 + len];
}

static char *make_answer(const struct connection *c)
{
    struct figures_now now = {0};
    c->port->now(c->port->arg, &now);
    bool ready = now.redis_up && now.slots_up > 0;
    const char *status = asks_for(c, "/livez") || asks_for(c, "/metrics") ? "200 OK"
                         : !asks_for(c, "/readyz")                        ? "404 Not Found"
                         : ready                                          ? "200 OK"
                                                                          : "503 Service Unavailable";
    if (!asks_for(c, "/metrics"))
        return xasprintf("HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
    cleanup_free char *text = figures_text(&now);
    return xasprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                     metrics_content_type, strlen(text), text);
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_buf)
{
    struct connection *c = handle->data;
    (void)wanted;
    *ret_buf = uv_buf_init(c->request + c->len, (unsigned)(REQUEST_MOST - c->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = stream->data;
    (void)buf;
    c->len += n > 0 ? (size_t)n : 0;
    c->request[c->len] = '\0';
    bool whole = strstr(c->request, "\r\n\r\n") != NULL;
    if (n == 0 || (n > 0 && !whole && c->len < REQUEST_MOST))
        return;
    if (!whole) {
        connection_close(c);
        return;
    }
    uv_read_stop(stream);
    c->answer = make_answer(c);
    c->write.data = c;
    uv_buf_t answer = uv_buf_init(c->answer, (unsigned)strlen(c->answer));
    if (uv_write(&c->write, stream, &answer, 1, on_written) < 0)
        connection_close(c);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct metrics_port *port = listener->data;
    if (status < 0)
        return;
    struct connection *c = xcalloc(1, sizeof *c);
    c->port = port;
    c->open = 2;
    c->tcp.data = c->timer.data = c;
    c->next = port->connections;
    if (c->next)
        c->next->prev = c;
    port->connections = c;
    port->count++;
    uv_tcp_init(port->loop, &c->tcp);
    uv_timer_init(port->loop, &c->timer);
    uv_timer_start(&c->timer, on_time_limit, TIME_LIMIT_MS, 0);
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) < 0 || port->count > CONNECTIONS_MOST ||
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0)
        connection_close(c);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct metrics_port *port = handle->data;
    port->closed = true;
    port_free_if_unused(port);
}

static int listen_on(struct metrics_port *port, const char *host, int number, struct err *err)
{
    struct sockaddr_storage address;
    int r = uv_ip4_addr(host, number, (struct sockaddr_in *)&address);
    if (r < 0)
        r = uv_ip6_addr(host, number, (struct sockaddr_in6 *)&address);
    if (r < 0)
        return err_set_field(err, EINVAL, "metrics-host", "metrics-host \"%.64s\" is not an address", host);
    r = uv_tcp_bind(&port->listener, (struct sockaddr *)&address, 0);
    if (r == 0)
        r = uv_listen((uv_stream_t *)&port->listener, BACKLOG, on_connection);
    if (r < 0)
        return err_set_field(err, -r, "metrics-port", "cannot listen on %.64s port %d: %s", host, number,
                             uv_strerror(r));
    return 0;
}

int metrics_port_create(uv_loop_t *loop, const char *host, int port,
                        void (*now)(void *arg, struct figures_now *ret_now), void *arg, struct metrics_port **ret_port,
                        struct err *err)
{
    struct metrics_port *made = xcalloc(1, sizeof *made);
    made->loop = loop;
    made->now = now;
    made->arg = arg;
    uv_tcp_init(loop, &made->listener);
    made->listener.data = made;
    int r = listen_on(made, host, port, err);
    if (r < 0)
        metrics_port_destroy(made);
    else
        *ret_port = made;
    return r;
}

int metrics_port_number(const struct metrics_port *port)
{
    struct sockaddr_storage name;
    int len = sizeof name;
    if (uv_tcp_getsockname(&port->listener, (struct sockaddr *)&name, &len) < 0)
        return -1;
    return ntohs(name.ss_family == AF_INET ? ((struct sockaddr_in *)&name)->sin_port
                                           : ((struct sockaddr_in6 *)&name)->sin6_port);
}

void metrics_port_destroy(struct metrics_port *port)
{
    if (!port)
        return;
    while (port->connections)
        connection_close(port->connections);
    uv_close((uv_handle_t *)&port->listener, on_listener_closed);
}
