/* A process, the pipe that both its streams go to, and a timer; gone when all three are closed. */
#include "command.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    OUTPUT_MAX = 4096,
    LINGER_MS = 1000, /* for who left the session and still holds the pipe */
};

struct command {
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t timer;
    unsigned open; /* handles */
    bool exited;
    int status;
    char output[OUTPUT_MAX + 1];
    size_t len;
    char chunk[OUTPUT_MAX];
    command_done_fn *on_done;
    void *arg;
};

static void on_closed(uv_handle_t *handle)
{
    struct command *command = handle->data;
    if (--command->open > 0)
        return;
    command->output[command->len] = '\0';
    command->on_done(command->arg, command->status, command->output);
    free(command);
}

static void close_once(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

static void check_end(struct command *command)
{
    if (command->exited && uv_is_closing((uv_handle_t *)&command->pipe))
        close_once(&command->timer);
}

void command_kill(struct command *command)
{
    if (!command->exited)
        kill(-command->process.pid, SIGKILL);
}

static void on_timer(uv_timer_t *timer)
{
    struct command *command = timer->data;
    command_kill(command);
    if (command->exited)
        close_once(&command->pipe);
    check_end(command);
}

static void on_chunk_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct command *command = handle->data;
    (void)suggested;
    *buf = uv_buf_init(command->chunk, OUTPUT_MAX);
}

/* Keeps the end of what comes. */
static void keep(struct command *command, const char *data, size_t len)
{
    size_t over = command->len + len > OUTPUT_MAX ? command->len + len - OUTPUT_MAX : 0;
    memmove(command->output, command->output + over, command->len - over);
    memcpy(command->output + command->len - over, data, len);
    command->len += len - over;
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct command *command = stream->data;
    if (len > 0)
        keep(command, buf->base, (size_t)len);
    if (len < 0)
        close_once(&command->pipe);
    check_end(command);
}

static void on_exited(uv_process_t *process, int64_t status, int signal)
{
    struct command *command = process->data;
    kill(-process->pid, SIGKILL); /* what it left in its session */
    command->exited = true;
    command->status = signal ? -1 : (int)status;
    uv_timer_start(&command->timer, on_timer, LINGER_MS, 0);
    close_once(&command->process);
    check_end(command);
}

static int spawn(struct command *command, char *const *argv, int write_fd)
{
    static char path[] = "PATH=/usr/bin:/bin", locale[] = "LANG=C.UTF-8", home[] = "HOME=/tmp";
    char *env[] = {path, locale, home, NULL};
    uv_stdio_container_t streams[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = write_fd},
        {.flags = UV_INHERIT_FD, .data.fd = write_fd},
    };
    uv_process_options_t options = {
        .file = argv[0],
        .args = (char **)argv,
        .env = env,
        .flags = UV_PROCESS_DETACHED, /* setsid */
        .stdio = streams,
        .stdio_count = ARRAY_LEN(streams),
        .exit_cb = on_exited,
    };
    return uv_spawn(command->pipe.loop, &command->process, &options);
}

static void on_unstarted(uv_handle_t *handle)
{
    struct command *command = handle->data;
    if (--command->open == 0)
        free(command);
}

int command_start(uv_loop_t *loop, char *const *argv, int64_t timeout_ms, command_done_fn *on_done, void *arg,
                  struct command **ret_command)
{
    int ends[2];
    int r = uv_pipe(ends, 0, 0);
    if (r < 0)
        return r;
    struct command *command = xcalloc(1, sizeof *command);
    command->on_done = on_done;
    command->arg = arg;
    command->open = 3;
    uv_pipe_init(loop, &command->pipe, 0);
    uv_timer_init(loop, &command->timer);
    command->process.data = command->pipe.data = command->timer.data = command;
    uv_pipe_open(&command->pipe, ends[0]); /* sets O_NONBLOCK; the descriptor is its own now */
    r = spawn(command, argv, ends[1]);
    close(ends[1]);
    if (r < 0) {
        uv_close((uv_handle_t *)&command->process, on_unstarted);
        uv_close((uv_handle_t *)&command->pipe, on_unstarted);
        uv_close((uv_handle_t *)&command->timer, on_unstarted);
        return r;
    }
    uv_read_start((uv_stream_t *)&command->pipe, on_chunk_wanted, on_read);
    uv_timer_start(&command->timer, on_timer, (uint64_t)timeout_ms, 0);
    *ret_command = command;
    return 0;
}
