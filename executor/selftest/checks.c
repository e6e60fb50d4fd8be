/* Owns no state. */
#include "checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { UNSEEN_PROCESSES = 33 }; /* that tier B lets pass above the limit where others share the id */

const char every_byte[] = "", megabyte[] = "";

struct bytes input_of(const struct step *step)
{
    size_t len = step->input == every_byte ? 4096 : step->input == megabyte ? 1 << 20 : 0;
    if (len == 0)
        return (struct bytes){.data = xstrdup(step->input ? step->input : ""),
                              .len = step->input ? strlen(step->input) : 0};
    struct bytes b = {.data = xmalloc(len + 1), .len = len};
    for (size_t i = 0; i <= len; i++)
        b.data[i] = (char)(i & 0xff);
    return b;
}

bool good_whatever(const struct step *step, const struct box_answer *answer)
{
    (void)step;
    return answer->reply->status == BOX_OK;
}

bool good_every_byte(const struct step *step, const struct box_answer *answer)
{
    struct bytes sent = input_of(step);
    bool same = answer->reply->stdout_kept == sent.len && memcmp(answer->out, sent.data, sent.len) == 0;
    bytes_finish(&sent);
    return same;
}

/* To the byte what the limit allows, all of it the program's. */
bool good_flood(const struct step *step, const struct box_answer *answer)
{
    const struct box_reply *r = answer->reply;
    size_t limit = step->limits.output_bytes ? step->limits.output_bytes : 64 << 10;
    const char *kept = r->stdout_kept ? answer->out : answer->errout;
    if (r->stdout_kept + r->stderr_kept != limit || r->stdout_total + r->stderr_total <= limit)
        return false;
    for (size_t i = 0; i < limit; i++)
        if (kept[i] != 'y')
            return false;
    return true;
}

bool good_gains_nothing(const struct step *step, const struct box_answer *answer)
{
    (void)step;
    return memmem(answer->out, answer->reply->stdout_kept, "gains: 0\n", 9) != NULL;
}

bool good_no_such_call(const struct step *step, const struct box_answer *answer)
{
    const struct box_reply *r = answer->reply;
    (void)step;
    return r->signal == SIGSYS || (r->stdout_kept == 7 && memcmp(answer->out, "ENOSYS\n", 7) == 0);
}

bool good_nothing_collected(const struct step *step, const struct box_answer *answer)
{
    (void)step;
    return answer->reply->collected == 0 && answer->collected.fd < 0;
}

/* What the probe wrote itself: files of 'x', and none of another name than was asked for. */
bool good_only_own_files(const struct step *step, const struct box_answer *answer)
{
    const struct bundle *b = &answer->collected;
    const char *name = b->names;
    off_t offset = 0;
    for (uint32_t i = 0; i < b->count; i++, name += strlen(name) + 1) {
        size_t size = b->files[i].size;
        if (size == 0)
            continue;
        char *at = mmap(NULL, (size_t)offset + size, PROT_READ, MAP_SHARED, b->fd, 0);
        bool own = at != MAP_FAILED;
        for (size_t k = 0; own && k < size; k++)
            own = at[(size_t)offset + k] == 'x';
        if (at != MAP_FAILED)
            munmap(at, (size_t)offset + size);
        if (!own || strstr(name, "passwd"))
            return false;
        offset += (off_t)size;
    }
    return answer->reply->status == BOX_OK && step->collect;
}

static bool shows_a_secret(const struct box_answer *answer)
{
    return memmem(answer->out, answer->reply->stdout_kept, "root:", 5) ||
           memmem(answer->errout, answer->reply->stderr_kept, "root:", 5);
}

bool good_refused_compilation(const struct step *step, const struct box_answer *answer)
{
    return good_nothing_collected(step, answer) && answer->reply->exit_code != 0 && !shows_a_secret(answer);
}

bool good_compilation_ends(const struct step *step, const struct box_answer *answer)
{
    const struct box_reply *r = answer->reply;
    return good_nothing_collected(step, answer) && (r->cause != BOX_CAUSE_SELF || r->exit_code != 0) &&
           r->stdout_kept <= 64 << 10 && r->stderr_kept <= 64 << 10;
}

/* To the limit where the id that they are counted for is the box's own; elsewhere more than some are seen. */
bool good_few_processes(const struct step *step, const struct box_answer *answer)
{
    const struct box_reply *r = answer->reply;
    unsigned long made = r->stdout_kept ? strtoul(answer->out, NULL, 10) : 0;
    return r->cause == BOX_CAUSE_PROCESSES || (made > 0 && made < step->limits.processes + UNSEEN_PROCESSES);
}

