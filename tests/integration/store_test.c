/* Every operation of store.h against a real server, each refusal, and what Redis holds afterwards. */
#include "../unit/tap.h"
#include "harness.h"

#include <errno.h>

static struct redis_server server;
static struct store *store;

#define JOB_KEY "sentinel:{%s}:job:%s"

/* ---- the ordinary way ----------------------------------------------------------------------------------------- */

static void is_trace(const char *at, int64_t created_ms)
{
    static const char *const events[] = {"queued", "claimed", "completed"};
    struct store_trace trace;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        ok(store_trace_next(&at, &trace), "there is an event");
        is_str(trace.event, events[i], "of its story");
        ok(trace.at_ms >= created_ms && trace.attempts == (i > 0) && trace.renewals == (i > 1), "with its figures");
        ok(i != 1 || (trace.detail_len == 8 && memcmp(trace.detail, "python-1", 8) == 0), "and who claimed it");
    }
    ok(!store_trace_next(&at, &trace), "and no more");
}

static void test_life_of_a_job(void)
{
    struct enqueued job = enqueue_plain(store, "python");
    ok(job.err == 0 && job.outcome == STORE_ENQUEUED, "a job is enqueued");
    ok(llabs(job.enqueued_ms - now_wall_ms()) < 60000, "the time is since the epoch");
    const struct got *got = get(store, job.id);
    ok(got->found && got->job.state == JOB_QUEUED && got->job.tests_total == 2, "it is queued");
    ok(got->job.created_ms == job.enqueued_ms && got->job.started_ms == 0 && got->job.finished_ms == 0, "its times");
    ok(strncmp(got->job.request, "request of ", 11) == 0 && strcmp(got->job.owner, "alice") == 0, "request and owner");
    ok(server_int(&server, "PTTL " JOB_KEY, "python", job.id) > 600000 + 3600000, "a queued job has a safety expiry");
    is_int(load_of(store, "python").waiting, 1, "one waits");

    struct claimed c = claim(store, "python");
    ok(c.found && strcmp(c.id, job.id) == 0 && c.attempt == 1, "it is claimed");
    ok(strlen(c.token) == 32 && strspn(c.token, "0123456789abcdef") == 32, "the token is 128 bits in hex");
    ok(strncmp(c.request, "request of ", 11) == 0 && strcmp(c.owner, "alice") == 0, "the claim brings the request");
    ok(c.created_ms == job.enqueued_ms, "and the time of creation");
    ok(!claim(store, "python").found, "nothing else is there");
    got = get(store, job.id);
    ok(got->job.state == JOB_RUNNING && got->job.started_ms >= got->job.created_ms && got->job.attempts == 1,
       "it runs");
    is_str(got->job.executor, "python-1", "its executor is known");
    struct store_queue_load load = load_of(store, "python");
    ok(load.waiting == 0 && load.active == 1, "none waits, one is active");

    ok(renew(store, &c).lease == STORE_LEASE_KEPT, "its lease is renewed");
    ok(progress(store, &c, 1, "{\"test\":0}").lease == STORE_LEASE_KEPT, "progress is taken");
    is_int(get(store, job.id)->job.tests_done, 1, "and shows");
    is_int(server_int(&server, "LLEN " JOB_KEY ":events", "python", job.id), 1, "with its event");
    ok(server_int(&server, "PTTL " JOB_KEY ":events", "python", job.id) > 0, "which expires too");

    ok(complete(store, &c, JOB_COMPLETED, "{\"v\":1}").lease == STORE_LEASE_KEPT, "it completes");
    got = get(store, job.id);
    ok(got->job.state == JOB_COMPLETED && got->job.tests_done == 2 && !got->job.reason, "it is completed");
    is_str(got->job.result, "{\"v\":1}", "with its result");
    ok(got->job.finished_ms >= got->job.started_ms && got->job.request, "finished, and its request stays");
    is_trace(got->job.trace, job.enqueued_ms);
    int64_t ttl = server_int(&server, "PTTL " JOB_KEY, "python", job.id);
    ok(ttl > 3500000 && ttl <= 3600000, "it lives for the result's time");
    load = load_of(store, "python");
    ok(load.active == 0 && load.completed == 1, "counted");
    is_int(server_int(&server, "HGET sentinel:{python}:stats verdict:accepted"), 1, "by verdict too");
    ok(complete(store, &c, JOB_COMPLETED, "{\"v\":2}").lease == STORE_LEASE_KEPT, "the same completion again is kept");
    is_str(get(store, job.id)->job.result, "{\"v\":1}", "and changes nothing");
    is_int(load_of(store, "python").completed, 1, "nor is it counted");
    ok(renew(store, &c).lease == STORE_LEASE_LOST, "its lease is over");
}

