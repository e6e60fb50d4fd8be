/* Owns the slots and the line of jobs. Invariants: a slot runs one run at a time; runs begin in schedule() alone, which
 * the loop calls when something changed (runner_wake).
 *
 * Order: the first job in line has every free slot while it has a test to begin, its lowest first. A run that lost its
 * wall time to a busy host is run again alone: no other run begins until it is over. */
#include "runner.h"
#include "figures.h"
#include "job_run.h"
#include "resident.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>

struct slot {
    struct runner *runner;
    struct box_client *box;
    struct job_run *job;       /* NULL: nothing runs */
    size_t index;              /* of the test, or JOB_COMPILATION */
    struct resident *resident; /* that compiles, while the slot's box has nothing to do; or NULL */
    bool alone;
};

struct runner {
    struct runner_options options;
    uv_loop_t *loop;
    struct slot *slots;          /* options.slots of them, so that none ever moves */
    size_t open;                 /* have a box */
    struct resident **residents; /* options.residents_most of them, NULL: not wanted so far */
    size_t busy;
    unsigned failures;     /* runs in a row */
    struct job_run *first; /* in line */
    uv_idle_t idle;        /* active while schedule() is due */
    int null_fd;
    struct program_cache *programs;
    size_t refs; /* boxes, residents, jobs, the idle handle: freed with the last */
    void (*on_closed)(void *arg);
    void *closed_arg;
};

/* ---- lifetime of a runner ------------------------------------------------------------------------------------- */

static void runner_unref(struct runner *r)
{
    if (--r->refs > 0)
        return;
    void (*on_closed)(void *) = r->on_closed;
    void *arg = r->closed_arg;
    close(r->null_fd);
    program_cache_destroy(r->programs);
    free(r->residents);
    free(r->slots);
    free(r);
    on_closed(arg);
}

static void on_runner_part_closed(void *arg)
{
    runner_unref(arg);
}

static void on_idle_closed(uv_handle_t *handle)
{
    runner_unref(handle->data);
}

static void schedule(uv_idle_t *idle);

static void runner_wake(struct runner *r)
{
    if (!uv_is_closing((uv_handle_t *)&r->idle))
        uv_idle_start(&r->idle, schedule);
}

/* ---- compilers that stay -------------------------------------------------------------------------------------- */

enum { NEAR_MOST = 8 }; /* jobs that wait for one: 15 ms each, where a compilation without it takes 240 */

static void on_box_change(void *arg)
{
    runner_wake(arg);
}

/* The one of the job's language; NULL: it is not for it, or there is none yet, and it is begun if it can be. Not in
 * tier B, where one box has all memory. */
static struct resident *resident_for(struct runner *r, const struct job_run *job, enum box_tier tier)
{
    size_t i = 0;
    if (!job_run_suits_resident(job) || tier == BOX_TIER_B)
        return NULL;
    for (; i < r->options.residents_most && r->residents[i]; i++)
        if (resident_lang(r->residents[i]) == job->lang)
            return r->residents[i];
    if (i == r->options.residents_most)
        return NULL;
    struct resident_options options = {
        .lang = job->lang,
        .box_argv = r->options.resident_argv[i],
        .tier = tier,
        .scratch_bytes = r->options.scratch_bytes,
        .null_fd = r->null_fd,
        .on_change = on_box_change,
        .arg = r,
    };
    r->refs++;
    r->residents[i] = resident_create(r->loop, &options);
    return NULL;
}

static void on_compiled(void *arg, struct box_answer *answer)
{
    struct slot *slot = arg;
    struct job_run *job = steal_pointer(&slot->job);
    slot->resident = NULL;
    slot->runner->busy--;
    job_run_take_resident(job, answer);
    runner_wake(slot->runner);
}

/* ---- runs ----------------------------------------------------------------------------------------------------- */

