/* The stored forms: what master and executors hand each other through Redis (docs/PROTOCOL.md, "Stored JSON").
 * Text that is not UTF-8 or holds NUL is stored as base64 under "<key>Base64", so no byte is lost. */
#ifndef SENTINEL_JOB_JSON_H
#define SENTINEL_JOB_JSON_H

#include "job.h"

/* All return text that the caller frees. */
char *submission_to_json(const struct submission *s) MUST_USE;
char *job_result_to_json(const struct job_result *r) MUST_USE;
char *test_event_to_json(const struct test_event *event) MUST_USE;

/* EBADMSG: not what we store; ENOTSUP: a version we don't know. Unknown fields are ignored. */
int submission_from_json(const char *text, size_t len, struct submission *ret_s, struct err *err) MUST_USE;
int job_result_from_json(const char *text, size_t len, struct job_result *ret_r, struct err *err) MUST_USE;
int test_event_from_json(const char *text, size_t len, struct test_event *ret_event, struct err *err) MUST_USE;

#endif
