/* The keeper's warm servers: which there are, what each is for, and when one goes. The launcher starts them, the keeper
 * talks to them and ends them. */
#include "warm.h"
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    START_MS = 10000, /* to the door */
    RUNS_MAX = 1000, /* of one server: so many share a hash seed and an address layout; a start is 15 ms of 1000 × 1 */
    REST_US = 30000000, /* after one that failed */
};

/* What the interpreter could have read before the door: argv, the environment, the script's name; and its stack. */
struct key {
    uint64_t stack_bytes;
    const char *words;
    size_t len;
};

static struct key key_of(const struct request *r)
{
    const char *end = r->names[0] + strlen(r->names[0]);
    return (struct key){r->head.limits.stack_bytes, r->argv[0], (size_t)(end - r->argv[0])};
}

static bool is_for(const struct warm_server *s, const struct key *key)
{
    return s->words != NULL && s->stack_bytes == key->stack_bytes && s->len == key->len &&
           memcmp(s->words, key->words, key->len) == 0;
}

uint32_t warm_count(const struct keeper *k)
{
    uint32_t count = 0;
    for (int i = 0; i < WARM_SERVERS; i++)
        count += k->servers[i].socket >= 0;
    return count;
}

static void on_change(struct keeper *k)
{
    cgroup_set_servers(k->cgroup, warm_count(k));
}

static void forget(struct warm_server *s)
{
    close_fds(&s->socket, 1);
    close_fds(&s->pid_fd, 1);
    free(s->words);
    *s = WARM_NONE;
}

void warm_end(struct keeper *k, struct warm_server *s)
{
    const char word = LAUNCHER_REAPS;
    if (s->pid_fd >= 0) {
        syscall(SYS_pidfd_send_signal, s->pid_fd, SIGKILL, NULL, 0);
        poll(&(struct pollfd){.fd = s->pid_fd, .events = POLLIN}, 1, START_MS); /* its memory is given back */
        if (message_send(k->launcher.socket, &word, 1, NULL, 0) < 0)
            log_line("warn", "the launcher cannot reap a warm server"); /* it is seen to at the next run */
    }
    forget(s);
    on_change(k);
}

void warm_forget_all(struct keeper *k)
{
    for (int i = 0; i < WARM_SERVERS; i++)
        forget(&k->servers[i]);
    on_change(k);
}

void warm_fail(struct keeper *k, struct warm_server *s, const char *why)
{
    log_line("warn", "no warm server, so runs start cold: %s", why);
    k->no_warm_until_us = now_us() + REST_US;
    warm_end(k, s);
}

/* One note within the time of a start. False, and what went wrong as a note of failure. */
static bool await_note(int socket, struct note *ret_note, int *fds, size_t fd_count)
{
    ssize_t got = -ETIMEDOUT;
    if (poll(&(struct pollfd){.fd = socket, .events = POLLIN}, 1, START_MS) > 0)
        got = message_receive(socket, ret_note, sizeof *ret_note, fds, fd_count, 0);
    if (got == sizeof *ret_note)
        return true;
    *ret_note =
        (struct note){.kind = NOTE_FAILED, .error = got < 0 ? (int)-got : ECHILD, .step = "the way to the door"};
    return false;
}

static bool start(struct keeper *k, struct warm_server *s, const char *message, size_t len)
{
    int fds[2] = {-1, -1};
    struct note note = {.step = "the launcher"};
    bool started = message_send(k->launcher.socket, message, len, NULL, 0) == 0 &&
                   await_note(k->launcher.socket, &note, fds, 2) && note.kind == NOTE_SERVER && fds[1] >= 0;
    s->socket = fds[0];
    s->pid_fd = fds[1];
    if (started && await_note(s->socket, &note, NULL, 0) && note.kind == NOTE_READY)
        return true;
    char why[KEEPER_WHY];
    snprintf(why, sizeof why, "%.127s: %s", note.step, strerror(note.error));
    warm_fail(k, s, why);
    return false;
}

/* A free place, or the one that was used longest ago. */
static struct warm_server *take_place(struct keeper *k)
{
    struct warm_server *oldest = &k->servers[0];
    for (int i = 0; i < WARM_SERVERS; i++) {
        struct warm_server *s = &k->servers[i];
        if (s->socket < 0)
            return s;
        if (s->used_us < oldest->used_us)
            oldest = s;
    }
    warm_end(k, oldest);
    return oldest;
}

struct warm_server *warm_server_for(struct keeper *k, const struct request *r, const char *message, size_t len,
                                    bool *ret_started)
{
    struct key key = key_of(r);
    struct warm_server *s = NULL;
    for (int i = 0; i < WARM_SERVERS; i++) {
        if (is_for(&k->servers[i], &key))
            s = &k->servers[i];
    }
    bool gone = s != NULL && poll(&(struct pollfd){.fd = s->socket}, 1, 0) > 0; /* hung up */
    if (s != NULL && (gone || s->runs >= RUNS_MAX)) {
        warm_end(k, s);
        s = NULL;
    }
    *ret_started = s == NULL;
    if (s == NULL && now_us() >= k->no_warm_until_us) {
        s = take_place(k);
        bool ready = start(k, s, message, len);
        if (!ready)
            return NULL;
        s->words = malloc(key.len);
        if (s->words == NULL)
            die("out of memory");
        memcpy(s->words, key.words, key.len);
        s->len = key.len;
        s->stack_bytes = key.stack_bytes;
        on_change(k);
    }
    if (s != NULL) {
        s->used_us = now_us();
        s->runs++;
    }
    return s;
}