static void on_answer(void *arg, struct box_answer *answer)
{
    struct slot *slot = arg;
    struct job_run *job = steal_pointer(&slot->job);
    struct runner *r = slot->runner;
    bool ran = answer && answer->reply->status == BOX_OK, set_up = answer && answer->reply->status != BOX_FAILED;
    r->busy--;
    if (ran) {
        metric_observe(&figure_run_setup_seconds, (double)answer->reply->setup_us / 1e6);
        metric_observe(&figure_run_cleanup_seconds, (double)answer->reply->cleanup_us / 1e6);
    } else {
        metric_add(&figure_run_failures, 1);
    }
    r->failures = ran ? 0 : r->failures + !set_up;
    job_run_take(job, slot->index, slot->alone, answer);
    if (answer && !set_up)
        box_client_restart(slot->box);
    runner_wake(r);
}

/* Whether the run began; otherwise the job has left the line. */
static bool start_run(struct slot *slot, struct job_run *job, size_t index, bool alone)
{
    struct resident *resident =
        index == JOB_COMPILATION ? resident_for(slot->runner, job, box_client_hello(slot->box)->tier) : NULL;
    if (resident && resident_idle(resident)) {
        slot->resident = resident;
        job_run_begin_resident(job, resident, on_compiled, slot);
    } else if (!job_run_begin(job, index, slot->box, slot->runner->null_fd, on_answer, slot)) {
        return false;
    }
    slot->job = job;
    slot->index = index;
    slot->alone = alone;
    slot->runner->busy++;
    return true;
}

static bool slot_free(const struct runner *r, const struct slot *slot)
{
    return !slot->job && box_client_idle(slot->box) && box_client_hello(slot->box)->tier >= r->options.min_tier;
}

static struct slot *free_slot(struct runner *r)
{
    for (size_t i = 0; i < r->open; i++)
        if (slot_free(r, &r->slots[i]))
            return &r->slots[i];
    return NULL;
}

/* Whether something runs alone, or waits to: nothing else may begin. */
static bool start_alone(struct runner *r)
{
    for (size_t i = 0; i < r->open; i++)
        if (r->slots[i].job && r->slots[i].alone)
            return true;
    for (struct job_run *job = r->first; job; job = job->next) {
        size_t index = job_run_next_alone(job);
        struct slot *slot = index != PLAN_NONE && r->busy == 0 ? free_slot(r) : NULL;
        if (slot)
            start_run(slot, job, index, true);
        if (index != PLAN_NONE)
            return true;
    }
    return false;
}

/* A compilation that will be done sooner by the compiler that stays than at once. */
static bool should_wait(struct runner *r, const struct job_run *job, const struct slot *slot, unsigned *waiting)
{
    struct resident *resident = resident_for(r, job, box_client_hello(slot->box)->tier);
    return resident && resident_is_near(resident) && ++*waiting <= NEAR_MOST;
}

static void schedule(uv_idle_t *idle)
{
    struct runner *r = idle->data;
    struct slot *slot = NULL;
    unsigned waiting = 0;
    uv_idle_stop(idle);
    struct job_run *next = start_alone(r) ? NULL : r->first;
    while (next && (slot = free_slot(r))) {
        struct job_run *job = next;
        size_t index = job_run_next(job);
        bool later = index == PLAN_NONE || (index == JOB_COMPILATION && should_wait(r, job, slot, &waiting));
        next = later ? job->next : job;
        if (!later && !start_run(slot, job, index, false))
            next = r->first;
    }
    r->options.on_change(r->options.arg);
}

/* ---- what the consumer calls ---------------------------------------------------------------------------------- */

int runner_create(uv_loop_t *loop, const struct runner_options *options, struct runner **ret_runner, struct err *err)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(err, errno, "/dev/null");
    struct runner *r = xcalloc(1, sizeof *r);
    r->options = *options;
    r->loop = loop;
    r->null_fd = fd;
    r->programs = program_cache_create(options->program_cache_bytes);
    r->slots = xcalloc(options->slots, sizeof *r->slots);
    r->residents = xcalloc(options->residents_most + 1, sizeof *r->residents);
    r->refs = 1;
    uv_idle_init(loop, &r->idle);
    r->idle.data = r;
    *ret_runner = r;
    return 0;
}

