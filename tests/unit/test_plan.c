/* plan.[ch]: the order of a job's tests. */
#include "plan.h"
#include "tap.h"

static void test_order(void)
{
    struct plan p;
    plan_init(&p, 3, false);
    is_int(plan_next(&p), 0, "the lowest first");
    plan_started(&p, 0);
    is_int(plan_next(&p), 1, "then the next");
    plan_started(&p, 1);
    plan_started(&p, 2);
    ok(plan_next(&p) == PLAN_NONE, "nothing waits while all run");
    plan_ended(&p, 1, true);
    plan_ended(&p, 0, false);
    ok(!plan_complete(&p), "one still runs");
    plan_ended(&p, 2, false);
    ok(plan_complete(&p), "all are done");
    ok(plan_counts(&p, 0) && plan_counts(&p, 1) && plan_counts(&p, 2), "a failure skips nothing unasked");
    plan_finish(&p);
}

static void test_again(void)
{
    struct plan p;
    plan_init(&p, 3, false);
    plan_started(&p, 0);
    plan_started(&p, 1);
    plan_again(&p, 0, false);
    is_int(plan_next(&p), 0, "a test that waits again comes before later ones");
    plan_started(&p, 0);
    is_int(plan_next(&p), 2, "and then they go on");
    plan_again(&p, 1, true);
    is_int(plan_next(&p), 2, "one to be run alone is not next");
    is_int(plan_next_alone(&p), 1, "but next alone");
    plan_started(&p, 1);
    ok(plan_next_alone(&p) == PLAN_NONE, "once");
    is_int(plan_next(&p), 2, "running alone passes nothing over");
    plan_ended(&p, 1, true);
    plan_ended(&p, 0, false);
    plan_started(&p, 2);
    plan_ended(&p, 2, false);
    ok(plan_complete(&p), "all are done");
    plan_finish(&p);
}

static void test_stop_on_failure(void)
{
    struct plan p;
    plan_init(&p, 5, true);
    for (size_t i = 0; i < 4; i++)
        plan_started(&p, i);
    plan_ended(&p, 3, true);
    ok(plan_next(&p) == PLAN_NONE, "nothing behind a failure is begun");
    ok(!plan_complete(&p), "those before it decide");
    plan_ended(&p, 1, true);
    plan_ended(&p, 2, false);
    ok(!plan_complete(&p), "test 0 is open");
    plan_ended(&p, 0, false);
    ok(plan_complete(&p), "the lowest failure decides");
    ok(plan_counts(&p, 0) && plan_counts(&p, 1), "up to the failure results count");
    ok(!plan_counts(&p, 2) && !plan_counts(&p, 3) && !plan_counts(&p, 4), "behind it they do not, though they ran");
    plan_finish(&p);
}

/* Whatever the order in which runs end, the lowest failing test decides. */
static void test_any_order(void)
{
    enum { N = 8 };
    unsigned seed = 1;
    for (int round = 0; round < 500; round++) {
        struct plan p;
        bool fails[N], good = true;
        size_t lowest = N - 1, running[N], count = 0;
        plan_init(&p, N, true);
        for (size_t i = N; i-- > 0;)
            if ((fails[i] = (seed = seed * 1103515245u + 12345u) >> 30 == 0))
                lowest = i;
        while (!plan_complete(&p)) {
            seed = seed * 1103515245u + 12345u;
            size_t next = plan_next(&p), pick = count ? (seed >> 16) % count : 0;
            if (next != PLAN_NONE && (count == 0 || seed >> 31)) {
                plan_started(&p, next);
                running[count++] = next;
            } else {
                plan_ended(&p, running[pick], fails[running[pick]]);
                running[pick] = running[--count];
            }
        }
        for (size_t i = 0; i < N; i++)
            good &= plan_counts(&p, i) == (i <= lowest);
        if (!good || round == 499)
            ok(good, "round %d: counted up to the lowest failure and no further", round);
        plan_finish(&p);
    }
}

int main(void)
{
    test_order();
    test_again();
    test_stop_on_failure();
    test_any_order();
    return done_testing();
}
