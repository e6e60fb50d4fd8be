/* The master's metrics: its own, and those that Redis keeps for all, which are read when they are asked for. When Redis
 * does not answer the latter are left out, and sentinel_redis_up is 0. */
#include "figures.h"
#include "fleet.h"
#include "master.h"

#include <string.h>

#define COUNTER(n, h) .name = (n), .help = (h), .type = METRIC_COUNTER
#define GAUGE(n, h) .name = (n), .help = (h), .type = METRIC_GAUGE

struct metric figure_requests = {COUNTER("sentinel_http_requests_total", "Requests answered."),
                                 .labels = {"route", "method", "status"}, .most = 400};
struct metric figure_request_seconds = {.name = "sentinel_http_request_duration_seconds",
                                        .help = "From a request's arrival to its answer; ?wait= counts.",
                                        .type = METRIC_HISTOGRAM,
                                        .labels = {"route"},
                                        METRIC_SECONDS,
                                        .most = 40};
struct metric figure_refusals = {COUNTER("sentinel_http_refusals_total", "Requests refused, by the error's code."),
                                 .labels = {"reason"}};
struct metric figure_submissions = {COUNTER("sentinel_submissions_total", "Valid submissions that this master got."),
                                    .labels = {"language"}};
struct metric figure_callbacks = {COUNTER("sentinel_callbacks_total", "Attempts to deliver a callback."),
                                  .labels = {"outcome"}};
static struct metric open_requests = {GAUGE("sentinel_http_open_requests", "Requests that wait for their answer.")};
static struct metric redis_up = {GAUGE("sentinel_redis_up", "1 when Redis is reached and accepted.")};

static struct metric waiting = {GAUGE("sentinel_queue_waiting_jobs", "Jobs that wait, in Redis."),
                                .labels = {"language"}};
static struct metric running = {GAUGE("sentinel_queue_running_jobs", "Jobs under a lease, in Redis."),
                                .labels = {"language"}};
static struct metric dead = {GAUGE("sentinel_queue_dead_jobs", "Jobs given up on that are remembered, in Redis."),
                             .labels = {"language"}};
static struct metric enqueued = {COUNTER("sentinel_jobs_enqueued_total", "Jobs accepted by all masters."),
                                 .labels = {"language"}};
static struct metric requeued = {
    COUNTER("sentinel_jobs_requeued_total", "Attempts that brought no result, so that the job went back."),
    .labels = {"language"}};
static struct metric finished = {COUNTER("sentinel_jobs_finished_total", "Jobs in a final state."),
                                 .labels = {"language", "state"}};
static struct metric verdicts = {COUNTER("sentinel_jobs_verdicts_total", "Verdicts of completed jobs."),
                                 .labels = {"language", "verdict"}, .most = 400};
static struct metric executors = {GAUGE("sentinel_executors", "Executors that are alive."), .labels = {"language"}};
static struct metric slots = {GAUGE("sentinel_slots", "Slots of all living executors."), .labels = {"state"}};

static struct metric *const own[] = {&figure_requests,    &figure_request_seconds, &figure_refusals,
                                     &figure_submissions, &figure_callbacks,       &open_requests,
                                     &redis_up,           &store_metric_seconds,   &store_metric_connects};
static struct metric *const shared[] = {&waiting,  &running,  &dead,      &enqueued, &requeued,
                                        &finished, &verdicts, &executors, &slots};

void figures_answered(const struct http_route *route, const char *method, int status, int64_t ms)
{
    char text[4] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10), (char)('0' + status % 10), '\0'};
    const char *pattern = route ? route->pattern : "none";
    /* Of an unknown path the method is the client's own word. */
    metric_add(&figure_requests, 1, pattern, route ? method : "none", text);
    metric_observe(&figure_request_seconds, (double)ms / 1000, pattern);
}

/* ---- what Redis has -------------------------------------------------------------------------------------------- */

struct scrape {
    struct call *call;
    bool have_counters, have_load;
};

static void take_counter(const char *language, const struct store_counter *counter)
{
    enum verdict verdict;
    enum job_state state;
    double value = (double)counter->value;
    if (strcmp(counter->name, "enqueued") == 0)
        metric_set(&enqueued, value, language);
    else if (strcmp(counter->name, "requeued") == 0)
        metric_set(&requeued, value, language);
    else if (strncmp(counter->name, "verdict:", 8) == 0 && verdict_parse(counter->name + 8, &verdict) == 0)
        metric_set(&verdicts, value, language, verdict_name(verdict));
    else if (job_state_parse(counter->name, &state) == 0)
        metric_set(&finished, value, language, job_state_name(state));
}

static void take_counters(const struct master *master, const struct store_counters *rows)
{
    for (size_t i = 0; i < master->langs.count; i++) {
        const char *language = master->language_names[i];
        metric_set(&waiting, (double)rows[i].waiting, language);
        metric_set(&running, (double)rows[i].running, language);
        metric_set(&dead, (double)rows[i].dead, language);
        /* Not yet counted is 0: of a counter that was not there before, Prometheus sees no increase. */
        metric_set(&enqueued, 0, language);
        metric_set(&requeued, 0, language);
        metric_set(&finished, 0, language, job_state_name(JOB_FAILED));
        for (size_t k = 0; k < rows[i].counter_count; k++)
            take_counter(language, &rows[i].counters[k]);
    }
}

static void take_load(const struct master *master, const struct store_load *load)
{
    struct fleet fleet;
    fleet_init(&fleet, load);
    for (size_t i = 0; i < master->langs.count; i++)
        metric_set(&executors, (double)fleet_serving(&fleet, master->language_names[i]), master->language_names[i]);
    metric_set(&slots, (double)fleet_slots(&fleet, false), "all");
    metric_set(&slots, (double)fleet_slots(&fleet, true), "up");
    fleet_finish(&fleet);
}

static void answer(struct scrape *scrape)
{
    struct call *call = scrape->call;
    struct buf text = {0};
    metric_set(&open_requests, (double)call->load->open_calls);
    metric_set(&redis_up, store_ready(call->master->store) ? 1 : 0);
    metrics_put_process(&text);
    metrics_put(&text, own, ARRAY_LEN(own));
    if (scrape->have_counters && scrape->have_load)
        metrics_put(&text, shared, ARRAY_LEN(shared));
    http_answer(call, 200, metrics_content_type, text.data, text.len);
    buf_finish(&text);
    http_unref(call);
    free(scrape);
}

static void on_load(void *arg, const struct err *err, const struct store_load *load)
{
    struct scrape *scrape = arg;
    scrape->have_load = !err;
    if (!err)
        take_load(scrape->call->master, load);
    answer(scrape);
}

static void on_counters(void *arg, const struct err *err, const struct store_counters *rows)
{
    struct scrape *scrape = arg;
    const struct master *master = scrape->call->master;
    scrape->have_counters = !err;
    if (err) {
        answer(scrape);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(shared); i++)
        metric_clear(shared[i]);
    take_counters(master, rows);
    store_load(master->store, master->language_names, master->langs.count, on_load, scrape);
}

void api_metrics(struct call *call)
{
    const struct master *master = call->master;
    if (strcmp(master->config.metrics, "true") != 0) {
        call_not_found(call, "metrics are turned off");
        return;
    }
    struct scrape *scrape = xcalloc(1, sizeof *scrape);
    scrape->call = call;
    http_ref(call);
    store_counters(master->store, master->language_names, master->langs.count, on_counters, scrape);
}
