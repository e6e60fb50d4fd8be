/* The events come from Redis, one a script that changed the job; the times of the boxes from the stored result. */
#include "trace.h"

#include <string.h>

static void put_event(struct json_writer *w, const struct store_trace *trace)
{
    char time[RFC3339_SIZE];
    bool claimed = strcmp(trace->event, "claimed") == 0;
    format_rfc3339(trace->at_ms, time);
    json_open(w, NULL, '{');
    json_put_str(w, "time", time);
    json_put_str(w, "event", trace->event);
    json_put_int(w, "attempt", trace->attempts);
    json_put_int(w, "renewals", trace->renewals);
    if (trace->detail_len > 0)
        json_put_bytes(w, claimed ? "executor" : "reason", trace->detail, trace->detail_len);
    json_close(w, '}');
}

static void put_box_times(struct json_writer *w, const struct job_result *result)
{
    json_open(w, "box", '{');
    if (result->compile.present && !result->compile.cached)
        json_put_double(w, "compileMs", (double)result->compile.run.wall_us / 1000.0);
    json_open(w, "testsMs", '[');
    for (size_t i = 0; i < result->test_count; i++)
        json_put_double(w, NULL, (double)result->tests[i].run.wall_us / 1000.0);
    json_close(w, ']');
    json_put_int(w, "totalMs", result->execution_ms);
    json_close(w, '}');
}

void trace_put(struct json_writer *w, const struct reply_job *reply)
{
    struct store_trace trace;
    const char *at = reply->job->trace;
    json_open(w, "trace", '{');
    json_open(w, "events", '[');
    while (store_trace_next(&at, &trace))
        put_event(w, &trace);
    json_close(w, ']');
    if (reply->result)
        put_box_times(w, reply->result);
    json_close(w, '}');
}
