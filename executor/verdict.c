/* Words for how runs end. Owns no state. */
#include "verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static double peak_mb(const struct box_reply *r)
{
    return (double)r->memory_peak_bytes / (1024 * 1024);
}

static void explain_memory(const struct box_reply *r, int64_t limit_mb, char *reason)
{
    if (*r->message)
        snprintf(reason, VERDICT_REASON_SIZE, "%.100s; the run had %.1f MB of %" PRId64 " MB", r->message, peak_mb(r),
                 limit_mb);
    else if (r->oom_kills)
        snprintf(reason, VERDICT_REASON_SIZE,
                 "the memory cgroup killed %" PRIu64 " process%s; peak %.1f MB of %" PRId64 " MB", r->oom_kills,
                 r->oom_kills == 1 ? "" : "es", peak_mb(r), limit_mb);
    else
        snprintf(reason, VERDICT_REASON_SIZE, "used %.1f MB of %" PRId64 " MB of memory", peak_mb(r), limit_mb);
}

static void explain_output(const struct box_reply *r, const struct limits *limits, char *reason)
{
    bool out = r->stdout_total > (uint64_t)limits->output_kb * 1024;
    snprintf(reason, VERDICT_REASON_SIZE, "wrote %" PRIu64 " bytes to %s, %" PRId64 " KB are allowed",
             out ? r->stdout_total : r->stderr_total, out ? "stdout" : "stderr", limits->output_kb);
}

static enum verdict of_own_end(const struct box_reply *r, const struct limits *limits, char *reason)
{
    if (r->signal == SIGSYS) {
        snprintf(reason, VERDICT_REASON_SIZE, "killed by the system call filter (SIGSYS)");
        return VERDICT_DENIED;
    }
    if (r->signal == SIGXFSZ) {
        snprintf(reason, VERDICT_REASON_SIZE, "wrote a file larger than %" PRId64 " KB (SIGXFSZ)", limits->file_kb);
        return VERDICT_OUTPUT_EXCEEDED;
    }
    if (r->signal) {
        const char *name = sigabbrev_np(r->signal), *text = sigdescr_np(r->signal);
        snprintf(reason, VERDICT_REASON_SIZE, "killed by signal %d (SIG%s: %s)", r->signal, name ? name : "RT",
                 text ? text : "real-time signal");
        return VERDICT_RUNTIME_ERROR;
    }
    if (r->exit_code != 0) {
        snprintf(reason, VERDICT_REASON_SIZE, "exited with code %d", r->exit_code);
        return VERDICT_RUNTIME_ERROR;
    }
    return VERDICT_ACCEPTED;
}

/* A runtime that manages its own heap ends with a message, not by the kernel's hand. A program that prints the same
 * text and fails has failed either way. */
static bool said_out_of_memory(const struct box_reply *r, const struct lang_step *step, const char *errout,
                               char *reason)
{
    for (size_t i = 0; i < step->out_of_memory_count; i++) {
        const char *text = step->out_of_memory[i];
        if (!memmem(errout, r->stderr_kept, text, strlen(text)))
            continue;
        snprintf(reason, VERDICT_REASON_SIZE, "the runtime ended with \"%.100s\"; peak %.1f MB", text, peak_mb(r));
        return true;
    }
    return false;
}

enum verdict verdict_of_reply(const struct box_reply *reply, const struct lang_step *step, const struct limits *limits,
                              const char *errout, char *reason)
{
    enum verdict verdict;
    assert(reply->status == BOX_OK);
    reason[0] = '\0';
    switch ((enum box_cause)reply->cause) {
    case BOX_CAUSE_SELF:
        verdict = of_own_end(reply, limits, reason);
        return verdict == VERDICT_RUNTIME_ERROR && said_out_of_memory(reply, step, errout, reason)
                   ? VERDICT_MEMORY_EXCEEDED
                   : verdict;
    case BOX_CAUSE_CPU:
        snprintf(reason, VERDICT_REASON_SIZE, "used %" PRIu64 " ms of %" PRId64 " ms of CPU time", reply->cpu_us / 1000,
                 limits->cpu_ms);
        return VERDICT_CPU_TIME_EXCEEDED;
    case BOX_CAUSE_WALL:
        snprintf(reason, VERDICT_REASON_SIZE,
                 "took %" PRIu64 " ms of %" PRId64 " ms of wall time (CPU time %" PRIu64
                 " ms, waiting for a processor %" PRIu64 " ms)",
                 reply->wall_us / 1000, limits->wall_ms, reply->cpu_us / 1000, reply->runqueue_us / 1000);
        return VERDICT_WALL_TIME_EXCEEDED;
    case BOX_CAUSE_MEMORY:
        explain_memory(reply, limits->memory_mb + step->memory_overhead_mb, reason);
        return VERDICT_MEMORY_EXCEEDED;
    case BOX_CAUSE_OUTPUT:
        explain_output(reply, limits, reason);
        return VERDICT_OUTPUT_EXCEEDED;
    case BOX_CAUSE_SCRATCH:
        snprintf(reason, VERDICT_REASON_SIZE, "its files took more than the work directory may hold, or were too many");
        return VERDICT_OUTPUT_EXCEEDED;
    case BOX_CAUSE_PROCESSES:
        snprintf(reason, VERDICT_REASON_SIZE, "had more than %" PRId64 " processes and threads", limits->processes);
        return VERDICT_RUNTIME_ERROR;
    case BOX_CAUSE_CANCEL:
        break;
    }
    snprintf(reason, VERDICT_REASON_SIZE, "the box answered with cause %" PRIu32, reply->cause);
    return VERDICT_INTERNAL_ERROR;
}

bool verdict_contended(const struct box_reply *reply, const struct limits *limits)
{
    uint64_t share_us = reply->wall_us * (uint64_t)limits->cpus_milli / 1000;
    return reply->cause == BOX_CAUSE_WALL && reply->runqueue_us >= reply->wall_us / 2 && reply->cpu_us < share_us / 2;
}
