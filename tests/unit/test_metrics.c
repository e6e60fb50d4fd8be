/* metrics.[ch]: Prometheus' text form, and that no value of a label makes it grow without end. */
#include "metrics.h"
#include "tap.h"

static struct metric plain = {.name = "t_plain_total", .help = "Plain.", .type = METRIC_COUNTER};
static struct metric labelled = {.name = "t_labelled", .help = "Labelled.", .type = METRIC_GAUGE, .labels = {"a", "b"}};
static const double bounds[] = {0.5, 1};
static struct metric histogram = {.name = "t_seconds",
                                  .help = "Histogram.",
                                  .type = METRIC_HISTOGRAM,
                                  .labels = {"a"},
                                  .bounds = bounds,
                                  .bound_count = ARRAY_LEN(bounds)};
static struct metric *const all[] = {&plain, &labelled, &histogram};

static char *text(void)
{
    struct buf out = {0};
    metrics_put(&out, all, ARRAY_LEN(all));
    return buf_steal(&out);
}

static void test_text(void)
{
    cleanup_free char *before = text();
    is_str(before, "# HELP t_plain_total Plain.\n# TYPE t_plain_total counter\nt_plain_total 0\n",
           "what has no label is there from the start");
    metric_add(&plain, 2);
    metric_add(&plain, 0.5);
    metric_set(&labelled, -1, "x", "y\"\\\n\x01\xff");
    metric_set(&labelled, 7, "x", "");
    metric_observe(&histogram, 0.5, "x");
    metric_observe(&histogram, 0.75, "x");
    metric_observe(&histogram, 99, "x");
    cleanup_free char *after = text();
    is_str(after,
           "# HELP t_plain_total Plain.\n# TYPE t_plain_total counter\nt_plain_total 2.5\n"
           "# HELP t_labelled Labelled.\n# TYPE t_labelled gauge\n"
           "t_labelled{a=\"x\",b=\"y\\\"\\\\\\n??\"} -1\nt_labelled{a=\"x\",b=\"\"} 7\n"
           "# HELP t_seconds Histogram.\n# TYPE t_seconds histogram\n"
           "t_seconds_bucket{a=\"x\",le=\"0.5\"} 1\nt_seconds_bucket{a=\"x\",le=\"1\"} 2\n"
           "t_seconds_bucket{a=\"x\",le=\"+Inf\"} 3\nt_seconds_sum{a=\"x\"} 100.25\nt_seconds_count{a=\"x\"} 3\n",
           "counter, gauge, histogram");
}

/* Ten million hostile values. */
static void test_bounds(void)
{
    enum { MANY = 5000000 };
    metric_clear(&labelled);
    metric_clear(&histogram);
    char value[4 * METRIC_VALUE_MOST];
    memset(value, '"', sizeof value - 1); /* each is two bytes of text */
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < MANY; i++) {
        for (int rest = i, at = 0; at < 8; at++, rest /= 10)
            value[at] = (char)('0' + rest % 10);
        metric_add(&labelled, 1, value, value);
        metric_observe(&histogram, 1, value);
    }
    cleanup_free char *out = text();
    ok(strlen(out) < 50000, "it stays small, whatever values come: %zu bytes", strlen(out));
    ok(strstr(out, "t_labelled{a=\"other\",b=\"other\"} 4999872\n") != NULL, "the rest is counted under other");
    ok(strstr(out, "t_seconds_count{a=\"other\"} 4999980\n") != NULL, "in histograms too");
    metric_clear(&labelled);
    metric_clear(&histogram);
    metric_clear(&plain);
}

int main(void)
{
    test_text();
    test_bounds();
    return done_testing();
}
