/* Owns nothing; fills and trims what its caller owns. */
#include "result.h"

const char *result_tier_name(uint32_t tier)
{
    static const char *const names[] = {"none", "B", "A-", "A"};
    return tier < ARRAY_LEN(names) ? names[tier] : "unknown";
}

/* How many of `len` bytes to keep so that a cut does not leave half a UTF-8 sequence behind: text stays text. */
static size_t whole_sequences(const char *data, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char c = (unsigned char)data[len - back];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t wants = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return wants > back ? len - back : len;
    }
    return len;
}

/* A stream of which `total` bytes were written and the first `kept` are here. */
static struct bytes keep(const char *data, uint64_t kept, uint64_t total)
{
    size_t len = kept < total ? whole_sequences(data, kept) : kept;
    return (struct bytes){.data = xmemdup(data, len), .len = len};
}

static enum run_end end_of(uint32_t cause)
{
    static const enum run_end ends[] = {
        [BOX_CAUSE_SELF] = RUN_END_ITSELF,         [BOX_CAUSE_CPU] = RUN_END_CPU,
        [BOX_CAUSE_WALL] = RUN_END_WALL,           [BOX_CAUSE_MEMORY] = RUN_END_MEMORY,
        [BOX_CAUSE_OUTPUT] = RUN_END_OUTPUT,       [BOX_CAUSE_SCRATCH] = RUN_END_SCRATCH,
        [BOX_CAUSE_PROCESSES] = RUN_END_PROCESSES,
    };
    return cause < ARRAY_LEN(ends) ? ends[cause] : RUN_END_ITSELF;
}

void result_set_run(struct run_figures *ret_run, const struct box_reply *reply, const struct limits *limits,
                    const char *out, const char *errout, const char *reason)
{
    *ret_run = (struct run_figures){
        .cpu_us = (int64_t)reply->cpu_us,
        .wall_us = (int64_t)reply->wall_us,
        .memory_kb = (int64_t)(reply->memory_peak_bytes / 1024),
        .exit_code = reply->exit_code,
        .signal = reply->signal,
        .oom_kills = (int64_t)reply->oom_kills,
        .limits = *limits,
        .out = keep(out, reply->stdout_kept, reply->stdout_total),
        .errout = keep(errout, reply->stderr_kept, reply->stderr_total),
        .out_total = (int64_t)reply->stdout_total,
        .errout_total = (int64_t)reply->stderr_total,
        .end = end_of(reply->cause),
        .waited_us = (int64_t)reply->runqueue_us,
        .warm = reply->warm != BOX_COLD,
        .truncated = reply->stdout_kept < reply->stdout_total || reply->stderr_kept < reply->stderr_total,
        .reason = reason && *reason ? xstrdup(reason) : NULL,
    };
}

/* What a byte takes in JSON: "\\u0001", "\\n", or itself. */
static size_t json_cost(char c)
{
    if (c == '"' || c == '\\' || (c >= '\b' && c <= '\r' && c != '\v'))
        return 2;
    return (unsigned char)c < 0x20 || c == 0x7f ? 6 : 1;
}

/* Takes off *budget what the stream takes in JSON, so that no reply is many times larger than what was kept; cuts the
 * stream when it is too much. To the byte: whole sequences would leave a rest that depends on the order of calls. */
static void share_stream(struct bytes *stream, size_t *budget, bool *truncated)
{
    size_t len = 0;
    while (len < stream->len && json_cost(stream->data[len]) <= *budget)
        *budget -= json_cost(stream->data[len++]);
    if (len < stream->len) {
        *budget = 0; /* nothing behind it gets in front of it */
        stream->len = len;
        stream->data = xrealloc(stream->data, stream->len + 1);
        stream->data[stream->len] = '\0';
        *truncated = true;
    }
}

static void share_run(struct run_figures *run, size_t *budget)
{
    share_stream(&run->out, budget, &run->truncated);
    share_stream(&run->errout, budget, &run->truncated);
}

void result_share_output(struct job_result *result, size_t budget)
{
    share_run(&result->compile.run, &budget);
    for (size_t i = 0; i < result->test_count; i++)
        share_run(&result->tests[i].run, &budget);
}

void result_skip_test(struct test_result *test, const char *reason)
{
    run_figures_finish(&test->run);
    *test = (struct test_result){
        .verdict = VERDICT_SKIPPED,
        .run = {.exit_code = -1, .reason = reason ? xstrdup(reason) : NULL},
    };
}
