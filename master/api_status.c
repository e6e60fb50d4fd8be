/* GET /status (004): whether the service takes work, and its most recent executions, over all languages. A job is
 * shown to the key that made it. */
#include "api.h"
#include "master.h"
#include "version.h"

#include <errno.h>
#include <string.h>

enum { SHOWN_DEFAULT = 50, SHOWN_MOST = 100 };

struct recent {
    struct store_recent job; /* its strings are copies, in `text` */
    char *text;
};

struct status {
    struct call *call;
    size_t limit;
    size_t pending; /* languages that have not answered, and the beginning */
    struct err err; /* code 0: none failed */
    struct recent *jobs;
    size_t count;
};

static int newest_first(const void *a, const void *b)
{
    const struct store_recent *x = &((const struct recent *)a)->job, *y = &((const struct recent *)b)->job;
    if (x->created_ms != y->created_ms)
        return x->created_ms < y->created_ms ? 1 : -1;
    return strcmp(x->id, y->id);
}

static void put_status(struct json_writer *w, struct status *status)
{
    char time[RFC3339_SIZE];
    format_rfc3339(now_wall_ms(), time);
    qsort(status->jobs, status->count, sizeof *status->jobs, newest_first);
    json_open(w, NULL, '{');
    json_put_str(w, "status", "healthy");
    json_put_str(w, "timestamp", time);
    json_put_str(w, "version", SENTINEL_VERSION);
    json_open(w, "executions", '[');
    for (size_t i = 0; i < status->count && i < status->limit; i++)
        reply_put_recent(w, &status->jobs[i].job);
    json_close(w, ']');
    json_close(w, '}');
}

static void status_unpend(struct status *status)
{
    if (--status->pending > 0)
        return;
    struct json_writer w = {0};
    if (status->err.code) {
        call_store_failed(status->call, &status->err);
    } else {
        put_status(&w, status);
        call_reply(status->call, 200, &w);
    }
    for (size_t i = 0; i < status->count; i++)
        free(status->jobs[i].text);
    free(status->jobs);
    http_unref(status->call);
    free(status);
}

/* The strings stand one behind the other in one copy. */
static struct recent recent_copy(const struct store_recent *job)
{
    const char *executor = job->executor ? job->executor : "", *verdict = job->verdict ? job->verdict : "";
    struct recent copy = {.job = *job, .text = xasprintf("%s%c%s%c%s", job->id, 0, verdict, 0, executor)};
    char *at = copy.text;
    copy.job.id = at;
    at += strlen(at) + 1;
    copy.job.verdict = *at ? at : NULL;
    at += strlen(at) + 1;
    copy.job.executor = *at ? at : NULL;
    return copy;
}

static void on_recent(void *arg, const struct err *err, const struct store_recent *jobs, size_t count)
{
    struct status *status = arg;
    if (err)
        status->err = *err;
    status->jobs = xrealloc(status->jobs, (status->count + count + 1) * sizeof *status->jobs);
    for (size_t i = 0; i < count; i++)
        status->jobs[status->count++] = recent_copy(&jobs[i]);
    status_unpend(status);
}

static int read_limit(struct call *call, size_t *ret_limit, struct err *err)
{
    const char *text = http_query(call, "limit");
    char *end = NULL;
    long limit = text ? strtol(text, &end, 10) : SHOWN_DEFAULT;
    if (text && (*text < '0' || *text > '9' || *end || limit < 1 || limit > SHOWN_MOST))
        return err_set_field(err, EINVAL, "limit", "limit must be a whole number from 1 to %d", SHOWN_MOST);
    *ret_limit = (size_t)limit;
    return 0;
}

void api_status(struct call *call)
{
    const struct master *master = call->master;
    struct err err = {0};
    size_t limit = 0;
    if (read_limit(call, &limit, &err) < 0) {
        call_bad_request(call, &err);
        return;
    }
    struct status *status = xcalloc(1, sizeof *status);
    status->call = call;
    status->limit = limit;
    status->pending = master->langs.count + 1;
    http_ref(call);
    for (size_t i = 0; i < master->langs.count; i++)
        store_recent(master->store, master->language_names[i], call->admin ? NULL : call->owner, on_recent, status);
    status_unpend(status);
}
