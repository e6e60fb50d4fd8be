/* The server as a child that dies with the test, and the store's callbacks turned into values. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static uv_loop_t loop_storage;
uv_loop_t *test_loop = &loop_storage;

_Noreturn static void bail_out(const char *why)
{
    printf("Bail out! %s: %s\n", why, strerror(errno));
    exit(1);
}

/* ---- the server ----------------------------------------------------------------------------------------------- */

/* The ACL line that operators copy is the one that is tested. */
static void copy_acl_line(FILE *conf)
{
    FILE *doc = fopen(PROTOCOL_MD, "r");
    char line[2048];
    while (doc && fgets(line, sizeof line, doc)) {
        if (strncmp(line, "user sentinel ", 14) == 0) {
            fputs(line, conf);
            fclose(doc);
            return;
        }
    }
    bail_out("no line 'user sentinel ' in docs/PROTOCOL.md");
}

void server_create(struct redis_server *s)
{
    uv_loop_init(test_loop);
    signal(SIGPIPE, SIG_IGN);
    strcpy(s->dir, "/tmp/sentinel-redis-XXXXXX");
    if (!mkdtemp(s->dir))
        bail_out("mkdtemp");
    snprintf(s->socket, sizeof s->socket, "%s/redis.sock", s->dir);
    snprintf(s->url, sizeof s->url, "unix://sentinel:secret@%s", s->socket);
    cleanup_free char *path = xasprintf("%s/redis.conf", s->dir);
    FILE *conf = fopen(path, "w");
    if (!conf)
        bail_out("redis.conf");
    fprintf(conf, "port 0\nunixsocket %s\ndir %s\nsave \"\"\nappendonly yes\nappendfsync always\nlogfile redis.log\n",
            s->socket, s->dir);
    copy_acl_line(conf);
    fclose(conf);
    server_spawn(s);
}

static bool admin_connects(struct redis_server *s)
{
    s->admin = redisConnectUnix(s->socket);
    redisReply *reply = s->admin && !s->admin->err ? redisCommand(s->admin, "PING") : NULL;
    bool good = reply && reply->type == REDIS_REPLY_STATUS;
    if (reply)
        freeReplyObject(reply);
    if (!good && s->admin) {
        redisFree(s->admin);
        s->admin = NULL;
    }
    return good;
}

void server_spawn(struct redis_server *s)
{
    cleanup_free char *conf = xasprintf("%s/redis.conf", s->dir);
    unlink(s->socket);
    s->pid = fork();
    if (s->pid < 0)
        bail_out("fork");
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("redis-server", "redis-server", conf, (char *)NULL);
        _exit(127);
    }
    int64_t end = now_mono_ms() + 10000;
    while (!admin_connects(s)) {
        if (now_mono_ms() > end || waitpid(s->pid, NULL, WNOHANG) != 0)
            bail_out("redis-server does not come up");
        usleep(2000); /* the interval of polling */
    }
}

void server_kill(struct redis_server *s)
{
    if (s->admin)
        redisFree(s->admin);
    s->admin = NULL;
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}

void server_destroy(struct redis_server *s)
{
    server_kill(s);
    cleanup_free char *command = xasprintf("rm -rf %s", s->dir);
    if (system(command) != 0)
        bail_out("rm");
    uv_run(test_loop, UV_RUN_DEFAULT);
    if (uv_loop_close(test_loop) != 0)
        bail_out("the loop still holds something");
}

static redisReply *ask(struct redis_server *s, const char *fmt, va_list ap)
{
    redisReply *reply = redisvCommand(s->admin, fmt, ap);
    if (!reply)
        bail_out(s->admin->errstr);
    return reply;
}

redisReply *server_ask(struct redis_server *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *reply = ask(s, fmt, ap);
    va_end(ap);
    return reply;
}

int64_t server_int(struct redis_server *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *reply = ask(s, fmt, ap);
    va_end(ap);
    int64_t value = reply->type == REDIS_REPLY_INTEGER ? reply->integer
                    : reply->str                       ? strtoll(reply->str, NULL, 10)
                                                       : -1;
    freeReplyObject(reply);
    return value;
}

bool server_tell(struct redis_server *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *reply = ask(s, fmt, ap);
    va_end(ap);
    bool good = reply->type != REDIS_REPLY_ERROR;
    if (!good)
        printf("# %s\n", reply->str);
    freeReplyObject(reply);
    return good;
}

/* ---- the loop and the store ----------------------------------------------------------------------------------- */

