/* Owns the child process, the socket to it and its output area. Invariants: only client_step changes `state`; a box is
 * asked to end by end of file and killed when it does not, so that it can remove its cgroups; a message that is not as
 * the protocol says is a dead box. The environment of a box is empty: the executor's holds Redis' password. */
#include "box_client.h"
#include "figures.h"
#include "log.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
    HELLO_MS = 20000,  /* a box probes what the machine can do */
    ANSWER_MS = 15000, /* beyond the wall limit: set-up, clean-up, a busy machine */
    CANCEL_MS = 5000,
    END_MS = 3000,
    REST_LEAST_MS = 50,
    REST_MOST_MS = 5000,
};

enum client_state {
    CLIENT_STARTING, /* no hello yet */
    CLIENT_IDLE,
    CLIENT_BUSY,
    CLIENT_ENDING,  /* the box is to end, and another to start */
    CLIENT_RESTING, /* no box; the timer starts one */
    CLIENT_LEAVING, /* the box is to end for good */
    CLIENT_CLOSING, /* the timer's close callback frees */
};

enum client_event { EVENT_HELLO, EVENT_RUN, EVENT_ANSWER, EVENT_LOST, EVENT_TIMER, EVENT_CLOSED, EVENT_DESTROY };

struct box_client {
    enum client_state state;
    struct box_client_options options;
    uv_loop_t *loop;
    uv_process_t process;
    uv_poll_t poll;
    uv_timer_t timer; /* of whatever the state waits for */
    int fd;           /* -1: end of file was given */
    int handles;      /* of process and poll, not yet closed */
    struct box_hello hello;
    char *area;                                              /* 2 × hello.output_max, or NULL */
    uint64_t id;                                             /* of the run asked for last */
    void (*on_answer)(void *arg, struct box_answer *answer); /* NULL: none is due */
    void *answer_arg;
    int64_t rest_ms;
    int64_t down_since_ms;
    uint64_t since_ns; /* of the box's start */
    unsigned starts;   /* since a box was up last */
    void (*on_closed)(void *arg);
    void *closed_arg;
    alignas(uint64_t) char message[BOX_MESSAGE_MAX]; /* going out or come in */
};

static void client_step(struct box_client *c, enum client_event event);
static void step_ended(struct box_client *c);

/* ---- the child ------------------------------------------------------------------------------------------------ */

static void on_handle_closed(uv_handle_t *handle)
{
    struct box_client *c = handle->data;
    c->handles--;
    client_step(c, EVENT_CLOSED);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
    struct box_client *c = process->data;
    if (c->state != CLIENT_ENDING && c->state != CLIENT_LEAVING)
        log_event(LOG_WARN, "box died", LOG_INT("pid", process->pid), LOG_INT("status", status),
                  LOG_INT("signal", signal));
    uv_close((uv_handle_t *)process, on_handle_closed);
    client_step(c, EVENT_LOST);
}

static void on_readable(uv_poll_t *poll, int status, int events);

static int make_socket(int *ret_ours, int *ret_theirs)
{
    int pair[2], size = BOX_MESSAGE_MAX;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    for (int i = 0; i < 2; i++)
        if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) < 0)
            abort();
    *ret_ours = pair[0];
    *ret_theirs = pair[1];
    return 0;
}

/* A box must not inherit connections to Redis, which hiredis opens without close-on-exec. */
static int hide_descriptors(void)
{
    return close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static int start_box(struct box_client *c)
{
    cleanup_fd int ours = -1, theirs = -1;
    int r = hide_descriptors();
    if (r == 0)
        r = make_socket(&ours, &theirs);
    if (r < 0)
        return r;
    char *no_environment[] = {NULL};
    uv_stdio_container_t stdio[BOX_FD + 1] = {
        [STDIN_FILENO] = {.flags = UV_IGNORE},
        [STDOUT_FILENO] = {.flags = UV_IGNORE},
        [STDERR_FILENO] = {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        [BOX_FD] = {.flags = UV_INHERIT_FD, .data.fd = theirs},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_status,
        .file = c->options.argv[0],
        .args = c->options.argv,
        .env = no_environment,
        .flags = UV_PROCESS_DETACHED, /* a Ctrl-C at the terminal is the executor's to answer: it drains */
        .stdio = stdio,
        .stdio_count = BOX_FD + 1,
    };
    c->handles = 1;
    r = uv_spawn(c->loop, &c->process, &options);
    if (r < 0) {
        uv_close((uv_handle_t *)&c->process, on_handle_closed);
        return r;
    }
    c->fd = steal_fd(&ours);
    if (uv_poll_init(c->loop, &c->poll, c->fd) < 0 || uv_poll_start(&c->poll, UV_READABLE, on_readable) < 0)
        abort();
    c->process.data = c->poll.data = c;
    c->handles = 2;
    return 0;
}

static void give_end_of_file(struct box_client *c)
{
    if (c->fd < 0)
        return;
    uv_close((uv_handle_t *)&c->poll, on_handle_closed);
    close(steal_fd(&c->fd));
}

static void drop_area(struct box_client *c)
{
    if (c->area)
        munmap(c->area, 2 * c->hello.output_max);
    c->area = NULL;
}

/* ---- messages ------------------------------------------------------------------------------------------------- */

static int send_message(int fd, const void *data, size_t len, const int *fds, size_t fd_count)
{
    alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
    struct iovec part = {.iov_base = (void *)data, .iov_len = len};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count) {
        m.msg_control = control;
        m.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&m);
        *header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(fd_count * sizeof(int))};
        memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
    }
    ssize_t n;
    do
        n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* *ret_fd: the descriptor that came along, or -1. */
