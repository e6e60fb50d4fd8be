/* Owns the cells of all metrics. A cell is found by a hash of its label values; nothing is allocated for one that is
 * known, so counting costs less than 0.1 µs. */
#include "metrics.h"
#include "version.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CELLS_MOST = 128, HISTOGRAM_CELLS_MOST = 20 };

struct metric_cell {
    char values[METRIC_LABELS_MOST][METRIC_VALUE_MOST + 1];
    double value;      /* a histogram's sum */
    uint64_t *buckets; /* histogram: observations in each, the infinite one last; not cumulated */
};

const char metrics_content_type[] = "text/plain; version=0.0.4; charset=utf-8";
const double metric_seconds[12] = {0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300};
const double metric_bytes[10] = {1e6, 2e6, 4e6, 8e6, 16e6, 32e6, 64e6, 128e6, 256e6, 1e9};

/* ---- cells ----------------------------------------------------------------------------------------------------- */

static size_t label_count(const struct metric *m)
{
    size_t count = 0;
    while (m->labels[count])
        count++;
    return count;
}

static size_t cells_most(const struct metric *m)
{
    return m->most ? m->most : m->type == METRIC_HISTOGRAM ? HISTOGRAM_CELLS_MOST : CELLS_MOST;
}

static void prepare(struct metric *m)
{
    if (m->table)
        return;
    size_t size = 4;
    while (size < 2 * (cells_most(m) + 1))
        size *= 2;
    m->mask = size - 1;
    m->table = xcalloc(size, sizeof *m->table);
    m->cells = xcalloc(cells_most(m) + 1, sizeof *m->cells);
}

static uint32_t hash_of(const struct metric *m, const char *const *values)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; m->labels[i]; i++) {
        assert(values[i]);
        for (size_t j = 0; j < METRIC_VALUE_MOST && values[i][j]; j++)
            hash = (hash ^ (unsigned char)values[i][j]) * 16777619u;
        hash = (hash ^ 0xff) * 16777619u;
    }
    return hash;
}

static bool cell_is(const struct metric *m, const struct metric_cell *cell, const char *const *values)
{
    for (size_t i = 0; m->labels[i]; i++) {
        assert(values[i]);
        if (strncmp(cell->values[i], values[i], METRIC_VALUE_MOST) != 0)
            return false;
    }
    return true;
}

/* The last cell is kept for "other", so that there is always one. */
static struct metric_cell *cell_of(struct metric *m, const char *const *values)
{
    static const char *const other[] = {"other", "other", "other"};
    prepare(m);
    for (;;) {
        size_t slot = hash_of(m, values) & m->mask;
        while (m->table[slot]) {
            struct metric_cell *cell = &m->cells[m->table[slot] - 1];
            if (cell_is(m, cell, values))
                return cell;
            slot = (slot + 1) & m->mask;
        }
        if (m->count < cells_most(m) || values == other) {
            struct metric_cell *cell = &m->cells[m->count++];
            for (size_t i = 0; m->labels[i]; i++)
                strncpy(cell->values[i], values[i], METRIC_VALUE_MOST);
            if (m->type == METRIC_HISTOGRAM)
                cell->buckets = xcalloc(m->bound_count + 1, sizeof *cell->buckets);
            m->table[slot] = m->count;
            return cell;
        }
        values = other;
    }
}

void metric_add_to(struct metric *metric, double amount, const char *const *values)
{
    assert(metric->type != METRIC_HISTOGRAM);
    cell_of(metric, values)->value += amount;
}

void metric_set_to(struct metric *metric, double value, const char *const *values)
{
    assert(metric->type == METRIC_GAUGE || metric->type == METRIC_COUNTER); /* a counter that another keeps */
    cell_of(metric, values)->value = value;
}

void metric_observe_to(struct metric *metric, double value, const char *const *values)
{
    assert(metric->type == METRIC_HISTOGRAM);
    struct metric_cell *cell = cell_of(metric, values);
    size_t i = 0;
    while (i < metric->bound_count && value > metric->bounds[i])
        i++;
    cell->buckets[i]++;
    cell->value += value;
}

