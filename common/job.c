/* Names, transitions and ownership of the job model. Pure. */
#include "job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[] = {
    [JOB_QUEUED] = "queued", [JOB_RUNNING] = "running",     [JOB_COMPLETED] = "completed",
    [JOB_FAILED] = "failed", [JOB_CANCELLED] = "cancelled", [JOB_EXPIRED] = "expired",
};

static const char *const verdict_names[] = {
    [VERDICT_ACCEPTED] = "accepted",
    [VERDICT_WRONG_ANSWER] = "wrong_answer",
    [VERDICT_COMPILE_ERROR] = "compile_error",
    [VERDICT_RUNTIME_ERROR] = "runtime_error",
    [VERDICT_CPU_TIME_EXCEEDED] = "cpu_time_exceeded",
    [VERDICT_WALL_TIME_EXCEEDED] = "wall_time_exceeded",
    [VERDICT_MEMORY_EXCEEDED] = "memory_exceeded",
    [VERDICT_OUTPUT_EXCEEDED] = "output_exceeded",
    [VERDICT_DENIED] = "denied",
    [VERDICT_INTERNAL_ERROR] = "internal_error",
    [VERDICT_SKIPPED] = "skipped",
};

static int find_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -EINVAL;
}

const char *job_state_name(enum job_state state)
{
    assert(state < ARRAY_LEN(state_names));
    return state_names[state];
}

const char *verdict_name(enum verdict verdict)
{
    assert(verdict < ARRAY_LEN(verdict_names));
    return verdict_names[verdict];
}

const char *compare_name(enum compare_kind kind)
{
    static const char *const names[] = {"trim", "exact", "tokens", "float"};
    assert(kind < ARRAY_LEN(names));
    return names[kind];
}

static const char *const run_end_names[] = {
    [RUN_END_ITSELF] = "itself",       [RUN_END_CPU] = "cpuTime",   [RUN_END_WALL] = "wallTime",
    [RUN_END_MEMORY] = "memory",       [RUN_END_OUTPUT] = "output", [RUN_END_SCRATCH] = "scratch",
    [RUN_END_PROCESSES] = "processes",
};

const char *run_end_name(enum run_end end)
{
    assert(end < ARRAY_LEN(run_end_names));
    return run_end_names[end];
}

int run_end_parse(const char *name, enum run_end *ret_end)
{
    int found = find_name(run_end_names, ARRAY_LEN(run_end_names), name);
    if (found >= 0)
        *ret_end = (enum run_end)found;
    return found < 0 ? found : 0;
}

int job_state_parse(const char *name, enum job_state *ret_state)
{
    int found = find_name(state_names, ARRAY_LEN(state_names), name);
    if (found >= 0)
        *ret_state = (enum job_state)found;
    return found < 0 ? found : 0;
}

int verdict_parse(const char *name, enum verdict *ret_verdict)
{
    int found = find_name(verdict_names, ARRAY_LEN(verdict_names), name);
    if (found >= 0)
        *ret_verdict = (enum verdict)found;
    return found < 0 ? found : 0;
}

bool job_state_final(enum job_state state)
{
    return state != JOB_QUEUED && state != JOB_RUNNING;
}

bool job_state_may_follow(enum job_state from, enum job_state to)
{
    switch (from) {
    case JOB_QUEUED:
        return to == JOB_RUNNING || to == JOB_CANCELLED || to == JOB_EXPIRED;
    case JOB_RUNNING: /* back to the queue when its executor gave it up or vanished */
        return to == JOB_COMPLETED || to == JOB_FAILED || to == JOB_CANCELLED || to == JOB_QUEUED;
    case JOB_FAILED: /* an operator retries from the dead list */
        return to == JOB_QUEUED;
    case JOB_COMPLETED:
    case JOB_CANCELLED:
    case JOB_EXPIRED:
        return false;
    }
    abort();
}