static void test_order_and_priority(void)
{
    char ids[3][JOB_ID_SIZE];
    for (int i = 0; i < 3; i++) {
        job_id_make("c", ids[i]);
        struct store_enqueue job = {.id = ids[i], .owner = "", .request = "x", .request_len = 1, .priority = i == 2};
        ok(enqueue(store, &job).outcome == STORE_ENQUEUED, "job %d is enqueued", i);
    }
    struct claimed urgent = claim(store, "c"), first = claim(store, "c");
    is_str(urgent.id, ids[2], "the urgent one comes first");
    is_str(first.id, ids[0], "then the oldest");
    ok(requeue(store, &first, false).lease == STORE_LEASE_KEPT, "it is given back");
    struct claimed again = claim(store, "c");
    ok(strcmp(again.id, ids[0]) == 0 && again.attempt == 1, "to the head, and that was no attempt");
    ok(requeue(store, &urgent, true).lease == STORE_LEASE_KEPT, "the urgent one is given back");
    urgent = claim(store, "c");
    ok(strcmp(urgent.id, ids[2]) == 0 && urgent.attempt == 2, "to the head of its own list, and that was one");
    struct claimed last = claim(store, "c");
    is_str(last.id, ids[1], "then the last");
    ok(complete(store, &again, JOB_COMPLETED, "{}").lease == STORE_LEASE_KEPT, "completed");
    ok(complete(store, &urgent, JOB_FAILED, NULL).lease == STORE_LEASE_KEPT, "failed");
    is_str(get(store, ids[2])->job.reason, "the test says so", "with the reason");
    ok(complete(store, &last, JOB_COMPLETED, "{}").lease == STORE_LEASE_KEPT, "completed");
    struct store_queue_load load = load_of(store, "c");
    ok(load.completed == 2 && load.failed == 1 && load.waiting == 0 && load.active == 0, "counters agree");
}

static void test_bytes_and_sizes(void)
{
    size_t size = 8 << 20;
    char *request = xmalloc(size), id[JOB_ID_SIZE];
    for (size_t i = 0; i < size; i++)
        request[i] = (char)(i * 131);
    job_id_make("python", id);
    struct store_enqueue job = {.id = id, .owner = "", .request = request, .request_len = size};
    ok(enqueue(store, &job).outcome == STORE_ENQUEUED, "a request of 8 MB, of any bytes, is enqueued");
    struct claimed c = claim(store, "python");
    ok(c.found && c.request_len == size && memcmp(c.request, request, size) == 0, "and claimed as it was");
    ok(complete(store, &c, JOB_COMPLETED, "{}").lease == STORE_LEASE_KEPT, "and completed");
    free(request);
}

/* ---- refusals ------------------------------------------------------------------------------------------------- */

static void test_unknown_and_malformed_ids(void)
{
    const char *ids[] = {"python-00000000-0000-4000-8000-000000000000", "", "nonsense", "../../x", "python-"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        const struct got *got = get(store, ids[i]);
        ok(got->err == 0 && !got->found, "get of '%s' finds nothing", ids[i]);
        struct cancelled c = cancel(store, ids[i], NULL);
        ok(c.err == 0 && c.outcome == STORE_CANCEL_NONE, "nor does cancel");
    }
    struct claimed forged = {.id = "python-00000000-0000-4000-8000-000000000000", .token = "0"};
    ok(renew(store, &forged).lease == STORE_LEASE_LOST, "a forged lease is lost");
    ok(complete(store, &forged, JOB_COMPLETED, "{}").lease == STORE_LEASE_LOST, "and completes nothing");
    is_int(server_int(&server, "ZCARD sentinel:{python}:lease"), 0, "and makes no lease");
}

