/* A compiler that stays: the command of a language's compile step without flags and sources, in a box of its own and
 * confined as any compilation, that compiles one submission after another (resident_frame.h has its words). It is begun
 * when it is first wanted, and again when it ended, whatever ended it. It answers for submissions that are as most are;
 * whatever else becomes of one, it is compiled as the step's argv says, in a slot, under all limits of the step. */
#ifndef SENTINEL_RESIDENT_H
#define SENTINEL_RESIDENT_H

#include "box_client.h"
#include "lang.h"

struct resident;

struct resident_options {
    const struct lang *lang;
    char **box_argv;    /* NULL-terminated; outlives it */
    enum box_tier tier; /* a box of another is not used */
    uint64_t scratch_bytes;
    int null_fd;                  /* /dev/null */
    void (*on_change)(void *arg); /* it may be idle now, or slow. Never from inside a call */
    void *arg;
};

struct resident *resident_create(uv_loop_t *loop, const struct resident_options *options) MUST_USE;
/* What it compiles is answered with NULL first; then on_closed fires, and it is gone. */
void resident_destroy(struct resident *resident, void (*on_closed)(void *arg), void *arg);

const struct lang *resident_lang(const struct resident *resident);
bool resident_idle(const struct resident *resident);
/* It compiles, and will soon be idle: sooner than a compilation without it could be done. */
bool resident_is_near(const struct resident *resident);

/* It is idle. on_answer fires once, never from inside this call: with what a box would have answered, valid until it
 * returns, but that the figures of set-up and clean-up are 0; or with NULL, when it did not compile this. */
void resident_compile(struct resident *resident, const struct submission *submission,
                      void (*on_answer)(void *arg, struct box_answer *answer), void *arg);
/* Kills the compiler; what it compiles is answered with NULL, and another is begun. */
void resident_cancel(struct resident *resident);

#endif
