/* /api/v1/admin/…: behind an admin's key, and each call in the audit log (guard.c does both). */
#include "api.h"
#include "errand.h"
#include "guard.h"
#include "master.h"

#include <string.h>

enum {
    GONE_MS = 3600000,   /* an executor that was not seen for so long is forgotten */
    PREPARE_WAIT_S = 30, /* for executors, unless the call says how long */
    SWEEP_WAIT_S = 10,
};

/* ---- pull-images: toolchains ----------------------------------------------------------------------------------- */

static void put_answer(struct json_writer *w, const struct errand_answer *answer)
{
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer->said, "version"));
    const char *error = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer->said, "error"));
    const cJSON *ms = cJSON_GetObjectItemCaseSensitive(answer->said, "ms");
    json_open(w, NULL, '{');
    json_put_str(w, "executor", answer->executor);
    json_put_str(w, "language", answer->language);
    json_put_str(w, "state", answer->state);
    if (cJSON_IsNumber(ms) && ms->valuedouble >= 0 && ms->valuedouble < 9e15)
        json_put_int(w, "ms", (int64_t)ms->valuedouble);
    if (version)
        json_put_bytes(w, "version", version, strlen(version));
    if (error)
        json_put_bytes(w, "error", error, strlen(error));
    json_close(w, '}');
}

static void answer_pull_images(struct call *call, const struct err *err, const struct errand_report *report)
{
    struct json_writer w = {0};
    bool failed = false;
    if (err) {
        call_store_failed(call, err);
        return;
    }
    for (size_t i = 0; i < report->count; i++)
        failed |= strcmp(report->answers[i].state, "failed") == 0;
    json_open(&w, NULL, '{');
    json_put_str(&w, "status", !report->ended ? "running" : failed ? "failed" : "done");
    json_put_str(&w, "message",
                 !report->ended ? "It goes on; another call tells how far it is"
                 : failed       ? "Where it failed, what was there before is used on"
                                : "Toolchains are prepared, and their versions looked at again");
    json_open(&w, "executors", '[');
    for (size_t i = 0; i < report->count; i++)
        put_answer(&w, &report->answers[i]);
    json_close(&w, ']');
    json_put_int(&w, "silent", report->silent);
    json_close(&w, '}');
    call_reply(call, report->ended ? 200 : 202, &w);
}

/* How long a call waits for executors; false: it was answered, because what it asks for is not allowed. */
static bool errand_wait(struct call *call, int64_t unasked_s, int64_t *ret_ms)
{
    int64_t most = call->master->config.max_wait_s;
    struct err err = {0};
    if (call_wait_ms(call, most < unasked_s ? most : unasked_s, ret_ms, &err) == 0)
        return true;
    call_bad_request(call, &err);
    return false;
}

void api_admin_pull_images(struct call *call)
{
    int64_t wait_ms;
    if (errand_wait(call, PREPARE_WAIT_S, &wait_ms))
        errand_start(call, STORE_PREPARE, wait_ms, answer_pull_images);
}

/* ---- what asks language by language ---------------------------------------------------------------------------- */

struct sweep {
    struct call *call;
    size_t pending; /* answers that are due, and the beginning */
    struct err err; /* code 0: none failed */
    struct store_reaped reaped;
    int64_t forgotten;
    int64_t swept;           /* work directories */
    struct json_writer dead; /* the list's rows */
    void (*answer)(struct sweep *sweep);
};

static struct sweep *sweep_create(struct call *call, void (*answer)(struct sweep *sweep))
{
    struct sweep *sweep = xcalloc(1, sizeof *sweep);
    sweep->call = call;
    sweep->answer = answer;
    sweep->pending = 1;
    http_ref(call);
    return sweep;
}

static void sweep_unpend(struct sweep *sweep, const struct err *err)
{
    if (err)
        sweep->err = *err;
    if (--sweep->pending > 0)
        return;
    if (sweep->err.code)
        call_store_failed(sweep->call, &sweep->err);
    else
        sweep->answer(sweep);
    buf_finish(&sweep->dead.buf);
    http_unref(sweep->call);
    free(sweep);
}

/* ---- cleanup --------------------------------------------------------------------------------------------------- */

static void answer_cleanup(struct sweep *sweep)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_str(&w, "status", "ok");
    json_open(&w, "jobs", '{');
    json_put_int(&w, "requeued", sweep->reaped.requeued);
    json_put_int(&w, "failed", sweep->reaped.failed);
    json_put_int(&w, "cancelled", sweep->reaped.cancelled);
    json_put_int(&w, "expired", sweep->reaped.expired);
    json_close(&w, '}');
    json_put_int(&w, "executorsForgotten", sweep->forgotten);
    json_put_int(&w, "workDirectories", sweep->swept);
    json_close(&w, '}');
    call_reply(sweep->call, 200, &w);
}

