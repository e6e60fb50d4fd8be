/* The codec's fuzz target: what is parsed must be JSON to the strict parser, and what is stored must come back the
 * same. Built with -Dfuzz=true (clang) it is a libFuzzer program; else a program that replays the files it is given. */
#include "job_json.h"
#include "json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_submission(const char *text, size_t len)
{
    struct submission s = {0}, back = {0};
    struct err err;
    if (submission_from_json(text, len, &s, &err) < 0)
        return;
    cleanup_free char *stored = submission_to_json(&s);
    if (submission_from_json(stored, strlen(stored), &back, &err) < 0)
        abort();
    cleanup_free char *again = submission_to_json(&back);
    if (strcmp(stored, again) != 0)
        abort();
    submission_finish(&s);
    submission_finish(&back);
}

static void check_result(const char *text, size_t len)
{
    struct job_result r = {0}, back = {0};
    struct err err;
    if (job_result_from_json(text, len, &r, &err) < 0)
        return;
    cleanup_free char *stored = job_result_to_json(&r);
    if (job_result_from_json(stored, strlen(stored), &back, &err) < 0)
        abort();
    cleanup_free char *again = job_result_to_json(&back);
    if (strcmp(stored, again) != 0)
        abort();
    job_result_finish(&r);
    job_result_finish(&back);
}

/* Any bytes are written as one valid JSON string. */
static void check_writer(const char *data, size_t len)
{
    struct json_writer w = {0};
    cJSON *root = NULL;
    struct err err;
    json_open(&w, NULL, '[');
    json_put_bytes(&w, NULL, data, len);
    json_close(&w, ']');
    int r = json_parse(w.buf.data, w.buf.len, &root, &err);
    if (r < 0 && !(len && memchr(data, 0, len)))
        abort();
    cJSON_Delete(root);
    buf_finish(&w.buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* An exact allocation, so that one byte too far is seen. */
    cleanup_free char *text = xmalloc(size);
    memcpy(text, data, size);
    check_submission(text, size);
    check_result(text, size);
    check_writer(text, size);
    return 0;
}