static ssize_t receive_message(int fd, void *data, size_t size, int *ret_fd)
{
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {.iov_base = data, .iov_len = size};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n;
    do
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    *ret_fd = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&m);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
    if (!(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return n;
    base_close_fd(ret_fd);
    return -EBADMSG;
}

static bool take_hello(struct box_client *c, size_t len, int *fd)
{
    const struct box_hello *hello = (const void *)c->message;
    struct stat area;
    if (len != sizeof *hello || hello->magic != BOX_MAGIC || hello->version != BOX_VERSION ||
        hello->type != BOX_TYPE_HELLO || *fd < 0 || hello->output_max == 0 || hello->output_max > INT32_MAX)
        return false;
    if (fstat(*fd, &area) < 0 || (uint64_t)area.st_size < 2 * hello->output_max)
        return false;
    void *at = mmap(NULL, 2 * hello->output_max, PROT_READ, MAP_SHARED, *fd, 0);
    if (at == MAP_FAILED)
        return false;
    c->hello = *hello;
    c->area = at;
    return true;
}

/* The table and the names behind a reply. */
static bool take_collected(const struct box_reply *reply, size_t len, int *fd, struct bundle *ret_bundle)
{
    size_t table = reply->collected * sizeof(struct box_file), left = len - sizeof *reply;
    if (reply->collected == 0)
        return true;
    if (reply->collected > BOX_COLLECT_MAX || left < table || *fd < 0)
        return false;
    const char *names = (const char *)(reply + 1) + table;
    size_t names_len = left - table, found = 0;
    for (size_t i = 0; i < names_len; i++)
        found += names[i] == '\0';
    if (found != reply->collected || names[names_len - 1] != '\0')
        return false;
    *ret_bundle = (struct bundle){
        .fd = steal_fd(fd),
        .count = reply->collected,
        .files = xmemdup(reply + 1, table),
        .names = xmemdup(names, names_len),
        .names_len = names_len,
    };
    return true;
}

/* A copy of the reply, because on_answer may ask for the next run, which is written where the reply stands. */
static bool take_answer(struct box_client *c, size_t len, int *fd)
{
    struct box_reply reply;
    struct box_answer answer = {
        .reply = &reply, .out = c->area, .errout = c->area + c->hello.output_max, .collected = BUNDLE_NONE};
    if (len < sizeof reply)
        return false;
    memcpy(&reply, c->message, sizeof reply);
    reply.message[sizeof reply.message - 1] = '\0';
    if (reply.magic != BOX_MAGIC || reply.version != BOX_VERSION || reply.type != BOX_TYPE_REPLY || reply.id != c->id ||
        reply.stdout_kept > c->hello.output_max || reply.stderr_kept > c->hello.output_max ||
        !take_collected((const void *)c->message, len, fd, &answer.collected))
        return false;
    void (*on_answer)(void *, struct box_answer *) = c->on_answer;
    c->on_answer = NULL;
    if (reply.status == BOX_OK)
        c->rest_ms = REST_LEAST_MS;
    client_step(c, EVENT_ANSWER);
    on_answer(c->answer_arg, &answer);
    bundle_finish(&answer.collected);
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct box_client *c = poll->data;
    cleanup_fd int fd = -1;
    (void)events;
    ssize_t n = status < 0 ? status : receive_message(c->fd, c->message, sizeof c->message, &fd);
    if (n == -EAGAIN)
        return;
    if (n > 0 && c->state == CLIENT_STARTING && take_hello(c, (size_t)n, &fd)) {
        client_step(c, EVENT_HELLO);
        return;
    }
    if (n > 0 && c->state == CLIENT_BUSY && take_answer(c, (size_t)n, &fd))
        return;
    if (n > 0)
        log_event(LOG_ERROR, "box sent what the protocol does not know", LOG_INT("bytes", n));
    client_step(c, EVENT_LOST);
}

/* ---- the state machine ---------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    client_step(timer->data, EVENT_TIMER);
}

static void set_timer(struct box_client *c, int64_t ms)
{
    uv_timer_start(&c->timer, on_timer, (uint64_t)ms, 0);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct box_client *c = handle->data;
    if (c->on_closed)
        c->on_closed(c->closed_arg);
    free(c);
}

/* The run that was out has no answer. Deferred by nature: only close callbacks lead here. */
static void fail_run(struct box_client *c)
{
    void (*on_answer)(void *, struct box_answer *) = c->on_answer;
    c->on_answer = NULL;
    if (on_answer)
        on_answer(c->answer_arg, NULL);
}

static void enter_starting(struct box_client *c)
{
    c->state = CLIENT_STARTING;
    c->process.data = c;
    c->starts++;
    c->since_ns = uv_hrtime();
    metric_add(&figure_box_starts, 1);
    int r = start_box(c);
    if (r == 0) {
        set_timer(c, HELLO_MS);
        return;
    }
    log_event(LOG_ERROR, "box does not start", LOG_TEXT("path", c->options.argv[0]), LOG_TEXT("error", uv_strerror(r)));
    c->state = CLIENT_ENDING;
    if (c->handles == 0)
        step_ended(c);
}

static void enter_ending(struct box_client *c, enum client_state state)
{
    c->state = state;
    if (c->down_since_ms == 0)
        c->down_since_ms = now_mono_ms();
    give_end_of_file(c);
    set_timer(c, END_MS);
}

static void kill_box(struct box_client *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->process))
        uv_process_kill(&c->process, SIGKILL);
}

