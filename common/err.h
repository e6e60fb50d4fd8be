/* An error that travels up: an errno, the field it is about, and a sentence. No allocation. */
#ifndef SENTINEL_ERR_H
#define SENTINEL_ERR_H

#include "base.h"

struct err {
    int code;       /* errno value, > 0; what each value means is the called function's contract */
    char field[96]; /* the input's field as a user writes it ("testCases[3].input"), or empty */
    char msg[320];  /* one sentence, no final full stop, safe to show */
};

/* Fill *err (NULL is allowed) and return -code, so that a function can end in `return err_set(err, EINVAL, …)`. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_set_field(struct err *err, int code, const char *field, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* As err_set, with ": " and strerror(code) behind. */
int err_set_errno(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put "<text>: " before the message; the code stays and is returned negative. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