/* The number of descriptors bounds them where nothing counts their memory. */
bool good_too_many_files(const struct step *step, const struct box_answer *answer)
{
    const struct box_reply *r = answer->reply;
    (void)step;
    return r->cause == BOX_CAUSE_MEMORY ||
           (r->stdout_kept > 7 && memcmp(answer->out + r->stdout_kept - 7, "EMFILE\n", 7) == 0);
}

/* ---- what every step says ------------------------------------------------------------------------------------- */

static const char *cause_name(uint32_t cause)
{
    static const char *const names[] = {"itself", "CPU time", "wall time", "memory",
                                        "output", "cancel",   "scratch",   "processes"};
    return cause < ARRAY_LEN(names) ? names[cause] : "?";
}

/* One of the alternatives, but for the line's end. */
static bool is_one_of(const char *alternatives, const char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\n')
        len--;
    for (const char *at = alternatives;; at++) {
        size_t n = strcspn(at, "|");
        if (n == len && memcmp(at, text, len) == 0)
            return true;
        at += n;
        if (*at == '\0')
            return false;
    }
}

static bool own_end_is_wrong(const struct step *step, const struct box_answer *answer, char *why)
{
    const struct box_reply *r = answer->reply;
    if (step->signal == ANY ? r->signal == 0 : r->signal != step->signal && step->good == NULL)
        return snprintf(why, WHY_SIZE, "ended by signal %d, not %d; it said \"%.*s\"", r->signal, step->signal,
                        (int)(r->stdout_kept < 100 ? r->stdout_kept : 100), answer->out);
    if (step->exited && r->exit_code != step->exited - 1)
        return snprintf(why, WHY_SIZE, "exited with %d, not %d; stderr: %.*s", r->exit_code, step->exited - 1,
                        (int)(r->stderr_kept < 200 ? r->stderr_kept : 200), answer->errout);
    if (step->out && !is_one_of(step->out, answer->out, r->stdout_kept))
        return snprintf(why, WHY_SIZE, "said \"%.*s\", not \"%s\"", (int)(r->stdout_kept < 100 ? r->stdout_kept : 100),
                        answer->out, step->out);
    return false;
}

bool ends_by_time(const struct step *step)
{
    return step->causes & (BY_CPU | BY_WALL);
}

static bool figures_are_wrong(const struct step *step, const struct box_reply *r, double slow, char *why)
{
    double peak_mb = (double)r->memory_peak_bytes / (1 << 20), cpu_ms = (double)r->cpu_us / 1000;
    if (step->oom && r->oom_kills == 0)
        return snprintf(why, WHY_SIZE, "the memory cgroup counted no kill; peak %.1f MB", peak_mb);
    if ((step->peak_least_mb && peak_mb < step->peak_least_mb) || (step->peak_most_mb && peak_mb > step->peak_most_mb))
        return snprintf(why, WHY_SIZE, "peak %.1f MB, not %u to %u MB", peak_mb, step->peak_least_mb,
                        step->peak_most_mb);
    if ((step->cpu_least_ms && cpu_ms < step->cpu_least_ms) || (step->cpu_most_ms && cpu_ms > step->cpu_most_ms * slow))
        return snprintf(why, WHY_SIZE, "CPU time %.1f ms, not %u to %u ms", cpu_ms, step->cpu_least_ms,
                        step->cpu_most_ms);
    return false;
}

const char *step_complaint(const struct step *step, const struct box_answer *answer, double slow, char why[WHY_SIZE])
{
    const struct box_reply *r = answer->reply;
    unsigned causes = step->causes ? step->causes : step->good ? ~0u : BY_ITSELF;
    if (r->status != BOX_OK) {
        snprintf(why, WHY_SIZE, "the box %s: %.200s", r->status == BOX_REFUSED ? "refused it" : "failed", r->message);
        return why;
    }
    if (r->exit_code == 99 && r->cause == BOX_CAUSE_SELF && step->verb) {
        snprintf(why, WHY_SIZE, "sentinel-probe does not know it");
        return why;
    }
    if (!(causes & 1u << r->cause)) {
        snprintf(why, WHY_SIZE, "ended by %s (exit %d, signal %d)", cause_name(r->cause), r->exit_code, r->signal);
        return why;
    }
    if (r->cause == BOX_CAUSE_SELF && own_end_is_wrong(step, answer, why))
        return why;
    if (figures_are_wrong(step, r, slow, why))
        return why;
    if (step->good && !step->good(step, answer)) {
        snprintf(why, WHY_SIZE, "wanted: %s; cause %s, exit %d, signal %d, said \"%.*s\"", step->wanted,
                 cause_name(r->cause), r->exit_code, r->signal, (int)(r->stdout_kept < 60 ? r->stdout_kept : 60),
                 answer->out);
        return why;
    }
    return NULL;
}