static void test_idempotency(void)
{
    char first[JOB_ID_SIZE], second[JOB_ID_SIZE];
    job_id_make("python", first);
    job_id_make("python", second);
    struct store_enqueue job = {
        .id = first, .owner = "alice", .request = "x", .request_len = 1, .idempotency_key = "key 1", .body_hash = "aa"};
    struct enqueued reply = enqueue(store, &job);
    ok(reply.outcome == STORE_ENQUEUED, "a key's first use");
    ok(enqueue(store, &job).outcome == STORE_ENQUEUED, "the same id again: the answer was not heard");
    is_int(load_of(store, "python").waiting, 1, "it is queued once");
    job.id = second;
    struct enqueued again = enqueue(store, &job);
    ok(again.outcome == STORE_ENQUEUE_REPEATED && strcmp(again.id, first) == 0, "the same key and body: the first job");
    ok(again.enqueued_ms == reply.enqueued_ms, "with its time");
    job.body_hash = "bb";
    ok(enqueue(store, &job).outcome == STORE_ENQUEUE_CONFLICT, "another body is a conflict");
    job.owner = "bob";
    ok(enqueue(store, &job).outcome == STORE_ENQUEUED, "another owner's key is another key");
    redisReply *keys = server_ask(&server, "KEYS sentinel:{python}:idem:*");
    ok(keys->elements == 2, "two keys are remembered");
    ok(server_int(&server, "PTTL %s", keys->element[0]->str) > 3500000, "for the result's time");
    freeReplyObject(keys);
    for (struct claimed c; (c = claim(store, "python")).found;)
        ok(complete(store, &c, JOB_COMPLETED, "{}").lease == STORE_LEASE_KEPT, "done with %s", c.id);
}

static void cap_of_3(struct store_options *options)
{
    options->queue_cap = 3;
}

static void test_cap(void)
{
    struct store *capped = open_store(&server, cap_of_3);
    char last[JOB_ID_SIZE] = "";
    for (int i = 0; i < 3; i++) {
        struct enqueued job = enqueue_plain(capped, "cpp");
        ok(job.outcome == STORE_ENQUEUED, "job %d has room", i);
        memcpy(last, job.id, sizeof last);
    }
    struct enqueued refused = enqueue_plain(capped, "cpp");
    ok(refused.outcome == STORE_ENQUEUE_FULL, "the next is refused");
    is_int(refused.retry_after_s, 30, "to come back in 30 s, where no rate was measured");
    ok(!get(capped, refused.id)->found, "and nothing is stored of it");
    ok(enqueue_plain(capped, "cap2").outcome == STORE_ENQUEUED, "another language has room of its own");
    ok(cancel(capped, last, NULL).outcome == STORE_CANCELLED, "one is cancelled");
    is_int(load_of(capped, "cpp").waiting, 2, "it does not count as waiting");
    ok(enqueue_plain(capped, "cpp").outcome == STORE_ENQUEUED, "so there is room again");
    struct claimed c = claim(capped, "cpp");
    ok(complete(capped, &c, JOB_COMPLETED, "{}").lease == STORE_LEASE_KEPT, "one is done");
    ok(enqueue_plain(capped, "cpp").outcome == STORE_ENQUEUED, "and again");
    refused = enqueue_plain(capped, "cpp");
    ok(refused.outcome == STORE_ENQUEUE_FULL && refused.retry_after_s >= 1 && refused.retry_after_s <= 60,
       "Retry-After from the measured rate: %lld s", (long long)refused.retry_after_s);
    while ((c = claim(capped, "cpp")).found)
        complete(capped, &c, JOB_COMPLETED, "{}");
    struct store_queue_load load = load_of(capped, "cpp");
    ok(load.waiting == 0 && load.active == 0 && load.completed == 4 && load.cancelled == 1, "all is accounted for");
    is_int(server_int(&server, "EXISTS sentinel:{cpp}:queue sentinel:{cpp}:wake"), 0, "no stub or token stays");
    close_store(capped);
}