void runner_destroy(struct runner *runner, void (*on_closed)(void *arg), void *arg)
{
    runner->on_closed = on_closed;
    runner->closed_arg = arg;
    uv_close((uv_handle_t *)&runner->idle, on_idle_closed);
    for (size_t i = 0; i < runner->open; i++)
        box_client_destroy(runner->slots[i].box, on_runner_part_closed, runner);
    for (size_t i = 0; i < runner->options.residents_most && runner->residents[i]; i++)
        resident_destroy(runner->residents[i], on_runner_part_closed, runner);
}

void runner_open_slots(struct runner *runner, size_t count)
{
    struct box_client_options options = {.on_change = on_box_change, .arg = runner};
    assert(count <= runner->options.slots);
    for (; runner->open < count; runner->open++) {
        struct slot *slot = &runner->slots[runner->open];
        slot->runner = runner;
        runner->refs++;
        options.argv = runner->options.box_argv[runner->open];
        slot->box = box_client_create(runner->loop, &options);
    }
}

void runner_renew(struct runner *runner)
{
    for (size_t i = 0; i < runner->options.residents_most && runner->residents[i]; i++)
        resident_cancel(runner->residents[i]);
}

size_t runner_room(const struct runner *runner)
{
    size_t room = 0;
    for (size_t i = 0; i < runner->open; i++) {
        if (runner->slots[i].job && runner->slots[i].alone)
            return 0;
        room += slot_free(runner, &runner->slots[i]);
    }
    for (const struct job_run *job = runner->first; job && room > 0; job = job->next) {
        if (job_run_next_alone(job) != PLAN_NONE)
            return 0;
        size_t waiting = job_run_waiting(job, room);
        room -= waiting < room ? waiting : room;
    }
    return room;
}

const struct box_hello *runner_hello(const struct runner *runner)
{
    const struct box_hello *lowest = NULL;
    for (size_t i = 0; i < runner->open; i++) {
        const struct box_hello *hello = box_client_hello(runner->slots[i].box);
        if (hello && (!lowest || hello->tier < lowest->tier))
            lowest = hello;
    }
    return lowest;
}

unsigned runner_failures(const struct runner *runner)
{
    return runner->failures;
}

unsigned runner_starts(const struct runner *runner)
{
    return runner->open ? box_client_starts(runner->slots[0].box) : 0;
}

size_t runner_busy(const struct runner *runner)
{
    return runner->busy;
}

size_t runner_boxes_up(const struct runner *runner)
{
    size_t up = 0;
    for (size_t i = 0; i < runner->open; i++)
        up += box_client_down_since(runner->slots[i].box) == 0;
    return up;
}

int64_t runner_down_ms(const struct runner *runner)
{
    int64_t latest = 0;
    for (size_t i = 0; i < runner->open; i++) {
        int64_t since = box_client_down_since(runner->slots[i].box);
        if (since == 0)
            return 0;
        latest = since > latest ? since : latest;
    }
    return latest ? now_mono_ms() - latest : 0;
}

struct job_run *runner_start(struct runner *runner, const struct job_order *order)
{
    const struct box_hello *hello = runner_hello(runner);
    struct job_run *job = job_run_create(runner, &runner->options, runner->programs, runner->loop, order, hello);
    struct job_run **at = &runner->first;
    while (*at)
        at = &(*at)->next;
    *at = job;
    runner->refs++;
    job_run_prepare(job);
    runner_wake(runner);
    return job;
}

/* ---- what a job calls ----------------------------------------------------------------------------------------- */

void runner_cancel_runs(struct runner *runner, const struct job_run *job, size_t from)
{
    for (size_t i = 0; i < runner->open; i++) {
        struct slot *slot = &runner->slots[i];
        if (slot->job != job || slot->index < from)
            continue;
        if (slot->resident)
            resident_cancel(slot->resident);
        else
            box_client_cancel(slot->box);
    }
}

void runner_unlink(struct runner *runner, struct job_run *job)
{
    struct job_run **at = &runner->first;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
}

void runner_job_gone(struct runner *runner)
{
    runner_wake(runner);
    runner_unref(runner);
}
