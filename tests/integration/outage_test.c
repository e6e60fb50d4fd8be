/* What becomes of operations when Redis forgets its scripts, hangs, dies, comes back, or is none that we work with. */
#include "../unit/tap.h"
#include "harness.h"
#include "redis_client.h"

#include <errno.h>
#include <signal.h>

static struct redis_server server;
static struct store *store;
static int ready_changes;

static void on_state(void *arg, bool ready)
{
    (void)arg;
    (void)ready;
    ready_changes++;
}

static void impatient(struct store_options *options)
{
    options->on_state = on_state;
    options->deadline_ms = 300;
}

static bool round_trip(void)
{
    struct enqueued job = enqueue_plain(store, "python");
    struct claimed c = claim(store, "python");
    struct lease done = complete(store, &c, JOB_COMPLETED, "{}");
    return job.err == 0 && c.found && done.err == 0 && done.lease == STORE_LEASE_KEPT;
}

/* ---- many operations at once, to see what an outage does to them ------------------------------------------------ */

struct answers {
    int good, unknown, refused;
};

static void on_enqueued(void *arg, const struct err *err, const struct store_enqueue_reply *reply)
{
    struct answers *answers = arg;
    answers->good += !err && reply->outcome == STORE_ENQUEUED;
    answers->unknown += err && err->code == EAGAIN;
    answers->refused += err && err->code == EIO;
}

static void send_jobs(struct store *to, const char *language, int count, struct answers *answers)
{
    for (int i = 0; i < count; i++) {
        char id[JOB_ID_SIZE];
        job_id_make(language, id);
        struct store_enqueue job = {.id = id, .owner = "", .request = "x", .request_len = 1};
        store_enqueue(to, &job, on_enqueued, answers);
    }
}

static int answered(const struct answers *answers)
{
    return answers->good + answers->unknown + answers->refused;
}

static void test_forgotten_scripts(void)
{
    struct answers answers = {0};
    send_jobs(store, "flush", 50, &answers);
    ok(server_tell(&server, "SCRIPT FLUSH"), "Redis forgets its scripts in the middle");
    send_jobs(store, "flush", 50, &answers);
    ok(until(answered(&answers) == 100) && answers.good == 100, "all are enqueued");
    is_int(load_of(store, "flush").waiting, 100, "once each");
}

static void test_deadline(void)
{
    struct store *hasty = open_store(&server, impatient);
    struct answers answers = {0};
    ready_changes = 0;
    int64_t begin = now_mono_ms();
    ok(server_tell(&server, "CLIENT PAUSE 5000 ALL"), "Redis hangs for longer than the deadline");
    send_jobs(hasty, "pause", 10, &answers);
    ok(until(answered(&answers) == 10) && answers.unknown == 10, "every callback fires, the effect unknown");
    int64_t took = now_mono_ms() - begin;
    ok(took >= 290 && took < 4900, "at the deadline (%lld ms), not at the end of the pause", (long long)took);
    ok(!store_ready(hasty) && ready_changes == 1, "the connection is given up");
    send_jobs(hasty, "pause", 5, &answers);
    ok(until(answered(&answers) == 15) && answers.unknown == 15, "without one, operations fail at once");
    ok(until(store_ready(hasty)), "it comes back");
    ok(until(enqueue_plain(hasty, "pause").err == 0), "and works");
    close_store(hasty);
}

static void test_killed_server(void)
{
    struct answers answers = {0};
    struct enqueued kept = enqueue_plain(store, "kept");
    struct claimed running = claim(store, "kept");
    struct enqueued queued = enqueue_plain(store, "kept");
    send_jobs(store, "kill", 20, &answers);
    kill(server.pid, SIGSTOP);
    harness_turn(); /* what was sent lies in the socket */
    server_kill(&server);
    ok(until(answered(&answers) == 20) && answers.refused == 0, "Redis is killed: every callback fires");
    ok(until(!store_ready(store)), "the store says so");
    is_int(get(store, kept.id)->err, EAGAIN, "get fails");
    ok(strcmp(store_state(store), "connected") != 0, "the state: %s", store_state(store));

    server_spawn(&server);
    ok(until(store_ready(store)), "Redis is back: so is the store");
    ok(round_trip(), "operations work");
    ok(job_is(store, queued.id, JOB_QUEUED) && job_is(store, kept.id, JOB_RUNNING), "nothing written is lost");
    ok(renew(store, &running).lease == STORE_LEASE_KEPT, "a running job's lease goes on");
    ok(complete(store, &running, JOB_COMPLETED, "{}").lease == STORE_LEASE_KEPT, "and completes");
    is_int(load_of(store, "kill").waiting, answers.good, "what was not acknowledged is not there");
}

static void test_killed_connections(void)
{
    struct answers answers = {0};
    for (int i = 0; i < 5; i++) {
        send_jobs(store, "drop", 5, &answers);
        server_tell(&server, "CLIENT KILL TYPE normal SKIPME yes");
        ok(until(answered(&answers) == 5 * (i + 1)), "a cut connection answers all");
        ok(until(store_ready(store)), "and is made anew");
    }
}

/* ---- servers that are refused --------------------------------------------------------------------------------- */

static void test_policy(void)
{
    server_tell(&server, "CONFIG SET maxmemory-policy allkeys-lru");
    server_tell(&server, "CLIENT KILL TYPE normal SKIPME yes");
    ok(until(strstr(store_state(store), "allkeys-lru") != NULL), "a policy that evicts is refused");
    is_str(store_state(store), "maxmemory-policy is allkeys-lru, must be noeviction", "the state says why");
    ok(!store_ready(store), "the store is not ready");
    is_int(enqueue_plain(store, "python").err, EAGAIN, "nothing is enqueued");
    server_tell(&server, "CONFIG SET maxmemory-policy noeviction");
    ok(until(store_ready(store)), "mended, it is accepted without a restart");
    ok(round_trip(), "and works");
}