static void test_memory(void)
{
    ok(enqueue_plain(store, "python").outcome == STORE_ENQUEUED, "a job is queued while there is room");
    redisReply *info = server_ask(&server, "INFO memory");
    long long used = strtoll(strstr(info->str, "used_memory:") + 12, NULL, 10);
    freeReplyObject(info);
    ok(server_tell(&server, "CONFIG SET maxmemory %lld", used * 5 / 4), "maxmemory is set so that 80 %% is used");
    ok(enqueue_plain(store, "python").outcome == STORE_ENQUEUE_MEMORY, "over 75 %% enqueue is refused");
    ok(server_tell(&server, "CONFIG SET maxmemory %lld", used / 2), "now Redis is over its limit");
    struct enqueued refused = enqueue_plain(store, "python");
    ok(refused.outcome == STORE_ENQUEUE_MEMORY && refused.retry_after_s > 0, "enqueue is refused");
    redisReply *push = server_ask(&server, "LPUSH plain x");
    ok(push->type == REDIS_REPLY_ERROR && strncmp(push->str, "OOM", 3) == 0, "where a plain command fails");
    freeReplyObject(push);
    struct claimed c = claim(store, "python");
    ok(c.found, "claim goes on");
    ok(renew(store, &c).lease == STORE_LEASE_KEPT && progress(store, &c, 1, "{}").lease == STORE_LEASE_KEPT,
       "renew too");
    ok(requeue(store, &c, false).lease == STORE_LEASE_KEPT, "requeue too");
    c = claim(store, "python");
    ok(complete(store, &c, JOB_COMPLETED, "{\"v\":1}").lease == STORE_LEASE_KEPT, "complete too");
    ok(beat(store, "python-1", "{}") == 0 && reap(store, "python").err == 0, "registry and reaper too");
    is_str(get(store, c.id)->job.result, "{\"v\":1}", "the result is there");
    ok(server_tell(&server, "CONFIG SET maxmemory 0"), "the limit is lifted");
    ok(enqueue_plain(store, "python").outcome == STORE_ENQUEUED, "enqueue goes on");
    c = claim(store, "python");
    ok(complete(store, &c, JOB_COMPLETED, "{}").lease == STORE_LEASE_KEPT, "to its end");
}

static void test_versions(void)
{
    struct enqueued newer = enqueue_plain(store, "v"), same = enqueue_plain(store, "v"),
                    bad = enqueue_plain(store, "v");
    server_int(&server, "HSET " JOB_KEY " v %d", "v", newer.id, JOB_VERSION + 1);
    server_int(&server, "HSET " JOB_KEY " v %d", "v", bad.id, JOB_VERSION - 2);
    struct claimed c = claim(store, "v");
    is_str(c.id, same.id, "a newer job is passed over");
    ok(!claim(store, "v").found, "and is not claimed");
    ok(job_is(store, newer.id, JOB_QUEUED), "it waits for an executor that can read it");
    ok(job_is(store, bad.id, JOB_FAILED), "one too old for anybody failed");
    is_int(load_of(store, "v").waiting, 1, "the newer one counts as waiting");
    server_int(&server, "HSET " JOB_KEY " v %d", "v", newer.id, JOB_VERSION - 1);
    is_str(claim(store, "v").id, newer.id, "the version before is claimed");
}

/* ---- cancelling ----------------------------------------------------------------------------------------------- */

static void test_cancel(void)
{
    struct enqueued job = enqueue_plain(store, "python"), other = enqueue_plain(store, "python");
    ok(cancel(store, job.id, "bob").outcome == STORE_CANCEL_NONE, "another owner's job is none");
    ok(cancel(store, job.id, "").outcome == STORE_CANCEL_NONE, "nor is it nobody's");
    ok(cancel(store, job.id, "alice").outcome == STORE_CANCELLED, "its owner cancels it while it is queued");
    ok(job_is(store, job.id, JOB_CANCELLED), "it is cancelled");
    ok(cancel(store, job.id, "alice").outcome == STORE_CANCEL_FINISHED, "twice is too late");
    is_int(load_of(store, "python").waiting, 1, "one waits");
    struct claimed c = claim(store, "python");
    is_str(c.id, other.id, "claim passes over it");
    is_int(load_of(store, "python").waiting, 0, "none waits");

    ok(cancel(store, c.id, NULL).outcome == STORE_CANCEL_REQUESTED, "a running job's cancel is a request");
    ok(job_is(store, c.id, JOB_RUNNING), "it still runs");
    ok(renew(store, &c).lease == STORE_LEASE_CANCELLED, "renew tells of it");
    ok(progress(store, &c, 1, NULL).lease == STORE_LEASE_CANCELLED, "progress too");
    ok(complete(store, &c, JOB_CANCELLED, NULL).lease == STORE_LEASE_KEPT, "its executor cancels it");
    ok(job_is(store, c.id, JOB_CANCELLED), "it is cancelled");

    enqueue_plain(store, "python");
    c = claim(store, "python");
    ok(cancel(store, c.id, NULL).outcome == STORE_CANCEL_REQUESTED, "another is cancelled while it runs");
    ok(requeue(store, &c, true).lease == STORE_LEASE_CANCELLED, "a requeue then cancels it");
    ok(job_is(store, c.id, JOB_CANCELLED), "it is cancelled");
    ok(complete(store, &c, JOB_COMPLETED, "{}").lease == STORE_LEASE_LOST, "a late completion is refused");
    ok(!get(store, c.id)->job.result, "and leaves nothing");
}