static void step_ended(struct box_client *c)
{
    metric_add(&figure_box_ends, 1);
    drop_area(c);
    if (c->state == CLIENT_LEAVING) {
        c->state = CLIENT_CLOSING;
        uv_close((uv_handle_t *)&c->timer, on_timer_closed);
    } else {
        c->state = CLIENT_RESTING;
        set_timer(c, c->rest_ms);
        c->rest_ms = c->rest_ms * 2 < REST_MOST_MS ? c->rest_ms * 2 : REST_MOST_MS;
        c->options.on_change(c->options.arg);
    }
    fail_run(c);
}

static void step_up(struct box_client *c, enum client_event event)
{
    if (event == EVENT_DESTROY) {
        enter_ending(c, CLIENT_LEAVING);
    } else if (event == EVENT_LOST || event == EVENT_TIMER) {
        if (event == EVENT_TIMER)
            log_event(LOG_ERROR, "box does not answer", LOG_INT("pid", c->process.pid));
        enter_ending(c, CLIENT_ENDING);
    } else if (event == EVENT_HELLO) {
        assert(c->state == CLIENT_STARTING);
        uv_timer_stop(&c->timer);
        c->state = CLIENT_IDLE;
        metric_observe(&figure_box_start_seconds, (double)(uv_hrtime() - c->since_ns) / 1e9);
        c->down_since_ms = 0;
        c->starts = 0;
        c->options.on_change(c->options.arg);
    } else if (event == EVENT_RUN) {
        assert(c->state == CLIENT_IDLE);
        c->state = CLIENT_BUSY;
    } else {
        assert(event == EVENT_ANSWER && c->state == CLIENT_BUSY);
        uv_timer_stop(&c->timer);
        c->state = CLIENT_IDLE;
    }
}

static void client_step(struct box_client *c, enum client_event event)
{
    switch (c->state) {
    case CLIENT_STARTING:
    case CLIENT_IDLE:
    case CLIENT_BUSY:
        step_up(c, event);
        return;
    case CLIENT_ENDING:
    case CLIENT_LEAVING:
        if (event == EVENT_DESTROY)
            c->state = CLIENT_LEAVING;
        else if (event == EVENT_TIMER)
            kill_box(c);
        else if (event == EVENT_CLOSED && c->handles == 0)
            step_ended(c);
        return;
    case CLIENT_RESTING:
        if (event == EVENT_TIMER) {
            enter_starting(c);
        } else if (event == EVENT_DESTROY) {
            c->state = CLIENT_CLOSING;
            uv_close((uv_handle_t *)&c->timer, on_timer_closed);
        }
        return;
    case CLIENT_CLOSING:
        return;
    }
    abort();
}

