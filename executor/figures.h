/* What an executor counts, and the port on which it tells. */
#ifndef SENTINEL_EXECUTOR_FIGURES_H
#define SENTINEL_EXECUTOR_FIGURES_H

#include "metrics.h"

#include <uv.h>

extern struct metric figure_jobs;            /* language, outcome */
extern struct metric figure_queue_seconds;   /* language */
extern struct metric figure_job_seconds;     /* language */
extern struct metric figure_compile_seconds; /* language */
extern struct metric figure_run_seconds;     /* language */
extern struct metric figure_run_memory;      /* language */
extern struct metric figure_reruns;          /* language */
extern struct metric figure_program_cache;   /* result: hit or miss */
extern struct metric figure_warm_runs;       /* language, how: warm or cold */
extern struct metric figure_warm_starts;     /* language */
extern struct metric figure_warm_compiles;   /* language, how: warm or cold */
extern struct metric figure_box_starts;
extern struct metric figure_box_ends;
extern struct metric figure_box_start_seconds;
extern struct metric figure_run_failures;
extern struct metric figure_errands; /* kind: prepare or sweep; outcome: done or failed */
extern struct metric figure_run_setup_seconds;
extern struct metric figure_run_cleanup_seconds;

/* For each language that is served, before jobs are: what alerts count is there as 0. */
void figures_begin(const char *language);

/* How things are now, asked for at each scrape. */
struct figures_now {
    int64_t slots, slots_up, slots_busy;
    bool redis_up;
};

struct metrics_port;

/* GET /metrics, and for probes /livez and /readyz (200: Redis and a box are there), on a port of its own: small, one
 * request a connection, few connections, all with a time limit. The message of an error names host and port. */
int metrics_port_create(uv_loop_t *loop, const char *host, int port,
                        void (*now)(void *arg, struct figures_now *ret_now), void *arg, struct metrics_port **ret_port,
                        struct err *err) MUST_USE;
/* NULL is allowed. Its handles close with the loop's next turns. */
void metrics_port_destroy(struct metrics_port *port);
int metrics_port_number(const struct metrics_port *port);

/* The text, freed by the caller. */
char *figures_text(const struct figures_now *now) MUST_USE;

#endif
