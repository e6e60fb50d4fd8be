/* checker.[ch]: what counts as the expected output. */
#include "checker.h"
#include "tap.h"

#include <time.h>

static bool accepts(enum compare_kind kind, double epsilon, const char *actual, const char *expected)
{
    return checker_accepts(kind, epsilon, actual, strlen(actual), expected, strlen(expected));
}

struct example {
    const char *actual, *expected;
    bool same;
};

static void check_all(enum compare_kind kind, double epsilon, const struct example *e, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ok(accepts(kind, epsilon, e[i].actual, e[i].expected) == e[i].same, "%s, example %zu: %s", compare_name(kind),
           i, e[i].same ? "same" : "different");
        /* all but float's relative difference is symmetric, and no example depends on that */
        ok(accepts(kind, epsilon, e[i].expected, e[i].actual) == e[i].same, "%s, example %zu, the other way round",
           compare_name(kind), i);
    }
}

static void test_trim(void)
{
    static const struct example examples[] = {
        {"10", "10", true},
        {"10\n", "10", true},
        {"10 \t\r\n\n\n", "10", true},
        {"a \nb\r\n", "a\nb", true},
        {"", "", true},
        {" \n\n", "", true},
        {" 10", "10", false}, /* leading space is part of a picture */
        {"\n10", "10", false},
        {"a\n\nb", "a\nb", false},
        {"a b", "a  b", false},
        {"a\nb", "a", false},
        {"1\n2\n3\n", "1\n2\n4\n", false},
        {"A", "a", false},
        {"\xc3\xa9 \n", "\xc3\xa9", true},
        {"a\xa0", "a", false}, /* no white space in any locale */
    };
    check_all(COMPARE_TRIM, 0, examples, ARRAY_LEN(examples));
}

static void test_exact(void)
{
    static const struct example examples[] = {
        {"10\n", "10\n", true}, {"10\n", "10", false}, {"", "", true}, {"", " ", false}, {"a", "b", false},
    };
    check_all(COMPARE_EXACT, 0, examples, ARRAY_LEN(examples));
}

static void test_tokens(void)
{
    static const struct example examples[] = {
        {"1 2 3", "1\n2\n3\n", true}, {"  1\t2 ", "1 2", true}, {"", " \n", true},   {"1 2", "1 2 3", false},
        {"12", "1 2", false},         {"1 2", "2 1", false},    {"1.0", "1", false}, {"x\v\fy", "x y", true},
    };
    check_all(COMPARE_TOKENS, 0, examples, ARRAY_LEN(examples));
}

static void test_float(void)
{
    static const struct example examples[] = {
        {"0.1000001", "0.1", true},
        {"0.10001", "0.1", false},
        {"1000000.5", "1000000", true}, /* relative */
        {"1000002", "1000000", false},
        {"1e3", "1000.0", true},
        {"+1", "1", true},
        {"-0", "0", true},
        {"nan", "nan", true},
        {"nan", "NaN", false},
        {"nan", "0", false},
        {"inf", "inf", true},
        {"inf", "infinity", false},
        {"1e999", "2e999", false}, /* both overflow: words */
        {"1e999", "1e999", true},
        {"0x10", "16", false},
        {"1e", "1", false},
        {".", "0", false},
        {"1.5.2", "1.5", false},
        {"-", "-", true},
        {"area 3.14159265 cm", "area 3.1415926 cm", true},
        {"area 3.14159265 cm", "area 3.1415926 mm", false},
        {"1 2", "1", false},
    };
    check_all(COMPARE_FLOAT, 1e-6, examples, ARRAY_LEN(examples));
    ok(accepts(COMPARE_FLOAT, 0, "1.0", "1"), "epsilon 0 takes equal numbers in other words");
    ok(!accepts(COMPARE_FLOAT, 0, "1.0000000001", "1"), "epsilon 0 takes no other number");
    ok(accepts(COMPARE_FLOAT, 0.5, "0.5", "0"), "the difference may be epsilon");
    ok(accepts(COMPARE_FLOAT, 0.1, "90", "100") && !accepts(COMPARE_FLOAT, 0.1, "111", "100"),
       "relative to what was expected");
}

static void test_bytes(void)
{
    ok(!checker_accepts(COMPARE_TRIM, 0, "a\0b", 3, "a\0c", 3), "trim looks behind a NUL");
    ok(!checker_accepts(COMPARE_TRIM, 0, "a\0", 2, "a", 1), "NUL is no white space");
    ok(checker_accepts(COMPARE_TOKENS, 0, "a\0b c", 5, "a\0b\nc", 5), "NUL may stand in a word");
    ok(!checker_accepts(COMPARE_FLOAT, 1, "1\0", 2, "1", 1), "a number with a NUL is a word");
    ok(checker_accepts(COMPARE_TRIM, 0, NULL, 0, "\n", 1), "no output is an empty one");
    ok(checker_accepts(COMPARE_EXACT, 0, NULL, 0, NULL, 0), "nothing equals nothing");
    ok(checker_accepts(COMPARE_TOKENS, 0, " ", 1, NULL, 0), "no words on either side");
    ok(checker_accepts(COMPARE_TRIM, 0, "ab", 1, "a", 1), "reads no further than it is told");
    ok(checker_accepts(COMPARE_FLOAT, 0, "1234", 1, "1.0", 3), "a number ends where its text does");
}

/* 8 MB of the worst that each comparison can meet must not take long: a quadratic pass would take hours. */
static void test_linear(void)
{
    size_t len = 8u << 20;
    char *spaces = xmalloc(len), *digits = xmalloc(len), *lines = xmalloc(len);
    memset(spaces, ' ', len);
    memset(digits, '7', len);
    for (size_t i = 0; i < len; i++)
        lines[i] = i % 2 ? '\n' : ' ';
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    ok(checker_accepts(COMPARE_TRIM, 0, spaces, len, lines, len), "8 MB of white space is nothing");
    spaces[len - 1] = 'x';
    ok(!checker_accepts(COMPARE_TRIM, 0, spaces, len, lines, len), "but for the last byte");
    ok(!checker_accepts(COMPARE_FLOAT, 1, digits, len, digits, len - 1), "a number of 8 MB is a word");
    ok(checker_accepts(COMPARE_TOKENS, 0, digits, len, digits, len), "and equals itself");
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    ok(after.tv_sec - before.tv_sec < 10, "in linear time");
    free(spaces);
    free(digits);
    free(lines);
}

int main(void)
{
    test_trim();
    test_exact();
    test_tokens();
    test_float();
    test_bytes();
    test_linear();
    return done_testing();
}