void metric_clear(struct metric *metric)
{
    for (size_t i = 0; i < metric->count; i++)
        free(metric->cells[i].buckets);
    free(metric->cells);
    free(metric->table);
    metric->cells = NULL;
    metric->table = NULL;
    metric->count = 0;
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

static void put_number(struct buf *out, double value)
{
    if (fabs(value) < 9e15 && value == (double)(int64_t)value)
        buf_printf(out, " %" PRId64 "\n", (int64_t)value);
    else
        buf_printf(out, " %.9g\n", value);
}

static void put_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_str(out, "\\n");
        else if (*text == '\\' || *text == '"')
            buf_printf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
            buf_add_char(out, '?'); /* nothing of ours has it */
        else
            buf_add_char(out, *text);
    }
}

/* {a="1",b="2",le="0.5"}; le may be NULL. */
static void put_labels(struct buf *out, const struct metric *m, const struct metric_cell *cell, const char *le)
{
    const char *before = "{";
    for (size_t i = 0; m->labels[i]; i++, before = ",") {
        buf_printf(out, "%s%s=\"", before, m->labels[i]);
        put_escaped(out, cell->values[i]);
        buf_add_char(out, '"');
    }
    if (le)
        buf_printf(out, "%sle=\"%s\"", before, le);
    if (le || m->labels[0])
        buf_add_char(out, '}');
}

static void put_histogram(struct buf *out, const struct metric *m, const struct metric_cell *cell)
{
    uint64_t seen = 0;
    for (size_t i = 0; i <= m->bound_count; i++) {
        char le[32] = "+Inf";
        if (i < m->bound_count)
            snprintf(le, sizeof le, "%g", m->bounds[i]);
        seen += cell->buckets[i];
        buf_printf(out, "%s_bucket", m->name);
        put_labels(out, m, cell, le);
        buf_printf(out, " %" PRIu64 "\n", seen);
    }
    buf_printf(out, "%s_sum", m->name);
    put_labels(out, m, cell, NULL);
    put_number(out, cell->value);
    buf_printf(out, "%s_count", m->name);
    put_labels(out, m, cell, NULL);
    buf_printf(out, " %" PRIu64 "\n", seen);
}

static void put_head(struct buf *out, const char *name, const char *help, enum metric_type type)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

static void put_metric(struct buf *out, struct metric *m)
{
    static const char *const none[1] = {NULL};
    if (label_count(m) == 0)
        (void)cell_of(m, none);
    if (m->count == 0)
        return;
    put_head(out, m->name, m->help, m->type);
    for (size_t i = 0; i < m->count; i++) {
        if (m->type == METRIC_HISTOGRAM) {
            put_histogram(out, m, &m->cells[i]);
            continue;
        }
        buf_add_str(out, m->name);
        put_labels(out, m, &m->cells[i], NULL);
        put_number(out, m->cells[i].value);
    }
}

void metrics_put(struct buf *out, struct metric *const *metrics, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_metric(out, metrics[i]);
}

/* ---- the process ----------------------------------------------------------------------------------------------- */

static void put_figure(struct buf *out, const char *name, const char *help, enum metric_type type, double value)
{
    put_head(out, name, help, type);
    buf_add_str(out, name);
    put_number(out, value);
}

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = -3; /* . and .. and the folder's own */
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

void metrics_put_process(struct buf *out)
{
    static time_t started;
    struct timespec cpu;
    long pages = 0;
    if (!started)
        started = time(NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm && fscanf(statm, "%*d %ld", &pages) != 1) /* NOLINT(cert-err34-c): the kernel's own numbers */
        pages = 0;
    if (statm)
        (void)fclose(statm);
    put_head(out, "sentinel_build_info", "The version that runs; always 1.", METRIC_GAUGE);
    buf_printf(out, "sentinel_build_info{version=\"%s\"} 1\n", SENTINEL_VERSION);
    put_figure(out, "process_start_time_seconds", "When the process began, since the epoch.", METRIC_GAUGE,
               (double)started);
    put_figure(out, "process_cpu_seconds_total", "CPU time of the process.", METRIC_COUNTER,
               (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    put_figure(out, "process_resident_memory_bytes", "Memory of the process.", METRIC_GAUGE,
               (double)pages * (double)sysconf(_SC_PAGESIZE));
    put_figure(out, "process_open_fds", "Open descriptors.", METRIC_GAUGE, count_descriptors());
}
