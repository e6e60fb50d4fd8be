/* The v1 dialect's JSON: POST /api/v1/execute as document 001 asks (one run) and as 002 asks (test_cases). The form
 * that is asked in is the form that is answered in. Pure. */
#ifndef SENTINEL_V1_H
#define SENTINEL_V1_H

#include "reply.h"
#include "submission.h"

/* As submission_parse, by v1's names, bounds and defaults: timeout_s of CPU and of wall time, 128 MB, half a processor.
 * test_cases given: the submission is not single_input. */
int v1_parse(const char *text, size_t len, const struct submission_rules *rules, int64_t timeout_s,
             struct submission *ret_s, struct err *err) MUST_USE;

/* The same of one value of a document that json_parse took, or of another dialect that has v1's names. */
int v1_read(const cJSON *root, const struct submission_rules *rules, int64_t timeout_s, struct submission *ret_s,
            struct err *err) MUST_USE;

/* What 001 tells of a single run: the program's, or the compiler's that refused it. Borrows all from the result. */
struct v1_run {
    struct bytes out, errout;
    int64_t exit_code; /* 128 and the signal's number, as a shell has it; -1: there is nothing to tell */
    bool timeout, memory_exceeded;
    int64_t execution_time_ms, memory_used_mb;
    const char *reason; /* or NULL */
};
struct v1_run v1_run_of(const struct job_result *result);

/* A completed job: {stdout,stderr,exit_code,…} of a single run, {test_results:[…],…} of test cases. */
void v1_put_result(struct json_writer *w, const struct reply_job *reply);

#endif
