/* One struct for each refused connection; it owns its descriptor and is freed when both handles are closed. They are
 * counted: whoever is refused must not use up the descriptors of those who are served. */
#include "linger.h"
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

enum { ANSWER_MS = 100, LINGER_MS = 5000, CHUNK = 64 * 1024, READS_PER_TURN = 16, LINGERING_MAX = 128 };
static const size_t BYTES_MAX = 256u << 20;
static int lingering;

struct linger_op {
    uv_poll_t poll;
    uv_timer_t timer;
    int fd;
    size_t dropped;
    int open_handles;
};

static void on_closed(uv_handle_t *handle)
{
    struct linger_op *op = handle->data;
    if (--op->open_handles > 0)
        return;
    close(op->fd);
    free(op);
    lingering--;
}

static void finish(struct linger_op *op)
{
    if (uv_is_closing((uv_handle_t *)&op->poll))
        return;
    uv_close((uv_handle_t *)&op->poll, on_closed);
    uv_close((uv_handle_t *)&op->timer, on_closed);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct linger_op *op = poll->data;
    char chunk[CHUNK];
    (void)events;
    for (int i = 0; status == 0 && i < READS_PER_TURN; i++) {
        ssize_t n = recv(op->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n > 0)
            op->dropped += (size_t)n;
        if (n <= 0 || op->dropped > BYTES_MAX)
            status = -1;
    }
    if (status < 0)
        finish(op);
}

static void on_time_up(uv_timer_t *timer)
{
    finish(timer->data);
}

/* The refusal has been written by now: a client that reads to the end must not wait for our descriptor. */
static void on_answered(uv_timer_t *timer)
{
    struct linger_op *op = timer->data;
    shutdown(op->fd, SHUT_WR);
    uv_timer_start(timer, on_time_up, LINGER_MS, 0);
}

void linger(uv_loop_t *loop, int socket_fd)
{
    int fd = lingering < LINGERING_MAX ? fcntl(socket_fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0)
        return; /* the client may see a reset */
    struct linger_op *op = xcalloc(1, sizeof *op);
    op->fd = fd;
    if (uv_poll_init(loop, &op->poll, fd) < 0) {
        close(fd);
        free(op);
        return;
    }
    lingering++;
    op->open_handles = 2;
    op->poll.data = op;
    op->timer.data = op;
    uv_timer_init(loop, &op->timer);
    uv_timer_start(&op->timer, on_answered, ANSWER_MS, 0);
    uv_poll_start(&op->poll, UV_READABLE, on_readable);
}
