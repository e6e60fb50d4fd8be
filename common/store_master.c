/* The operations of a master: enqueue, get, follow, cancel, load, recent, reap, dead. Each one builds a script's
 * arguments and, below that, reads its reply (docs/PROTOCOL.md has both). */
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int find_word(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; word && i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return (int)i;
    return -1;
}

/* ---- enqueue -------------------------------------------------------------------------------------------------- */

static void on_enqueue(struct store_op *op, struct err *err, const redisReply *reply)
{
    static const char *const outcomes[] = {
        [STORE_ENQUEUED] = "enqueued", [STORE_ENQUEUE_REPEATED] = "repeated", [STORE_ENQUEUE_CONFLICT] = "conflict",
        [STORE_ENQUEUE_FULL] = "full", [STORE_ENQUEUE_MEMORY] = "memory",
    };
    struct store_enqueue_reply out = {0};
    struct err malformed;
    int outcome = -1;
    if (!err && reply_is_array(reply, 4))
        outcome = find_word(reply_str(reply->element[0]), outcomes, ARRAY_LEN(outcomes));
    if (outcome >= 0) {
        out.outcome = (enum store_enqueued)outcome;
        out.id = reply_str(reply->element[1]);
        out.enqueued_ms = reply_int(reply->element[2]);
        out.retry_after_s = reply_int(reply->element[3]);
    }
    if (!err && !out.id)
        err = reply_malformed(&malformed, "enqueue");
    op->cb.enqueue(op->arg, err, err ? NULL : &out);
}

void store_enqueue(struct store *store, const struct store_enqueue *job,
                   void (*cb)(void *arg, const struct err *err, const struct store_enqueue_reply *reply), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.enqueue = cb;
    args_own(&a, store_base_of_id(store, job->id));
    args_str(&a, job->id);
    args_str(&a, job->owner);
    args_bytes(&a, job->request, job->request_len);
    args_int(&a, JOB_VERSION);
    args_int(&a, job->test_count);
    args_int(&a, job->priority);
    args_int(&a, store->options.queue_cap);
    args_int(&a, store->options.queue_ttl_ms);
    args_int(&a, store->options.result_ttl_ms);
    args_str(&a, job->idempotency_key);
    args_str(&a, job->body_hash);
    args_str(&a, job->callback);
    store_op_eval(op, &store_script_enqueue, 1, &a, on_enqueue);
}

/* ---- get ------------------------------------------------------------------------------------------------------ */

/* Request and trace, which may be large, come last and can be left out. */
static const char *const job_fields[] = {
    "state",           "owner",       "result",         "reason",         "executor",
    "attempts",        "done",        "tests",          "created",        "started",
    "finished",        "callback",    "callback_state", "callback_error", "callback_attempts",
    "callback_status", "callback_at", "request",        "trace",
};
enum { JOB_FIELD_COUNT = ARRAY_LEN(job_fields), JOB_SMALL_FIELD_COUNT = JOB_FIELD_COUNT - 2 };

bool store_trace_next(const char **at, struct store_trace *ret_trace)
{
    struct store_trace out = {0};
    if (!*at)
        return false;
    char *end;
    out.at_ms = strtoll(*at, &end, 10);
    const char *word = end + strspn(end, " ");
    size_t len = strcspn(word, " \n");
    if (end == *at || len == 0 || len >= sizeof out.event)
        return false;
    memcpy(out.event, word, len);
    out.attempts = strtoll(word + len, &end, 10);
    out.renewals = strtoll(end, &end, 10);
    out.detail = end + strspn(end, " ");
    out.detail_len = strcspn(out.detail, "\n");
    *at = out.detail + out.detail_len;
    *ret_trace = out;
    return true;
}

static int read_job(const redisReply *reply, struct store_job *out)
{
    redisReply *const *field = reply->element;
    const char *state = reply_str(field[0]), *owner = reply_str(field[1]);
    if (!state || job_state_parse(state, &out->state) < 0)
        return -EBADMSG;
    out->owner = owner ? owner : "";
    out->result = reply_str(field[2]);
    out->result_len = out->result ? field[2]->len : 0;
    out->reason = reply_str(field[3]);
    out->executor = reply_str(field[4]);
    out->attempts = reply_int(field[5]);
    out->tests_done = reply_int(field[6]);
    out->tests_total = reply_int(field[7]);
    out->created_ms = reply_int(field[8]);
    out->started_ms = reply_int(field[9]);
    out->finished_ms = reply_int(field[10]);
    out->callback = reply_str(field[11]);
    out->callback_state = reply_str(field[12]);
    out->callback_error = reply_str(field[13]);
    out->callback_attempts = reply_int(field[14]);
    out->callback_status = reply_int(field[15]);
    out->callback_at_ms = reply_int(field[16]);
    if (reply->elements == JOB_FIELD_COUNT) {
        out->request = reply_str(field[17]);
        out->request_len = out->request ? field[17]->len : 0;
        out->trace = reply_str(field[18]);
    }
    return 0;
}

