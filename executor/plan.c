/* A job's tests as states in an array. Invariants: `open` counts what is not DONE below the cutoff, `running` what
 * is RUNNING anywhere, `next` only grows, but for a test that waits again. */
#include "plan.h"

void plan_init(struct plan *plan, size_t count, bool stop_on_failure)
{
    *plan = (struct plan){
        .tests = xcalloc(count, sizeof *plan->tests),
        .count = count,
        .cutoff = count,
        .open = count,
        .stop_on_failure = stop_on_failure,
    };
}

void plan_finish(struct plan *plan)
{
    free(plan->tests);
    *plan = (struct plan){0};
}

static size_t find(const struct plan *plan, size_t from, enum plan_state state)
{
    for (size_t i = from; i < plan->cutoff; i++)
        if (plan->tests[i] == state)
            return i;
    return PLAN_NONE;
}

size_t plan_next(const struct plan *plan)
{
    return find(plan, plan->next, PLAN_WAITING);
}

size_t plan_next_alone(const struct plan *plan)
{
    return find(plan, 0, PLAN_WAITING_ALONE);
}

size_t plan_waiting(const struct plan *plan, size_t most)
{
    size_t count = 0;
    for (size_t i = plan->next; i < plan->cutoff && count < most; i++)
        count += plan->tests[i] == PLAN_WAITING;
    return count;
}

void plan_started(struct plan *plan, size_t index)
{
    assert(plan->tests[index] == PLAN_WAITING || plan->tests[index] == PLAN_WAITING_ALONE);
    if (plan->tests[index] == PLAN_WAITING)
        plan->next = index + 1;
    plan->tests[index] = PLAN_RUNNING;
    plan->running++;
}

void plan_again(struct plan *plan, size_t index, bool alone)
{
    assert(plan->tests[index] == PLAN_RUNNING);
    plan->running--;
    plan->tests[index] = alone ? PLAN_WAITING_ALONE : PLAN_WAITING;
    if (index < plan->next)
        plan->next = index;
}

void plan_ended(struct plan *plan, size_t index, bool failed)
{
    assert(plan->tests[index] == PLAN_RUNNING);
    plan->running--;
    plan->tests[index] = PLAN_DONE;
    if (index >= plan->cutoff)
        return;
    plan->open--;
    if (!failed || !plan->stop_on_failure)
        return;
    for (size_t i = index + 1; i < plan->cutoff; i++)
        if (plan->tests[i] != PLAN_DONE)
            plan->open--;
    plan->cutoff = index + 1;
}

bool plan_counts(const struct plan *plan, size_t index)
{
    return index < plan->cutoff && plan->tests[index] == PLAN_DONE;
}

bool plan_complete(const struct plan *plan)
{
    return plan->open == 0;
}