static void on_cancelled(void *arg, const struct err *err, enum store_cancelled outcome)
{
    *(int *)arg += !err && outcome == STORE_CANCELLED;
}

static void on_enqueued(void *arg, const struct err *err, const struct store_enqueue_reply *reply)
{
    *(int *)arg += !err && reply->outcome == STORE_ENQUEUED;
}

/* All but the last are cancelled, from the back: a walk through the list would cost 200 million steps. */
static void test_cancel_of_many(void)
{
    enum { MANY = 20000, WINDOW = 64 }; /* more at once might meet their deadline on a busy machine */
    char(*ids)[JOB_ID_SIZE] = xcalloc(MANY, sizeof *ids);
    int enqueued = 0, cancelled = 0;
    for (int i = 0; i < MANY && until(i - enqueued < WINDOW); i++) {
        job_id_make("many", ids[i]);
        struct store_enqueue job = {.id = ids[i], .owner = "", .request = "x", .request_len = 1};
        store_enqueue(store, &job, on_enqueued, &enqueued);
    }
    ok(until_within(enqueued == MANY, 60000), "%d jobs wait", MANY);
    int64_t begin = now_mono_ms();
    for (int i = MANY - 2; i >= 0 && until(MANY - 2 - i - cancelled < WINDOW); i--)
        store_cancel(store, ids[i], NULL, on_cancelled, &cancelled);
    ok(until_within(cancelled == MANY - 1, 60000), "all but one are cancelled");
    printf("# %d cancels took %lld ms\n", MANY - 1, (long long)(now_mono_ms() - begin));
    is_int(load_of(store, "many").waiting, 1, "one waits");
    is_str(claim(store, "many").id, ids[MANY - 1], "one claim finds it behind all the others");
    for (int i = 0; i < MANY / 1000; i++)
        reap(store, "many");
    is_int(server_int(&server, "LLEN sentinel:{many}:queue"), 0,
           "their entries are cleared away, a thousand at a time");
    free(ids);
}

/* ---- leases and the reaper ------------------------------------------------------------------------------------ */

static void let_lease_run_out(const struct claimed *c, const char *language)
{
    server_int(&server, "ZADD sentinel:{%s}:lease XX 1 %s", language, c->id);
}

static void short_lease(struct store_options *options)
{
    options->lease_ms = 1;
    options->max_attempts = 2;
}

