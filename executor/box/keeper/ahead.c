/* The process that is started ahead of the next request: a run that was begun without its files and input, and is
 * dropped for whatever is not like the run before it, so that nothing runs beside a run. */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* The run that was begun ahead of its request, if `run.begun_ahead`: its program is at the door, or on the way there.
 */
static struct {
    struct run run;
    alignas(struct box_request) char message[BOX_MESSAGE_MAX + 1]; /* of the run before */
    struct request request;
    struct box_reply reply;
} ahead;

void ahead_reap(struct keeper *k)
{
    const char word = LAUNCHER_REAPS;
    if (k->launcher.socket >= 0 && message_send(k->launcher.socket, &word, 1, NULL, 0) < 0)
        keeper_stop_launcher(k);
    ahead.run.begun_ahead = false;
}

void ahead_drop(struct keeper *k)
{
    struct run *run = &ahead.run;
    if (!run->begun_ahead)
        return;
    run_kill(k, run);
    cgroup_let_die(k->cgroup);
    if (run->init_fd >= 0 && poll(&(struct pollfd){.fd = run->init_fd, .events = POLLIN}, 1, KILL_MAX_US / 1000) == 0)
        keeper_stop_launcher(k);
    cgroup_end(k->cgroup);
    run_close(run);
    ahead_reap(k);
}

void ahead_begin(struct keeper *k, const char *message, size_t len)
{
    struct run *run = &ahead.run;
    struct note note = {.kind = NOTE_FAILED, .error = ETIMEDOUT, .step = "its init"};
    int empty_fd = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING), fd = -1;
    memcpy(ahead.message, message, len);
    if (request_parse(ahead.message, len, &k->config->most, &ahead.request) != NULL || empty_fd < 0 ||
        box_seal(empty_fd) < 0) {
        close_fds(&empty_fd, 1);
        return;
    }
    run_init(run, k, &ahead.request, ahead.message, len, &ahead.reply);
    run->begun_ahead = true;
    if (run_start(k, run, (int[]){empty_fd, empty_fd}) == 0 &&
        poll(&(struct pollfd){.fd = k->launcher.socket, .events = POLLIN}, 1, SETUP_MAX_US / 1000) > 0) {
        ssize_t got = message_receive(k->launcher.socket, &note, sizeof note, &fd, 1, MSG_DONTWAIT);
        run_take_init(k, run, &note, got, &fd);
    }
    close_fds(&empty_fd, 1);
    close_fds(&fd, 1);
    if (run->init_fd >= 0)
        return;
    log_line("warn", "no process could be started ahead: %.127s: %s", note.step, strerror(note.error));
    ahead_drop(k);
}

/* Its limits, argv, environment and names of files are those that the process was started with. */
static bool ahead_is_for(const struct request *r)
{
    const struct request *a = &ahead.request;
    if (!ahead.run.begun_ahead || r->head.warm < BOX_WAY_TAKE || r->head.warm > BOX_WAY_HOLD ||
        r->head.profile != a->head.profile || r->head.argc != a->head.argc || r->head.envc != a->head.envc ||
        r->head.file_count != a->head.file_count ||
        memcmp(&r->head.limits, &a->head.limits, sizeof a->head.limits) != 0)
        return false;
    const char *end = a->names[a->head.file_count - 1], *its_end = r->names[r->head.file_count - 1];
    size_t len = (size_t)(end - a->argv[0]) + strlen(end);
    return len == (size_t)(its_end - r->argv[0]) + strlen(its_end) && memcmp(a->argv[0], r->argv[0], len) == 0;
}

struct run *ahead_serve(struct keeper *k, const struct run *asked, const int given[2])
{
    struct run *run = &ahead.run;
    if (!ahead_is_for(asked->request) || !request_bundle_is_whole(asked->request, given[1]))
        return NULL;
    int fds[2] = {request_open_stdin(asked->request, given[0]), given[1]};
    if (fds[0] < 0)
        return NULL;
    run->request = asked->request;
    run->reply = asked->reply;
    run->asked_us = asked->asked_us;
    run->reply->warm = BOX_WARM;
    int error = message_send(run->report_fd, asked->message, asked->message_len, fds, 2);
    close_fds(fds, 1);
    if (error == 0)
        run_wait(k, run);
    if (run->started_us != 0 || run->reply->cause == BOX_CAUSE_CANCEL)
        return run;
    log_line("warn", "the process that was started ahead is of no use: %s",
             error < 0 ? strerror(-error) : run->reply->message);
    return NULL;
}