void job_id_make(const char *language, char *out)
{
    char uuid[UUID_SIZE];
    uuid4(uuid);
    snprintf(out, JOB_ID_SIZE, "%.*s-%s", JOB_LANGUAGE_MAX, language, uuid);
}

static bool is_uuid(const char *s)
{
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !s[i] || !strchr("0123456789abcdef", s[i]))
            return false;
    }
    return s[36] == '\0';
}

int job_id_language(const char *id, char *out)
{
    size_t len = 0;
    while ((id[len] >= 'a' && id[len] <= 'z') || (len > 0 && id[len] >= '0' && id[len] <= '9'))
        len++;
    if (len == 0 || len > JOB_LANGUAGE_MAX || id[len] != '-' || !is_uuid(id + len + 1))
        return -EINVAL;
    memcpy(out, id, len);
    out[len] = '\0';
    return 0;
}

enum verdict job_verdict(const struct test_result *tests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tests[i].verdict != VERDICT_ACCEPTED)
            return tests[i].verdict;
    return VERDICT_ACCEPTED;
}

/* ---- ownership ------------------------------------------------------------------------------------------------ */

/* Not in the middle of a character. */
static bool cut(struct bytes *b)
{
    if (b->len <= TEST_EVENT_OUTPUT_MAX)
        return false;
    b->len = TEST_EVENT_OUTPUT_MAX;
    for (int i = 0; i < 3 && ((unsigned char)b->data[b->len] & 0xc0) == 0x80; i++)
        b->len--;
    return true;
}

struct test_event test_event_of(const struct submission *s, const struct test_result *result, size_t index)
{
    const struct test_case *test = &s->tests[index];
    struct test_event event = {.index = index, .name = test->name, .hidden = test->hidden, .result = *result};
    struct run_figures *run = &event.result.run;
    if (test->hidden) {
        run->out = run->errout = (struct bytes){0};
        run->reason = NULL;
        run->exit_code = -1;
        run->signal = 0;
        run->out_total = run->errout_total = 0;
    } else {
        bool out_cut = cut(&run->out), errout_cut = cut(&run->errout);
        run->truncated = run->truncated || out_cut || errout_cut;
    }
    return event;
}

void bytes_finish(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

void submission_finish(struct submission *s)
{
    for (size_t i = 0; i < s->file_count; i++) {
        free(s->files[i].name);
        bytes_finish(&s->files[i].content);
    }
    for (size_t i = 0; i < s->test_count; i++) {
        free(s->tests[i].name);
        bytes_finish(&s->tests[i].input);
        bytes_finish(&s->tests[i].expected);
    }
    strings_free(s->args, s->arg_count);
    strings_free(s->compile_flags, s->compile_flag_count);
    free(s->files);
    free(s->tests);
    free(s->language);
    free(s->user_id);
    free(s->metadata);
    free(s->callback_url);
    *s = (struct submission){0};
}

void run_figures_finish(struct run_figures *r)
{
    bytes_finish(&r->out);
    bytes_finish(&r->errout);
    free(r->reason);
    *r = (struct run_figures){0};
}

struct run_figures run_figures_copy(const struct run_figures *r)
{
    struct run_figures copy = *r;
    copy.out.data = r->out.data ? xmemdup(r->out.data, r->out.len) : NULL;
    copy.errout.data = r->errout.data ? xmemdup(r->errout.data, r->errout.len) : NULL;
    copy.reason = r->reason ? xstrdup(r->reason) : NULL;
    return copy;
}

void job_result_finish(struct job_result *r)
{
    run_figures_finish(&r->compile.run);
    for (size_t i = 0; i < r->test_count; i++)
        run_figures_finish(&r->tests[i].run);
    free(r->tests);
    free(r->reason);
    free(r->tier);
    free(r->isolation);
    free(r->executor);
    free(r->toolchain);
    *r = (struct job_result){0};
}

void test_event_finish(struct test_event *event)
{
    free(event->name);
    run_figures_finish(&event->result.run);
    *event = (struct test_event){0};
}