static void on_get(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct store_job job = {0};
    struct err malformed;
    bool shaped = !err && reply_is_array(reply, JOB_SMALL_FIELD_COUNT);
    bool found = shaped && reply->element[0]->type != REDIS_REPLY_NIL;
    if (!err && (!shaped || (found && read_job(reply, &job) < 0)))
        err = reply_malformed(&malformed, "get");
    op->cb.get(op->arg, err, !err && found ? &job : NULL);
}

void store_get(struct store *store, const char *id, bool with_request,
               void (*cb)(void *arg, const struct err *err, const struct store_job *job), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.get = cb;
    cleanup_free char *base = store_base_of_id(store, id);
    args_str(&a, "HMGET");
    args_own(&a, xasprintf("%s:job:%s", base, id));
    for (size_t i = 0; i < (with_request ? JOB_FIELD_COUNT : JOB_SMALL_FIELD_COUNT); i++)
        args_str(&a, job_fields[i]);
    store_op_command(op, &a, on_get);
}

/* ---- follow --------------------------------------------------------------------------------------------------- */

enum { FOLLOW_FIELDS = 11 };

static int read_followed(const redisReply *reply, struct store_job *out)
{
    redisReply *const *field = reply->element;
    const char *owner = reply_str(field[0]), *state = reply_str(field[1]);
    if (!state || job_state_parse(state, &out->state) < 0 || field[10]->type != REDIS_REPLY_ARRAY)
        return -EBADMSG;
    out->owner = owner ? owner : "";
    out->attempts = reply_int(field[2]);
    out->tests_done = reply_int(field[3]);
    out->tests_total = reply_int(field[4]);
    out->created_ms = reply_int(field[5]);
    out->started_ms = reply_int(field[6]);
    out->finished_ms = reply_int(field[7]);
    out->executor = reply_str(field[8]);
    out->reason = reply_str(field[9]);
    return 0;
}

static void on_follow(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct store_job job = {0};
    struct err malformed;
    bool found = !err && reply->type != REDIS_REPLY_NIL;
    if (found && (!reply_is_array(reply, FOLLOW_FIELDS) || read_followed(reply, &job) < 0))
        err = reply_malformed(&malformed, "follow");
    if (err || !found) {
        op->cb.follow(op->arg, err, NULL, NULL, 0);
        return;
    }
    const redisReply *list = reply->element[FOLLOW_FIELDS - 1];
    cleanup_free struct store_text *events = xcalloc(list->elements + 1, sizeof *events);
    for (size_t i = 0; i < list->elements; i++) {
        const char *text = reply_str(list->element[i]);
        events[i] = (struct store_text){.data = text ? text : "", .len = text ? list->element[i]->len : 0};
    }
    op->cb.follow(op->arg, NULL, &job, events, list->elements);
}

void store_follow(struct store *store, const char *id, int64_t attempt, size_t from,
                  void (*cb)(void *arg, const struct err *err, const struct store_job *job,
                             const struct store_text *events, size_t count),
                  void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.follow = cb;
    args_own(&a, store_base_of_id(store, id));
    args_str(&a, id);
    args_int(&a, attempt);
    args_int(&a, (int64_t)from);
    store_op_eval(op, &store_script_follow, 1, &a, on_follow);
}

/* ---- cancel --------------------------------------------------------------------------------------------------- */

static void on_cancel(struct store_op *op, struct err *err, const redisReply *reply)
{
    static const char *const outcomes[] = {
        [STORE_CANCELLED] = "cancelled",
        [STORE_CANCEL_REQUESTED] = "requested",
        [STORE_CANCEL_FINISHED] = "finished",
        [STORE_CANCEL_NONE] = "none",
    };
    struct err malformed;
    int outcome = err ? -1 : find_word(reply_str(reply), outcomes, ARRAY_LEN(outcomes));
    if (!err && outcome < 0)
        err = reply_malformed(&malformed, "cancel");
    op->cb.cancel(op->arg, err, err ? STORE_CANCEL_NONE : (enum store_cancelled)outcome);
}