static void on_reaped(void *arg, const struct err *err, const struct store_reaped *reaped)
{
    struct sweep *sweep = arg;
    if (!err) {
        sweep->reaped.requeued += reaped->requeued;
        sweep->reaped.failed += reaped->failed;
        sweep->reaped.cancelled += reaped->cancelled;
        sweep->reaped.expired += reaped->expired;
    }
    sweep_unpend(sweep, err);
}

static void on_forgotten(void *arg, const struct err *err, const int64_t *count)
{
    struct sweep *sweep = arg;
    sweep->forgotten = err ? 0 : *count;
    sweep_unpend(sweep, err);
}

/* An executor that does not answer keeps nobody from the rest. */
static void clean_redis(struct call *call, const struct err *err, const struct errand_report *report)
{
    const struct master *master = call->master;
    if (err) {
        call_store_failed(call, err);
        return;
    }
    struct sweep *sweep = sweep_create(call, answer_cleanup);
    for (size_t i = 0; i < report->count; i++) {
        double removed = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(report->answers[i].said, "removed"));
        sweep->swept += removed > 0 && removed < 1e9 ? (int64_t)removed : 0;
    }
    sweep->pending += master->langs.count + 1;
    for (size_t i = 0; i < master->langs.count; i++)
        store_reap(master->store, master->language_names[i], on_reaped, sweep);
    store_forget_executors(master->store, GONE_MS, on_forgotten, sweep);
    sweep_unpend(sweep, NULL);
}

void api_admin_cleanup(struct call *call)
{
    int64_t wait_ms;
    if (errand_wait(call, SWEEP_WAIT_S, &wait_ms))
        errand_start(call, STORE_SWEEP, wait_ms, clean_redis);
}

/* ---- dead jobs ------------------------------------------------------------------------------------------------- */

static void answer_dead(struct sweep *sweep)
{
    json_close(&sweep->dead, ']');
    json_close(&sweep->dead, '}');
    call_reply(sweep->call, 200, &sweep->dead);
}

static void on_dead(void *arg, const struct err *err, const struct store_dead *jobs, size_t count)
{
    struct sweep *sweep = arg;
    struct json_writer *w = &sweep->dead;
    for (size_t i = 0; !err && i < count; i++) {
        char time[RFC3339_SIZE];
        format_rfc3339(jobs[i].finished_ms, time);
        json_open(w, NULL, '{');
        json_put_str(w, "id", jobs[i].id);
        json_put_bytes(w, "owner", jobs[i].owner, strlen(jobs[i].owner));
        json_put_bytes(w, "reason", jobs[i].reason, strlen(jobs[i].reason));
        json_put_int(w, "attempts", jobs[i].attempts);
        json_put_str(w, "finishedAt", time);
        json_close(w, '}');
    }
    sweep_unpend(sweep, err);
}

void api_admin_dead(struct call *call)
{
    const struct master *master = call->master;
    struct sweep *sweep = sweep_create(call, answer_dead);
    sweep->pending += master->langs.count;
    json_open(&sweep->dead, NULL, '{');
    json_open(&sweep->dead, "jobs", '[');
    for (size_t i = 0; i < master->langs.count; i++)
        store_dead_list(master->store, master->language_names[i], on_dead, sweep);
    sweep_unpend(sweep, NULL);
}

static void on_retried(void *arg, const struct err *err, bool queued)
{
    struct call *call = arg;
    struct json_writer w = {0};
    if (call->state != CALL_OPEN) {
        ; /* call->id went with its request */
    } else if (err) {
        call_store_failed(call, err);
    } else if (!queued) {
        call_not_found(call, "no such job is dead");
    } else {
        json_open(&w, NULL, '{');
        json_put_str(&w, "id", call->id);
        json_put_str(&w, "status", "queued");
        json_close(&w, '}');
        call_reply(call, 202, &w);
    }
    http_unref(call);
}

void api_admin_retry(struct call *call)
{
    char language[JOB_LANGUAGE_MAX + 1];
    if (job_id_language(call->id, language) < 0 || !lang_find(&call->master->langs, language)) {
        call_not_found(call, "no such job is dead");
        return;
    }
    http_ref(call);
    store_dead_retry(call->master->store, call->id, on_retried, call);
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

void api_admin_keys(struct call *call)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_open(&w, "keys", '[');
    guard_put_keys(call->master->guard, &w);
    json_close(&w, ']');
    json_close(&w, '}');
    call_reply(call, 200, &w);
}
