/* Submissions on their way into a queue, whatever dialect they came in: the rules that they are held to, the
 * Idempotency-Key, and what the store's answer means to a client. */
#ifndef SENTINEL_INTAKE_H
#define SENTINEL_INTAKE_H

#include "submission.h"

struct call;
struct master;

struct intake_reply {
    int status;     /* 202: it is in its queue; else the HTTP status of the refusal */
    const char *id; /* of the job, when it is 202 */
    bool repeated;  /* the job is an earlier one, of the same Idempotency-Key */
    int64_t created_ms;
    /* of a refusal */
    const char *code;
    const char *field; /* or NULL */
    const char *message;
    int64_t retry_after_s; /* 0: it would not help */
};

struct submission_rules intake_rules(const struct master *master);

/* The request's Idempotency-Key, valid until the answer, or NULL. EINVAL: it is not 1 to 255 visible characters. */
int intake_key(struct call *call, const char **ret_key, struct err *err) MUST_USE;

/* key: or NULL; `body` is what must be the same when a key comes again. on_reply fires once, while the call is held for
 * it, here (where the code policy refuses) or later; the reply is valid until it returns. */
void intake_enqueue(struct call *call, const struct submission *submission, const char *key, const char *body,
                    size_t body_len, void (*on_reply)(void *arg, const struct intake_reply *reply), void *arg);

/* Answers the call with a refusal. */
void intake_refuse(struct call *call, const struct intake_reply *reply);

#endif