static void on_turn(uv_timer_t *timer)
{
    (void)timer;
}

void harness_turn(void)
{
    static uv_timer_t timer;
    uv_timer_init(test_loop, &timer);
    uv_timer_start(&timer, on_turn, 10, 0);
    uv_run(test_loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(test_loop, UV_RUN_NOWAIT);
}

struct store *open_store(struct redis_server *s, void (*adapt)(struct store_options *options))
{
    struct store_options options = {
        .url = s->url,
        .prefix = "sentinel",
        .client_name = "store test",
        .deadline_ms = 10000, /* a busy machine is not an outage */
        .result_ttl_ms = 3600000,
        .queue_ttl_ms = 600000,
        .lease_ms = 30000,
        .max_attempts = 3,
    };
    if (adapt)
        adapt(&options);
    struct store *store = NULL;
    struct err err = {0};
    if (store_create(test_loop, &options, &store, &err) < 0 || !until(store_ready(store))) {
        printf("# %s %s\n", err.msg, store ? store_state(store) : "");
        bail_out("the store does not become ready");
    }
    return store;
}

static void on_store_closed(void *arg)
{
    *(bool *)arg = true;
}

void close_store(struct store *store)
{
    bool closed = false;
    store_destroy(store, on_store_closed, &closed);
    if (!until(closed))
        bail_out("the store does not close");
}

/* ---- waiting operations --------------------------------------------------------------------------------------- */

#define PENDING (-1) /* err until the callback */

static int code_of(const struct err *err)
{
    return err ? err->code : 0;
}

/* The callback comes, and not from inside the call that started the operation. */
static void await(const int *err)
{
    if (*err != PENDING)
        bail_out("a callback fired from inside its call");
    if (!until(*err != PENDING))
        bail_out("a callback does not fire");
}

static void on_enqueue(void *arg, const struct err *err, const struct store_enqueue_reply *reply)
{
    struct enqueued *out = arg;
    if (reply) {
        out->outcome = reply->outcome;
        snprintf(out->id, sizeof out->id, "%s", reply->id);
        out->enqueued_ms = reply->enqueued_ms;
        out->retry_after_s = reply->retry_after_s;
    }
    out->err = code_of(err);
}

struct enqueued enqueue(struct store *store, const struct store_enqueue *job)
{
    struct enqueued out = {.err = PENDING};
    store_enqueue(store, job, on_enqueue, &out);
    await(&out.err);
    return out;
}

struct enqueued enqueue_plain(struct store *store, const char *language)
{
    char id[JOB_ID_SIZE], request[JOB_ID_SIZE + 16];
    job_id_make(language, id);
    int len = snprintf(request, sizeof request, "request of %s", id);
    struct store_enqueue job = {
        .id = id, .owner = "alice", .request = request, .request_len = (size_t)len, .test_count = 2};
    return enqueue(store, &job);
}

static char *claimed_request;

static void on_claim(void *arg, const struct err *err, const struct store_claimed *job)
{
    struct claimed *out = arg;
    if (job) {
        out->found = true;
        snprintf(out->id, sizeof out->id, "%s", job->id);
        snprintf(out->token, sizeof out->token, "%s", job->token);
        snprintf(out->owner, sizeof out->owner, "%s", job->owner);
        free(claimed_request);
        out->request = claimed_request = xmemdup(job->request, job->request_len);
        out->request_len = job->request_len;
        out->attempt = job->attempt;
        out->created_ms = job->created_ms;
    }
    out->err = code_of(err);
}

struct claimed claim(struct store *store, const char *language)
{
    struct claimed out = {.err = PENDING};
    store_claim(store, language, "python-1", on_claim, &out);
    await(&out.err);
    return out;
}

static struct got last_got;

static void copy_string(const char **slot)
{
    *slot = *slot ? xstrdup(*slot) : NULL;
}

static void on_get(void *arg, const struct err *err, const struct store_job *job)
{
    (void)arg;
    if (job) {
        last_got.found = true;
        last_got.job = *job;
        copy_string(&last_got.job.owner);
        copy_string(&last_got.job.request);
        copy_string(&last_got.job.result);
        copy_string(&last_got.job.reason);
        copy_string(&last_got.job.executor);
        copy_string(&last_got.job.trace);
    }
    last_got.err = code_of(err);
}

const struct got *get(struct store *store, const char *id)
{
    free((char *)last_got.job.owner);
    free((char *)last_got.job.request);
    free((char *)last_got.job.result);
    free((char *)last_got.job.reason);
    free((char *)last_got.job.executor);
    free((char *)last_got.job.trace);
    last_got = (struct got){.err = PENDING};
    if (!id) /* only forget */
        return NULL;
    store_get(store, id, true, on_get, NULL);
    await(&last_got.err);
    return &last_got;
}

__attribute__((destructor)) static void forget_last(void)
{
    get(NULL, NULL);
    free(claimed_request);
}

bool job_is(struct store *store, const char *id, enum job_state state)
{
    const struct got *got = get(store, id);
    if (got->found && got->job.state != state)
        printf("#   the job is %s, want %s\n", job_state_name(got->job.state), job_state_name(state));
    return got->found && got->job.state == state;
}

static void on_renew(void *arg, const struct err *err, const enum store_lease *leases, size_t count)
{
    struct lease *out = arg;
    if (count == 1)
        out->lease = leases[0];
    out->err = code_of(err);
}

static void on_lease(void *arg, const struct err *err, enum store_lease lease)
{
    struct lease *out = arg;
    out->lease = lease;
    out->err = code_of(err);
}

struct lease renew(struct store *store, const struct claimed *job)
{
    struct lease out = {.err = PENDING};
    char language[JOB_LANGUAGE_MAX + 1];
    if (job_id_language(job->id, language) < 0)
        bail_out("malformed id");
    struct store_held held = {job->id, job->token};
    store_renew(store, language, &held, 1, on_renew, &out);
    await(&out.err);
    return out;
}

struct lease progress(struct store *store, const struct claimed *job, int64_t done, const char *event)
{
    struct lease out = {.err = PENDING};
    struct store_held held = {job->id, job->token};
    store_progress(store, &held, done, &(struct store_text){event, event ? strlen(event) : 0}, event ? 1 : 0, on_lease,
                   &out);
    await(&out.err);
    return out;
}

struct lease complete(struct store *store, const struct claimed *job, enum job_state state, const char *result)
{
    struct lease out = {.err = PENDING};
    struct store_completion done = {
        .id = job->id,
        .token = job->token,
        .state = state,
        .verdict = state == JOB_COMPLETED ? "accepted" : NULL,
        .result = result,
        .result_len = result ? strlen(result) : 0,
        .reason = state == JOB_COMPLETED ? NULL : "the test says so",
    };
    store_complete(store, &done, on_lease, &out);
    await(&out.err);
    return out;
}

struct lease requeue(struct store *store, const struct claimed *job, bool counts)
{
    struct lease out = {.err = PENDING};
    struct store_held held = {job->id, job->token};
    store_requeue(store, &held, counts, "the box broke", on_lease, &out);
    await(&out.err);
    return out;
}

static void on_cancel(void *arg, const struct err *err, enum store_cancelled outcome)
{
    struct cancelled *out = arg;
    out->outcome = outcome;
    out->err = code_of(err);
}

struct cancelled cancel(struct store *store, const char *id, const char *owner)
{
    struct cancelled out = {.err = PENDING};
    store_cancel(store, id, owner, on_cancel, &out);
    await(&out.err);
    return out;
}

static void on_reap(void *arg, const struct err *err, const struct store_reaped *reaped)
{
    struct reaped *out = arg;
    if (reaped)
        out->reaped = *reaped;
    out->err = code_of(err);
}

struct reaped reap(struct store *store, const char *language)
{
    struct reaped out = {.err = PENDING};
    store_reap(store, language, on_reap, &out);
    await(&out.err);
    return out;
}

struct loaded {
    int err;
    struct store_queue_load queue;
};

static void on_load(void *arg, const struct err *err, const struct store_load *load)
{
    struct loaded *out = arg;
    if (load)
        out->queue = load->queues[0];
    out->queue.language = NULL; /* it ends with this call */
    out->err = code_of(err);
}

struct store_queue_load load_of(struct store *store, const char *language)
{
    struct loaded out = {.err = PENDING};
    store_load(store, &language, 1, on_load, &out);
    await(&out.err);
    return out.queue;
}

static void on_plain(void *arg, const struct err *err)
{
    *(int *)arg = code_of(err);
}

int beat(struct store *store, const char *executor, const char *info)
{
    int err = PENDING;
    store_beat(store, executor, info, on_plain, &err);
    await(&err);
    return err;
}

int unregister(struct store *store, const char *executor)
{
    int err = PENDING;
    store_unregister(store, executor, on_plain, &err);
    await(&err);
    return err;
}
