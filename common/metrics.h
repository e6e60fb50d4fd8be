/* Figures for Prometheus: counters, gauges and histograms in the process' memory, and their text form.
 *
 * A metric is a static struct that its owner defines and a program lists. Label values must come from closed sets:
 * route patterns, status codes, language names. Should one not, the bound on each metric's cells holds: what does not
 * fit is counted under "other". */
#ifndef SENTINEL_METRICS_H
#define SENTINEL_METRICS_H

#include "buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum { METRIC_LABELS_MOST = 3, METRIC_VALUE_MOST = 48 /* bytes of a label's value; longer ones are cut */ };

struct metric {
    const char *name; /* by convention: sentinel_…, base unit, _total behind a counter's */
    const char *help;
    enum metric_type type;
    const char *labels[METRIC_LABELS_MOST + 1]; /* names, up to the first NULL */
    const double *bounds;                       /* METRIC_HISTOGRAM: upper bounds, rising, without the infinite one */
    size_t bound_count;
    size_t most; /* cells; 0: 128, or 20 of a histogram */

    /* metrics.c's */
    struct metric_cell *cells;
    size_t count;
    size_t *table; /* open addressing: position in cells + 1 */
    size_t mask;
};

/* Each label's value in the order of the names; as many as there are names. */
#define METRIC_VALUES(...) ((const char *const[]){"", ##__VA_ARGS__} + 1)
#define metric_add(metric, amount, ...) metric_add_to((metric), (amount), METRIC_VALUES(__VA_ARGS__))
#define metric_set(metric, value, ...) metric_set_to((metric), (value), METRIC_VALUES(__VA_ARGS__))
#define metric_observe(metric, value, ...) metric_observe_to((metric), (value), METRIC_VALUES(__VA_ARGS__))
void metric_add_to(struct metric *metric, double amount, const char *const *values);
void metric_set_to(struct metric *metric, double value, const char *const *values);
void metric_observe_to(struct metric *metric, double value, const char *const *values);

/* Forgets all cells: before a gauge is set anew from what is there now. */
void metric_clear(struct metric *metric);

/* The metrics in Prometheus' text format 0.0.4. Those without labels are there from the start, as 0. */
extern const char metrics_content_type[];
void metrics_put(struct buf *out, struct metric *const *metrics, size_t count);
/* What every program has: process_cpu_seconds_total, process_resident_memory_bytes and the like, and the version. */
void metrics_put_process(struct buf *out);

/* Bounds that suit most: 1 ms to 5 min, and 1 MB to 1 GB. */
extern const double metric_seconds[12];
extern const double metric_bytes[10];
#define METRIC_SECONDS .bounds = metric_seconds, .bound_count = ARRAY_LEN(metric_seconds)
#define METRIC_BYTES .bounds = metric_bytes, .bound_count = ARRAY_LEN(metric_bytes)

#endif
