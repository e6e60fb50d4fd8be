/* The executor's metrics. No label tells executors apart: Prometheus adds the instance. */
#include "figures.h"
#include "store.h"

#define COUNTER(n, h) .name = (n), .help = (h), .type = METRIC_COUNTER
#define GAUGE(n, h) .name = (n), .help = (h), .type = METRIC_GAUGE
#define SECONDS(n, h) .name = (n), .help = (h), .type = METRIC_HISTOGRAM, METRIC_SECONDS
#define BY_LANGUAGE .labels = {"language"}

struct metric figure_jobs = {COUNTER("sentinel_executor_jobs_total",
                                     "Claimed jobs by what became of them here: a verdict, "
                                     "failed, cancelled, given_back or lost."),
                             .labels = {"language", "outcome"}, .most = 400};
struct metric figure_queue_seconds = {
    SECONDS("sentinel_executor_queue_wait_seconds", "From a job's creation to its claim."), BY_LANGUAGE};
struct metric figure_job_seconds = {
    SECONDS("sentinel_executor_job_duration_seconds", "From a job's claim to its result."), BY_LANGUAGE};
struct metric figure_compile_seconds = {
    SECONDS("sentinel_executor_compile_duration_seconds", "Wall time of compilers."), BY_LANGUAGE};
struct metric figure_run_seconds = {SECONDS("sentinel_executor_run_duration_seconds", "Wall time of a test's program."),
                                    BY_LANGUAGE};
struct metric figure_run_memory = {.name = "sentinel_executor_run_memory_bytes",
                                   .help = "Peak memory of a test's program.",
                                   .type = METRIC_HISTOGRAM,
                                   METRIC_BYTES,
                                   BY_LANGUAGE};
struct metric figure_reruns = {
    COUNTER("sentinel_executor_contended_reruns_total", "Runs made again because the machine was too busy to be fair."),
    BY_LANGUAGE};
struct metric figure_program_cache = {
    COUNTER("sentinel_executor_program_cache_total", "Compiled programs looked for in the cache."),
    .labels = {"result"}};
struct metric figure_warm_runs = {
    COUNTER("sentinel_warm_runs_total", "Tests in languages that run warm, by how they ran: warm or cold."),
    .labels = {"language", "how"}};
struct metric figure_warm_starts = {COUNTER("sentinel_warm_starts_total", "Interpreters started ahead of their runs."),
                                    BY_LANGUAGE};
struct metric figure_warm_compiles = {
    COUNTER("sentinel_warm_compilations_total",
            "Compilations in languages whose compiler stays, by how they ran: warm or cold."),
    .labels = {"language", "how"}};
struct metric figure_box_starts = {COUNTER("sentinel_executor_box_starts_total", "Boxes started.")};
struct metric figure_box_ends = {COUNTER("sentinel_executor_box_ends_total", "Boxes that ended, or never came up.")};
struct metric figure_box_start_seconds = {
    SECONDS("sentinel_executor_box_start_duration_seconds", "From a box's start to its first word.")};
struct metric figure_run_failures = {
    COUNTER("sentinel_executor_run_failures_total", "Runs that a box failed, through no fault of the program.")};
struct metric figure_errands = {COUNTER("sentinel_executor_errands_total", "What admins asked for beside jobs."),
                                .labels = {"kind", "outcome"}};
struct metric figure_run_setup_seconds = {
    SECONDS("sentinel_executor_run_setup_duration_seconds", "From a box's request to its program's start.")};
struct metric figure_run_cleanup_seconds = {
    SECONDS("sentinel_executor_run_cleanup_duration_seconds", "From a program's end to the box's answer.")};
static struct metric slots = {GAUGE("sentinel_executor_slots", "Slots, by what they do."), .labels = {"state"}};
static struct metric redis_up = {GAUGE("sentinel_redis_up", "1 when Redis is reached and accepted.")};

static struct metric *const all[] = {
    &figure_jobs,
    &figure_queue_seconds,
    &figure_job_seconds,
    &figure_compile_seconds,
    &figure_run_seconds,
    &figure_run_memory,
    &figure_reruns,
    &figure_program_cache,
    &figure_warm_runs,
    &figure_warm_starts,
    &figure_warm_compiles,
    &figure_box_starts,
    &figure_box_ends,
    &figure_box_start_seconds,
    &figure_run_failures,
    &figure_errands,
    &figure_run_setup_seconds,
    &figure_run_cleanup_seconds,
    &slots,
    &redis_up,
    &store_metric_seconds,
    &store_metric_connects,
};

/* Of a counter that is not there before its first event, Prometheus sees no increase. */
void figures_begin(const char *language)
{
    metric_add(&figure_jobs, 0, language, "failed");
    metric_add(&figure_jobs, 0, language, "given_back");
}

char *figures_text(const struct figures_now *now)
{
    struct buf text = {0};
    metric_set(&slots, (double)now->slots_busy, "busy");
    metric_set(&slots, (double)(now->slots_up - now->slots_busy), "idle");
    metric_set(&slots, (double)(now->slots - now->slots_up), "down");
    metric_set(&redis_up, now->redis_up ? 1 : 0);
    metrics_put_process(&text);
    metrics_put(&text, all, ARRAY_LEN(all));
    return buf_steal(&text);
}
