/* The four comparisons, each one pass over both texts. Owns no state. */
#include "checker.h"

#include <math.h>
#include <string.h>

enum { NUMBER_MAX = 400 }; /* bytes; bounds what one word may cost strtod */

struct span {
    const char *at;
    size_t len;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool same(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static struct span without_tail(struct span s)
{
    while (s.len > 0 && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

/* Takes the first line off `rest`, which is not empty. */
static struct span next_line(struct span *rest)
{
    const char *end = memchr(rest->at, '\n', rest->len);
    struct span line = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = line.len + (end ? 1 : 0);
    *rest = (struct span){rest->at + taken, rest->len - taken};
    return without_tail(line);
}

static bool same_trimmed(struct span a, struct span b)
{
    a = without_tail(a);
    b = without_tail(b);
    while (a.len > 0 && b.len > 0)
        if (!same(next_line(&a), next_line(&b)))
            return false;
    return a.len == 0 && b.len == 0;
}

/* Takes the first word off `rest`; an empty one when there is none left. */
static struct span next_word(struct span *rest)
{
    size_t start = 0;
    while (start < rest->len && is_space(rest->at[start]))
        start++;
    size_t end = start;
    while (end < rest->len && !is_space(rest->at[end]))
        end++;
    struct span word = {rest->len ? rest->at + start : NULL, end - start};
    if (end)
        *rest = (struct span){rest->at + end, rest->len - end};
    return word;
}

/* strtod alone would take "0x10", "nan" and "inf" too. */
static bool parse_number(struct span word, double *ret_number)
{
    char text[NUMBER_MAX + 1];
    if (word.len == 0 || word.len > NUMBER_MAX)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.at[i];
        if (!(c >= '0' && c <= '9') && c != '.' && c != '+' && c != '-' && c != 'e' && c != 'E')
            return false;
        text[i] = c;
    }
    text[word.len] = '\0';
    char *end = NULL;
    double number = strtod(text, &end);
    if (end != text + word.len || !isfinite(number))
        return false;
    *ret_number = number;
    return true;
}

static bool near(struct span actual, struct span expected, double epsilon)
{
    double a = 0, e = 0;
    if (!parse_number(actual, &a) || !parse_number(expected, &e))
        return false;
    double difference = fabs(a - e);
    return difference <= epsilon || difference <= epsilon * fabs(e);
}

/* epsilon < 0: words must be the same. */
static bool same_words(struct span a, struct span b, double epsilon)
{
    for (;;) {
        struct span x = next_word(&a), y = next_word(&b);
        if (x.len == 0 || y.len == 0)
            return x.len == y.len;
        if (!same(x, y) && (epsilon < 0 || !near(x, y, epsilon)))
            return false;
    }
}

bool checker_accepts(enum compare_kind kind, double epsilon, const char *actual, size_t actual_len,
                     const char *expected, size_t expected_len)
{
    struct span a = {actual, actual_len}, e = {expected, expected_len};
    switch (kind) {
    case COMPARE_TRIM:
        return same_trimmed(a, e);
    case COMPARE_EXACT:
        return same(a, e);
    case COMPARE_TOKENS:
        return same_words(a, e, -1);
    case COMPARE_FLOAT:
        return same_words(a, e, epsilon);
    }
    abort();
}