/* ---- what the runner calls ------------------------------------------------------------------------------------ */

struct box_client *box_client_create(uv_loop_t *loop, const struct box_client_options *options)
{
    struct box_client *c = xcalloc(1, sizeof *c);
    c->options = *options;
    c->loop = loop;
    c->fd = -1;
    c->rest_ms = REST_LEAST_MS;
    c->down_since_ms = now_mono_ms();
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    enter_starting(c);
    return c;
}

void box_client_destroy(struct box_client *client, void (*on_closed)(void *arg), void *arg)
{
    client->on_closed = on_closed;
    client->closed_arg = arg;
    client_step(client, EVENT_DESTROY);
}

bool box_client_idle(const struct box_client *client)
{
    return client->state == CLIENT_IDLE;
}

const struct box_hello *box_client_hello(const struct box_client *client)
{
    return client->area ? &client->hello : NULL;
}

unsigned box_client_starts(const struct box_client *client)
{
    return client->starts;
}

int64_t box_client_down_since(const struct box_client *client)
{
    return client->down_since_ms;
}

struct message {
    char *at; /* NULL once something did not fit */
    size_t left;
};

static void put(struct message *m, const void *data, size_t len)
{
    if (len > m->left)
        m->at = NULL;
    if (!m->at || len == 0)
        return;
    memcpy(m->at, data, len);
    m->at += len;
    m->left -= len;
}

static void put_strings(struct message *m, char *const *strings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put(m, strings[i], strlen(strings[i]) + 1);
}

/* The request's length, 0 when it does not fit. */
static size_t write_request(struct box_client *c, const struct box_call *call)
{
    size_t argc = 0;
    while (call->argv[argc])
        argc++;
    if (argc > BOX_ARGS_MAX || call->env_count > BOX_ARGS_MAX || call->files->count > BOX_FILES_MAX)
        return 0;
    struct box_request request = {
        .magic = BOX_MAGIC,
        .version = BOX_VERSION,
        .type = BOX_TYPE_REQUEST,
        .profile = call->profile,
        .id = ++c->id,
        .limits = call->limits,
        .argc = (uint32_t)argc,
        .envc = (uint32_t)call->env_count,
        .file_count = call->files->count,
        .collect_count = (uint32_t)call->collect_count,
        .collect_max = call->collect_max,
        .warm = (uint32_t)call->warm,
    };
    struct message m = {c->message, sizeof c->message};
    put(&m, &request, sizeof request);
    put(&m, call->files->files, call->files->count * sizeof *call->files->files);
    put_strings(&m, call->argv, argc);
    put_strings(&m, call->env, call->env_count);
    put(&m, call->files->names, call->files->names_len);
    put_strings(&m, call->collect, call->collect_count);
    return m.at ? (size_t)(m.at - c->message) : 0;
}

int box_client_run(struct box_client *client, const struct box_call *call,
                   void (*on_answer)(void *arg, struct box_answer *answer), void *arg, struct err *err)
{
    size_t len = write_request(client, call);
    if (len == 0)
        return err_set(err, E2BIG, "arguments and file names do not fit into one request (%d bytes, %d of each)",
                       BOX_MESSAGE_MAX, BOX_ARGS_MAX);
    int fds[2] = {call->stdin_fd, call->files->fd};
    client_step(client, EVENT_RUN);
    client->on_answer = on_answer;
    client->answer_arg = arg;
    set_timer(client, (int64_t)(call->limits.wall_us / 1000) + ANSWER_MS);
    if (send_message(client->fd, client->message, len, fds, 2) < 0)
        client_step(client, EVENT_LOST);
    return 0;
}

void box_client_cancel(struct box_client *client)
{
    struct box_cancel cancel = {.magic = BOX_MAGIC, .version = BOX_VERSION, .type = BOX_TYPE_CANCEL, .id = client->id};
    if (client->state != CLIENT_BUSY)
        return;
    set_timer(client, CANCEL_MS);
    if (send_message(client->fd, &cancel, sizeof cancel, NULL, 0) < 0)
        client_step(client, EVENT_LOST);
}

void box_client_restart(struct box_client *client)
{
    client_step(client, EVENT_LOST);
}
