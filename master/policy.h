/* The code policy (002): words and imports that an operator does not want to see, and limits of complexity. It is a
 * courtesy to honest users, told early; the sandbox is the wall. Who wants around it gets around it. */
#ifndef SENTINEL_POLICY_H
#define SENTINEL_POLICY_H

#include "job.h"
#include "lang.h"

struct config;
struct policy;

enum policy_mode { POLICY_OFF, POLICY_WARN, POLICY_BLOCK };

/* Compiles the patterns of all languages. EINVAL: the setting has a word that is no mode and no language, or a pattern
 * is none (the message has language, pattern and place). */
int policy_create(const struct config *config, const struct lang_table *langs, struct policy **ret_policy,
                  struct err *err) MUST_USE;
void policy_destroy(struct policy *policy);

struct policy_result {
    enum policy_mode mode; /* what to do about it; OFF: nothing was found */
    char field[96];        /* of the first finding: "code" or "files[1].content" */
    char text[512]; /* "line 3, column 1: import of subprocess; line 9: …", at most 8 of them, one line of ASCII */
};
struct policy_result policy_check(const struct policy *policy, const struct submission *submission);

#endif
