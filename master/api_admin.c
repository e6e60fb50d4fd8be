/* /api/v1/admin/…: behind an admin's key, and each call in the audit log (guard.c does both). */
#include "api.h"
#include "guard.h"
#include "master.h"

#include <string.h>

enum { GONE_MS = 3600000 }; /* an executor that was not seen for so long is forgotten */

/* ---- pull-images: toolchains ----------------------------------------------------------------------------------- */

static void on_told(void *arg, const struct err *err, const int64_t *heard)
{
    struct call *call = arg;
    struct json_writer w = {0};
    if (err) {
        call_store_failed(call, err);
        http_unref(call);
        return;
    }
    const struct master *master = call->master;
    json_open(&w, NULL, '{');
    json_put_str(&w, "status", "requested");
    json_put_str(&w, "message",
                 "Each executor looks at its toolchains again: /languages has what they are in a moment");
    json_open(&w, "executors", '{');
    for (size_t i = 0; i < master->langs.count; i++)
        json_put_int(&w, master->language_names[i], heard[i]);
    json_close(&w, '}');
    json_close(&w, '}');
    call_reply(call, 202, &w);
    http_unref(call);
}

void api_admin_pull_images(struct call *call)
{
    const struct master *master = call->master;
    http_ref(call);
    store_tell_prepare(master->store, master->language_names, master->langs.count, on_told, call);
}

/* ---- what asks language by language ---------------------------------------------------------------------------- */

struct sweep {
    struct call *call;
    size_t pending; /* answers that are due, and the beginning */
    struct err err; /* code 0: none failed */
    struct store_reaped reaped;
    int64_t forgotten;
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
    json_put_int(&w, "workDirectories", 0); /* each is a file system of its run's own, and gone with it */
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

void api_admin_cleanup(struct call *call)
{
    const struct master *master = call->master;
    struct sweep *sweep = sweep_create(call, answer_cleanup);
    sweep->pending += master->langs.count + 1;
    for (size_t i = 0; i < master->langs.count; i++)
        store_reap(master->store, master->language_names[i], on_reaped, sweep);
    store_forget_executors(master->store, GONE_MS, on_forgotten, sweep);
    sweep_unpend(sweep, NULL);
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