void store_cancel(struct store *store, const char *id, const char *owner,
                  void (*cb)(void *arg, const struct err *err, enum store_cancelled outcome), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.cancel = cb;
    args_own(&a, store_base_of_id(store, id));
    args_str(&a, id);
    args_int(&a, owner == NULL);
    args_str(&a, owner);
    store_op_eval(op, &store_script_cancel, 1, &a, on_cancel);
}

/* ---- load ----------------------------------------------------------------------------------------------------- */

static bool read_queue(const redisReply *row, struct store_queue_load *out)
{
    if (!reply_is_array(row, 6))
        return false;
    out->waiting = reply_int(row->element[0]);
    out->active = reply_int(row->element[1]);
    out->completed = reply_int(row->element[2]);
    out->failed = reply_int(row->element[3]);
    out->cancelled = reply_int(row->element[4]);
    out->expired = reply_int(row->element[5]);
    return true;
}

static bool read_executor(const redisReply *row, struct store_executor_load *out)
{
    if (!reply_is_array(row, 4) || !reply_str(row->element[0]) || !reply_str(row->element[1]))
        return false;
    out->id = row->element[0]->str;
    out->info = row->element[1]->str;
    out->info_len = row->element[1]->len;
    out->seen_ms = reply_int(row->element[2]);
    out->alive = reply_int(row->element[3]) != 0;
    out->lost = row->elements > 4 && reply_int(row->element[4]) != 0;
    return true;
}

static bool load_is_shaped(const struct store_op *op, const redisReply *reply)
{
    return reply_is_array(reply, 3) && reply_is_array(reply->element[1], op->count) &&
           reply->element[2]->type == REDIS_REPLY_ARRAY;
}

static void on_load(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct err malformed;
    if (!err && !load_is_shaped(op, reply))
        err = reply_malformed(&malformed, "load");
    if (err) {
        op->cb.load(op->arg, err, NULL);
        return;
    }
    const redisReply *rows = reply->element[1], *executors = reply->element[2];
    cleanup_free struct store_queue_load *queues = xcalloc(op->count, sizeof *queues);
    cleanup_free struct store_executor_load *seen = xcalloc(executors->elements, sizeof *seen);
    bool good = true;
    for (size_t i = 0; i < op->count; i++) {
        queues[i].language = op->languages[i];
        good = good && read_queue(rows->element[i], &queues[i]);
    }
    for (size_t i = 0; i < executors->elements; i++)
        good = good && read_executor(executors->element[i], &seen[i]);
    struct store_load load = {
        .queues = queues,
        .queue_count = op->count,
        .executors = seen,
        .executor_count = executors->elements,
        .now_ms = reply_int(reply->element[0]),
    };
    if (!good)
        err = reply_malformed(&malformed, "load");
    op->cb.load(op->arg, err, good ? &load : NULL);
}

/* Keeps copies of the names: they stand in the reply. */
static void keep_languages(struct store_op *op, const char *const *languages, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += strlen(languages[i]) + 1;
    op->count = count;
    op->languages = xcalloc(count, sizeof *op->languages);
    char *at = op->strings = xmalloc(size);
    for (size_t i = 0; i < count; i++) {
        op->languages[i] = at;
        at = stpcpy(at, languages[i]) + 1;
    }
}

void store_load(struct store *store, const char *const *languages, size_t count,
                void (*cb)(void *arg, const struct err *err, const struct store_load *load), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.load = cb;
    keep_languages(op, languages, count);
    args_own(&a, xasprintf("%s:executors", store->options.prefix));
    for (size_t i = 0; i < count; i++)
        args_own(&a, store_base(store, languages[i]));
    args_int(&a, STORE_ALIVE_MS);
    store_op_eval(op, &store_script_load, (int)count + 1, &a, on_load);
}

/* ---- recent jobs ---------------------------------------------------------------------------------------------- */

static const char *word_or_null(const redisReply *reply)
{
    const char *word = reply_str(reply);
    return word && *word ? word : NULL;
}

