/* A TAP harness: a test program calls the checks and ends with `return done_testing();`. */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3))) static inline bool ok(bool good, const char *name, ...)
{
    va_list ap;
    printf("%sok %d - ", good ? "" : "not ", ++tap_count);
    va_start(ap, name);
    vprintf(name, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    tap_failed += !good;
    return good;
}

static inline bool is_int(long long got, long long want, const char *name)
{
    bool good = ok(got == want, "%s", name);
    if (!good)
        printf("#   got %lld, want %lld\n", got, want);
    return good;
}

static inline bool is_str(const char *got, const char *want, const char *name)
{
    bool good = ok(got && want ? strcmp(got, want) == 0 : got == want, "%s", name);
    if (!good)
        printf("#   got  %s\n#   want %s\n", got ? got : "NULL", want ? want : "NULL");
    return good;
}

static inline int done_testing(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed ? 1 : 0;
}

#endif