static void test_reaper(void)
{
    struct store *reaper = open_store(&server, short_lease);
    struct enqueued job = enqueue_plain(store, "reap"), next = enqueue_plain(store, "reap");
    struct claimed first = claim(store, "reap");
    is_int(reap(reaper, "reap").reaped.requeued, 0, "a lease that holds is left alone");
    let_lease_run_out(&first, "reap");
    ok(until(reap(reaper, "reap").reaped.requeued == 1), "one that ran out is requeued");
    ok(job_is(store, job.id, JOB_QUEUED), "the job is queued");
    ok(renew(store, &first).lease == STORE_LEASE_LOST, "its first holder has lost it");
    struct claimed second = claim(store, "reap");
    ok(strcmp(second.id, job.id) == 0 && second.attempt == 2, "it was at the head, and is claimed a second time");
    ok(strcmp(first.token, second.token) != 0, "under another token");
    ok(complete(store, &first, JOB_COMPLETED, "{\"late\":1}").lease == STORE_LEASE_LOST,
       "a late completion is refused");
    ok(requeue(store, &first, true).lease == STORE_LEASE_LOST, "a late requeue too");
    let_lease_run_out(&second, "reap");
    ok(renew(store, &second).lease == STORE_LEASE_KEPT, "a late renewal in time saves a lease");
    is_int(reap(reaper, "reap").reaped.requeued, 0, "which the reaper leaves alone");
    let_lease_run_out(&second, "reap");
    is_int(reap(reaper, "reap").reaped.failed, 1, "after the last attempt the job fails");
    const struct got *got = get(store, job.id);
    ok(got->job.state == JOB_FAILED && strstr(got->job.reason, "2 attempts"), "it says why: %s", got->job.reason);
    ok(complete(store, &second, JOB_COMPLETED, "{}").lease == STORE_LEASE_LOST, "its last holder is too late");
    redisReply *dead = server_ask(&server, "LRANGE sentinel:{reap}:dead 0 -1");
    ok(dead->elements == 1 && strcmp(dead->element[0]->str, job.id) == 0, "it is on the dead list");
    freeReplyObject(dead);

    struct claimed c = claim(store, "reap");
    is_str(c.id, next.id, "the next job was not harmed");
    cancel(store, c.id, NULL);
    let_lease_run_out(&c, "reap");
    is_int(reap(reaper, "reap").reaped.cancelled, 1, "a cancelled job whose executor died is cancelled by the reaper");
    ok(job_is(store, c.id, JOB_CANCELLED), "it is");
    struct store_queue_load load = load_of(store, "reap");
    ok(load.active == 0 && load.waiting == 0 && load.failed == 1 && load.cancelled == 1, "counters agree");
    close_store(reaper);
}

static void long_lease(struct store_options *options)
{
    options->lease_ms = 3600000;
}

static void test_reaper_waits_after_start(void)
{
    struct store *reaper = open_store(&server, long_lease);
    enqueue_plain(store, "grace");
    struct claimed c = claim(store, "grace");
    let_lease_run_out(&c, "grace");
    is_int(reap(reaper, "grace").reaped.requeued, 0, "until one lease after Redis' start no lease is judged");
    ok(complete(store, &c, JOB_COMPLETED, "{}").lease == STORE_LEASE_KEPT, "so the executor that came back completes");
    close_store(reaper);
}

static void test_requeue_uses_attempts_up(void)
{
    struct enqueued job = enqueue_plain(store, "tries");
    for (int i = 1; i <= 3; i++) {
        struct claimed c = claim(store, "tries");
        is_int(c.attempt, i, "another attempt");
        ok(requeue(store, &c, true).lease == STORE_LEASE_KEPT, "is given back");
    }
    const struct got *got = get(store, job.id);
    ok(got->job.state == JOB_FAILED && strstr(got->job.reason, "the box broke"),
       "the third was the last, for its reason");
    ok(!claim(store, "tries").found, "nothing is left");
}

static void no_patience(struct store_options *options)
{
    options->queue_ttl_ms = 1;
    options->result_ttl_ms = 1000;
}

static void test_expiry(void)
{
    struct store *hasty = open_store(&server, no_patience);
    struct enqueued a = enqueue_plain(hasty, "late"), b = enqueue_plain(hasty, "late");
    struct enqueued cancelled = enqueue_plain(hasty, "late"), patient = enqueue_plain(store, "late");
    cancel(hasty, cancelled.id, NULL);
    int64_t expired = 0;
    ok(until((expired += reap(store, "late").reaped.expired) == 2), "the reaper finds two stale heads");
    ok(job_is(store, a.id, JOB_EXPIRED) && job_is(store, b.id, JOB_EXPIRED), "both are expired");
    ok(strstr(get(store, a.id)->job.reason, "in time") != NULL, "with the reason");
    is_int(load_of(store, "late").waiting, 1, "one waits");
    is_int(load_of(store, "late").expired, 2, "two are counted");
    ok(until(!get(store, a.id)->found), "an expired job is forgotten after the result's time");
    is_str(claim(store, "late").id, patient.id, "the patient one is claimed");

    struct enqueued c = enqueue_plain(hasty, "late");
    int64_t now = now_mono_ms();
    ok(until(now_mono_ms() > now + 2), "its time passes");
    ok(!claim(store, "late").found, "claim passes over a stale job");
    ok(job_is(store, c.id, JOB_EXPIRED), "and marks it");
    close_store(hasty);
}