static bool read_recent(const redisReply *row, struct store_recent *out)
{
    if (!reply_is_array(row, 10))
        return false;
    redisReply *const *field = row->element;
    char language[JOB_LANGUAGE_MAX + 1];
    const char *state = reply_str(field[1]);
    out->id = reply_str(field[0]);
    out->verdict = word_or_null(field[2]);
    out->created_ms = reply_int(field[3]);
    out->started_ms = reply_int(field[4]);
    out->finished_ms = reply_int(field[5]);
    out->attempts = reply_int(field[6]);
    out->tests_done = reply_int(field[7]);
    out->tests_total = reply_int(field[8]);
    out->executor = word_or_null(field[9]);
    return out->id && job_id_language(out->id, language) == 0 && state && job_state_parse(state, &out->state) == 0;
}

static void on_recent(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct err malformed;
    size_t count = !err && reply_is_array(reply, 0) ? reply->elements : 0;
    cleanup_free struct store_recent *jobs = xcalloc(count + 1, sizeof *jobs);
    bool good = !err && reply_is_array(reply, 0);
    for (size_t i = 0; i < count; i++)
        good = good && read_recent(reply->element[i], &jobs[i]);
    if (!err && !good)
        err = reply_malformed(&malformed, "recent");
    op->cb.recent(op->arg, err, err ? NULL : jobs, err ? 0 : count);
}

void store_recent(struct store *store, const char *language, const char *owner,
                  void (*cb)(void *arg, const struct err *err, const struct store_recent *jobs, size_t count),
                  void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.recent = cb;
    args_own(&a, store_base(store, language));
    args_int(&a, owner == NULL);
    args_str(&a, owner);
    store_op_eval(op, &store_script_recent, 1, &a, on_recent);
}

/* ---- reap ----------------------------------------------------------------------------------------------------- */

static void on_reap(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct store_reaped out = {0};
    struct err malformed;
    if (!err && !reply_is_array(reply, 4))
        err = reply_malformed(&malformed, "reap");
    if (!err) {
        out.requeued = reply_int(reply->element[0]);
        out.failed = reply_int(reply->element[1]);
        out.cancelled = reply_int(reply->element[2]);
        out.expired = reply_int(reply->element[3]);
    }
    op->cb.reap(op->arg, err, err ? NULL : &out);
}

void store_reap(struct store *store, const char *language,
                void (*cb)(void *arg, const struct err *err, const struct store_reaped *reaped), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.reap = cb;
    args_own(&a, store_base(store, language));
    args_int(&a, store->options.lease_ms);
    args_int(&a, store->options.max_attempts);
    store_op_eval(op, &store_script_reap, 1, &a, on_reap);
}

/* ---- dead jobs ------------------------------------------------------------------------------------------------ */

static bool read_dead(const redisReply *row, struct store_dead *out)
{
    if (!reply_is_array(row, 5))
        return false;
    out->id = reply_str(row->element[0]);
    out->owner = reply_str(row->element[1]);
    out->reason = reply_str(row->element[2]);
    out->attempts = reply_int(row->element[3]);
    out->finished_ms = reply_int(row->element[4]);
    return out->id && out->owner && out->reason;
}

static void on_dead_list(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct err malformed;
    size_t count = !err && reply_is_array(reply, 0) ? reply->elements : 0;
    cleanup_free struct store_dead *jobs = xcalloc(count + 1, sizeof *jobs);
    bool good = !err && reply_is_array(reply, 0);
    for (size_t i = 0; i < count; i++)
        good = good && read_dead(reply->element[i], &jobs[i]);
    if (!err && !good)
        err = reply_malformed(&malformed, "dead");
    op->cb.dead(op->arg, err, err ? NULL : jobs, err ? 0 : count);
}

void store_dead_list(struct store *store, const char *language,
                     void (*cb)(void *arg, const struct err *err, const struct store_dead *jobs, size_t count),
                     void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.dead = cb;
    args_own(&a, store_base(store, language));
    store_op_eval(op, &store_script_dead, 1, &a, on_dead_list);
}

static void on_dead_retry(struct store_op *op, struct err *err, const redisReply *reply)
{
    static const char *const outcomes[] = {"none", "queued"};
    struct err malformed;
    int outcome = err ? -1 : find_word(reply_str(reply), outcomes, ARRAY_LEN(outcomes));
    if (!err && outcome < 0)
        err = reply_malformed(&malformed, "retry");
    op->cb.retry(op->arg, err, outcome == 1);
}

void store_dead_retry(struct store *store, const char *id, void (*cb)(void *arg, const struct err *err, bool queued),
                      void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.retry = cb;
    args_own(&a, store_base_of_id(store, id));
    args_str(&a, id);
    store_op_eval(op, &store_script_retry, 1, &a, on_dead_retry);
}