static void test_replica(void)
{
    server_tell(&server, "REPLICAOF 127.0.0.1 1");
    is_int(enqueue_plain(store, "python").err, EIO, "a server that became a replica refuses a write");
    ok(until(strstr(store_state(store), "replica") != NULL), "and is left: %s", store_state(store));
    server_tell(&server, "REPLICAOF NO ONE");
    ok(until(store_ready(store)), "a master again, it is accepted");
    ok(round_trip(), "and works");
}

static char odd_url[160];

static void with_odd_url(struct store_options *options)
{
    options->url = odd_url;
}

/* A store that cannot become ready: waits until its state holds `words`. */
static void refuses(const char *url, const char *words, const char *name)
{
    struct store_options options = {.url = url, .prefix = "sentinel", .client_name = "t", .deadline_ms = 300};
    struct store *refused = NULL;
    struct err err = {0};
    if (!ok(store_create(test_loop, &options, &refused, &err) == 0, "%s: the address is well formed", name))
        return;
    ok(until(strstr(store_state(refused), words) != NULL), "%s: %s", name, store_state(refused));
    ok(!store_ready(refused) && !strstr(store_state(refused), "wrong"), "%s: not ready, and no password shown", name);
    close_store(refused);
}

static void test_refused_connections(void)
{
    char url[200];
    snprintf(url, sizeof url, "unix://sentinel:wrong@%s", server.socket);
    refuses(url, "WRONGPASS", "a wrong password");
    refuses("unix:///nonexistent/redis.sock", "No such file", "no socket");
    refuses("redis://127.0.0.1:1", "refused", "a port where nobody listens");
    refuses("redis://name.invalid", "name.invalid", "a name that does not resolve");
    server_tell(&server, "ACL SETUSER weak on >pw ~* -@all +info +client|setname");
    snprintf(url, sizeof url, "unix://weak:pw@%s", server.socket);
    refuses(url, "NOPERM", "a user who may not load scripts");
    server_tell(&server, "ACL SETUSER odd on >%s ~* &* +@all", "p@ss/word");
    snprintf(odd_url, sizeof odd_url, "unix://odd:p%%40ss%%2Fword@%s?db=3", server.socket);
    struct store *odd = open_store(&server, with_odd_url);
    ok(enqueue_plain(odd, "python").outcome == STORE_ENQUEUED,
       "percent-encoding and a database's number are understood");
    is_int(load_of(store, "python").waiting, 0, "it is another database");
    close_store(odd);
}

static void test_addresses(void)
{
    static const char *const good[] = {
        "redis://localhost",     "redis://:pw@h:1/2",       "redis://u:p%40@[::1]:6380/0",
        "rediss://u:p@h:6380/1", "unix:///run/r.sock?db=1", "unix://u:p@/run/r.sock",
    };
    static const char *const bad[] = {
        "",
        "localhost:6379",
        "http://x",
        "redis://",
        "redis://:6379",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://h/x",
        "redis://u@h",
        "redis://u:%0@h",
        "redis://u:%00@h",
        "redis://[::1",
        "unix://",
        "unix://h/path",
        "unix:///x?y=1",
        "unix:///x?db=",
        "rediss://",
        "redis://h/99999999999999999999",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ok(redis_url_check(good[i], NULL) == 0, "%s is an address", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};
        ok(redis_url_check(bad[i], &err) == -EINVAL && err.msg[0], "'%s' is none: %s", bad[i], err.msg);
    }
}

/* ---- ending --------------------------------------------------------------------------------------------------- */

static void destroy_inside(void *arg, const struct err *err, const struct store_job *job)
{
    (void)err;
    (void)job;
    struct store **doomed = arg;
    store_destroy(*doomed, NULL, NULL);
    *doomed = NULL;
}

static void on_got(void *arg, const struct err *err, const struct store_job *job)
{
    (void)job;
    *(int *)arg += err && err->code == EAGAIN;
}

static void test_ending(void)
{
    struct store *doomed = open_store(&server, NULL);
    int unanswered = 0;
    for (int i = 0; i < 10; i++)
        store_get(doomed, "x", false, on_got, &unanswered);
    close_store(doomed);
    is_int(unanswered, 10, "what is outstanding at the end is answered");

    doomed = open_store(&server, NULL);
    unanswered = 0;
    store_get(doomed, "x", false, destroy_inside, &doomed);
    for (int i = 0; i < 10; i++)
        store_get(doomed, "x", false, on_got, &unanswered);
    ok(until(!doomed && unanswered == 10), "a store can end inside a callback");

    struct store_options options = {.url = "redis://name.invalid", .prefix = "p", .client_name = "t"};
    ok(store_create(test_loop, &options, &doomed, NULL) == 0, "a store that resolves a name");
    harness_turn();
    close_store(doomed);
    options.prefix = "a*b";
    ok(store_create(test_loop, &options, &doomed, NULL) == -EINVAL, "a prefix with a pattern in it is refused");
}

int main(void)
{
    server_create(&server);
    store = open_store(&server, NULL);
    test_forgotten_scripts();
    test_deadline();
    test_killed_server();
    test_killed_connections();
    test_policy();
    test_replica();
    test_refused_connections();
    test_addresses();
    test_ending();
    close_store(store);
    server_destroy(&server);
    return done_testing();
}