/* ---- the rest ------------------------------------------------------------------------------------------------- */

struct registry {
    bool done;
    size_t count;
    char first[64];
    char info[64];
    bool alive;
    bool lost;
    int64_t age_ms;
};

static void on_registry(void *arg, const struct err *err, const struct store_load *load)
{
    struct registry *out = arg;
    out->done = true;
    if (err)
        return;
    out->count = load->executor_count;
    if (load->executor_count > 0) {
        snprintf(out->first, sizeof out->first, "%s", load->executors[0].id);
        snprintf(out->info, sizeof out->info, "%s", load->executors[0].info);
        out->alive = load->executors[0].alive;
        out->lost = load->executors[0].lost;
        out->age_ms = load->now_ms - load->executors[0].seen_ms;
    }
}

static struct registry registry(void)
{
    struct registry out = {0};
    store_load(store, NULL, 0, on_registry, &out);
    until(out.done);
    return out;
}

static void test_registry(void)
{
    server_tell(&server, "DEL sentinel:executors sentinel:executors:seen");
    ok(beat(store, "python-7", "{\"version\":\"3.11\"}") == 0, "an executor registers");
    struct registry seen = registry();
    ok(seen.count == 1 && strcmp(seen.first, "python-7") == 0 && seen.alive, "it is alive");
    ok(seen.age_ms >= 0 && seen.age_ms < STORE_ALIVE_MS, "seen just now");
    is_str(seen.info, "{\"version\":\"3.11\"}", "with what it said");
    ok(unregister(store, "python-7") == 0, "it leaves");
    seen = registry();
    ok(seen.count == 1 && !seen.alive && !seen.lost, "and is remembered, but not as alive");
    ok(unregister(store, "python-8") == 0 && registry().count == 1, "one that never came cannot leave");
    for (int i = 0; i < 300; i++) {
        server_int(&server, "HSET sentinel:executors old-%d {}", i);
        server_int(&server, "ZADD sentinel:executors:seen %d old-%d", i + 1, i);
    }
    beat(store, "python-9", "{}");
    is_int(registry().count, 256, "of those gone for long only the last are kept");
    is_int(server_int(&server, "HLEN sentinel:executors"), 256, "in both keys");
}

static void test_damage(void)
{
    struct enqueued job = enqueue_plain(store, "bad");
    server_int(&server, "HSET " JOB_KEY " state nonsense attempts x created -", "bad", job.id);
    is_int(get(store, job.id)->err, EIO, "a state that nobody knows is an error, not a crash");
    server_int(&server, "HSET " JOB_KEY " state queued", "bad", job.id);
    server_int(&server, "HDEL " JOB_KEY " request", "bad", job.id);
    is_int(claim(store, "bad").err, EIO, "a job without its request is an error");
    server_int(&server, "DEL " JOB_KEY, "bad", job.id);
    server_int(&server, "SET " JOB_KEY " text", "bad", job.id);
    is_int(get(store, job.id)->err, EIO, "a key of another type is an error");
    is_int(cancel(store, job.id, NULL).err, EIO, "for a script too");
    server_int(&server, "RPUSH sentinel:{bad}:queue nobody");
    ok(!claim(store, "bad").found, "an id without a job is passed over");
    server_tell(&server, "SET sentinel:{worse}:queue text");
    is_int(claim(store, "worse").err, EIO, "a list of another type is an error");
}

int main(void)
{
    server_create(&server);
    store = open_store(&server, NULL);
    test_life_of_a_job();
    test_order_and_priority();
    test_bytes_and_sizes();
    test_unknown_and_malformed_ids();
    test_idempotency();
    test_cap();
    test_memory();
    test_versions();
    test_cancel();
    test_cancel_of_many();
    test_reaper();
    test_reaper_waits_after_start();
    test_requeue_uses_attempts_up();
    test_expiry();
    test_registry();
    test_damage();
    close_store(store);
    server_destroy(&server);
    return done_testing();
}
