/* result_cache.[ch]: which results may answer again, and under which name. */
#include "result_cache.h"
#include "tap.h"

#include <string.h>

static char code[] = "print(1)", input[] = "1", language[] = "python", name[] = "main.py", user[] = "ann",
            meta[] = "{}";

static struct source_file file = {.name = name, .content = {.data = code, .len = sizeof code - 1}};
static struct test_case test = {.input = {.data = input, .len = sizeof input - 1}};
static struct submission asked = {
    .language = language, .files = &file, .file_count = 1, .tests = &test, .test_count = 1, .cache = true};

static bool same(const char *owner, const char *toolchain, const struct submission *s)
{
    char one[RESULT_NAME_SIZE], other[RESULT_NAME_SIZE];
    result_name("me", "Python 3", &asked, one);
    result_name(owner, toolchain, s, other);
    return strlen(one) == RESULT_NAME_SIZE - 1 && strcmp(one, other) == 0;
}

static void test_names(void)
{
    struct submission other = asked;
    ok(same("me", "Python 3", &asked), "the same asked again has the same name");
    ok(!same("you", "Python 3", &asked), "another owner's has another");
    ok(!same("me", "Python 4", &asked), "so has another toolchain's");
    other.user_id = user;
    other.metadata = meta;
    other.priority = true;
    ok(same("me", "Python 3", &other), "what a run does not depend on does not matter");
    other.limits.cpu_ms = 1000;
    ok(!same("me", "Python 3", &other), "limits do");
    other = asked;
    other.stop_on_failure = true;
    ok(!same("me", "Python 3", &other), "and so does how tests are run");
    test.has_expected = true;
    char changed[RESULT_NAME_SIZE], first[RESULT_NAME_SIZE];
    result_name("me", "Python 3", &asked, changed);
    test.has_expected = false;
    result_name("me", "Python 3", &asked, first);
    ok(strcmp(changed, first) != 0, "and what is expected");
}

static bool may(enum verdict verdict, enum verdict of_test)
{
    struct test_result result = {.verdict = of_test};
    struct job_result job = {.verdict = verdict, .tests = &result, .test_count = 1};
    return result_may_answer_again(&job, 1000);
}

static void test_what_is_kept(void)
{
    static char reason[] = "JOB_TIMEOUT";
    struct job_result late = {.reason = reason}, good = {0};
    ok(may(VERDICT_ACCEPTED, VERDICT_ACCEPTED) && may(VERDICT_WRONG_ANSWER, VERDICT_WRONG_ANSWER), "verdicts are kept");
    ok(!may(VERDICT_INTERNAL_ERROR, VERDICT_INTERNAL_ERROR), "a failure of the service is not");
    ok(!may(VERDICT_WRONG_ANSWER, VERDICT_CPU_TIME_EXCEEDED), "nor a limit of time, whichever test met it");
    ok(!may(VERDICT_WALL_TIME_EXCEEDED, VERDICT_WALL_TIME_EXCEEDED), "nor of wall time");
    ok(!result_may_answer_again(&late, 1000), "nor a job that was cut short");
    ok(result_may_answer_again(&good, 65536) && !result_may_answer_again(&good, 65537), "nor a large one");
}

int main(void)
{
    test_names();
    test_what_is_kept();
    return done_testing();
}
