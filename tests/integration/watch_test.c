/* Wake tokens and hints: who is told what, and how soon. Times are bounds, waited for and never slept for. */
#include "../unit/tap.h"
#include "harness.h"

static struct redis_server server;
static struct store *master, *executor;

static const char *const languages[] = {"python", "cpp"};

struct heard {
    int python, cpp, all;
    int64_t python_at;
};

static void on_wake(void *arg, const char *language)
{
    struct heard *heard = arg;
    if (!language) {
        heard->all++;
    } else if (strcmp(language, "python") == 0) {
        heard->python++;
        heard->python_at = now_mono_ms();
    } else {
        heard->cpp++;
    }
}

static int64_t blocked_clients(void)
{
    redisReply *info = server_ask(&server, "INFO clients");
    int64_t blocked = strtoll(strstr(info->str, "blocked_clients:") + 16, NULL, 10);
    freeReplyObject(info);
    return blocked;
}

static void drain(const char *language)
{
    for (struct claimed c; (c = claim(master, language)).found;)
        complete(master, &c, JOB_COMPLETED, "{}");
}

/* ---- wake ----------------------------------------------------------------------------------------------------- */

static void test_wake(struct heard *heard)
{
    ok(until(heard->all == 1), "at first it is told to look at all");
    ok(until(blocked_clients() == 1), "it waits");
    int64_t begin = now_mono_ms();
    enqueue_plain(master, "python");
    ok(until(heard->python == 1), "an enqueue wakes it");
    ok(heard->python_at - begin < 4000, "and not at the next tick (%lld ms)", (long long)(heard->python_at - begin));
    enqueue_plain(master, "cpp");
    ok(until(heard->cpp == 1), "for its other language too");
    is_int(heard->python, 1, "and only for that");
    struct claimed c = claim(master, "python");
    requeue(master, &c, false);
    ok(until(heard->python == 2), "a requeue wakes it");
    drain("python");
    drain("cpp");
}

static void test_pause(struct heard *heard)
{
    struct heard other = {0};
    struct store *idle = open_store(&server, NULL);
    store_watch_wake(idle, languages, ARRAY_LEN(languages), on_wake, &other);
    ok(until(blocked_clients() == 2), "two executors wait");
    int before = heard->python;
    store_wake_pause(executor, true);
    enqueue_plain(master, "python");
    ok(until(other.python == 1), "one is full: its token goes to the other");
    is_int(heard->python, before, "and it is not told");
    ok(until(blocked_clients() == 1), "the full one waits for no more");
    close_store(idle);
    drain("python");
    enqueue_plain(master, "python");
    store_wake_pause(executor, false);
    ok(until(heard->python == before + 1), "with room again it takes the token that lay there");
    drain("python");
}

static void on_enqueued(void *arg, const struct err *err, const struct store_enqueue_reply *reply)
{
    *(int *)arg += !err && reply->outcome == STORE_ENQUEUED;
}

static void test_token_cap(void)
{
    int enqueued = 0;
    for (int i = 0; i < 300 && until(i - enqueued < 64); i++) {
        char id[JOB_ID_SIZE];
        job_id_make("java", id); /* nobody waits for it */
        struct store_enqueue job = {.id = id, .owner = "", .request = "x", .request_len = 1};
        store_enqueue(master, &job, on_enqueued, &enqueued);
    }
    ok(until(enqueued == 300), "300 jobs of a language that nobody serves");
    is_int(server_int(&server, "LLEN sentinel:{java}:wake"), 256, "leave 256 tokens");
    is_int(server_int(&server, "LLEN sentinel:{java}:queue"), 300, "and 300 ids");
    drain("java");
    is_int(server_int(&server, "EXISTS sentinel:{java}:wake"), 0, "once nothing waits, no token does");
    enqueue_plain(master, "java");
    server_int(&server, "DEL sentinel:{java}:wake");
    reap(master, "java");
    is_int(server_int(&server, "LLEN sentinel:{java}:wake"), 1, "the reaper replaces a lost token");
    drain("java");
}

static void test_wake_after_outage(struct heard *heard)
{
    int before = heard->all;
    server_tell(&server, "CLIENT KILL TYPE normal SKIPME yes");
    ok(until(heard->all == before + 1), "a cut connection: it is told to look at all again");
    ok(until(store_ready(master) && blocked_clients() == 1), "and waits again");
    int python = heard->python;
    enqueue_plain(master, "python");
    ok(until(heard->python == python + 1), "and is woken");
    drain("python");
    server_tell(&server, "SET sentinel:{cpp}:wake text");
    before = heard->all;
    ok(until(heard->all > before), "a damaged wake list does not end the waiting: the tick comes");
    server_int(&server, "DEL sentinel:{cpp}:wake");
    ok(until(blocked_clients() == 1), "and it waits again when that is mended");
}

/* ---- hints ---------------------------------------------------------------------------------------------------- */

struct hints {
    int resyncs, count;
    char last[JOB_ID_SIZE];
};

static void on_hint(void *arg, const char *id)
{
    struct hints *hints = arg;
    hints->count++;
    snprintf(hints->last, sizeof hints->last, "%s", id);
}

static void on_resync(void *arg)
{
    ((struct hints *)arg)->resyncs++;
}

static void test_hints(void)
{
    static struct hints done, control;
    store_watch_done(master, languages, ARRAY_LEN(languages), on_hint, on_resync, &done);
    store_watch_control(executor, languages, ARRAY_LEN(languages), on_hint, on_resync, &control);
    ok(until(done.resyncs == 1 && control.resyncs == 1), "both subscribe");

    struct enqueued job = enqueue_plain(master, "cpp");
    struct claimed c = claim(executor, "cpp");
    ok(until(done.count == 1) && strcmp(done.last, job.id) == 0, "the master hears that the job runs");
    cancel(master, job.id, NULL);
    ok(until(control.count == 1) && strcmp(control.last, job.id) == 0, "the executor hears that it is cancelled");
    complete(executor, &c, JOB_CANCELLED, NULL);
    ok(until(done.count == 2), "the master hears that it is over");
    is_int(control.count, 1, "the executor does not");

    server_tell(&server, "CLIENT KILL TYPE pubsub");
    ok(until(done.resyncs == 2 && control.resyncs == 2), "cut connections subscribe again and say so");
    job = enqueue_plain(master, "python");
    cancel(master, job.id, NULL);
    ok(until(done.count == 3) && strcmp(done.last, job.id) == 0, "and hear again");

    server_kill(&server);
    ok(until(!store_ready(master)), "Redis dies");
    server_spawn(&server);
    ok(until(done.resyncs == 3 && control.resyncs == 3), "when it is back both subscribe again");
}

int main(void)
{
    static struct heard heard;
    server_create(&server);
    master = open_store(&server, NULL);
    executor = open_store(&server, NULL);
    store_watch_wake(executor, languages, ARRAY_LEN(languages), on_wake, &heard);
    test_wake(&heard);
    test_pause(&heard);
    test_token_cap();
    test_wake_after_outage(&heard);
    test_hints();
    close_store(executor);
    close_store(master);
    server_destroy(&server);
    return done_testing();
}
