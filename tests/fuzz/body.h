/* What the fuzz targets of dialects share: any body is a submission, which then survives being stored, or an error that
 * says why. */
#ifndef SENTINEL_FUZZ_BODY_H
#define SENTINEL_FUZZ_BODY_H

#include "job_json.h"
#include "submission.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct submission_rules *body_rules(void)
{
    static const struct limits most = {.cpu_ms = 120000,
                                       .wall_ms = 300000,
                                       .memory_mb = 1024,
                                       .processes = 256,
                                       .output_kb = 4096,
                                       .file_kb = 102400,
                                       .cpus_milli = 4000};
    static struct lang_table langs;
    static struct submission_rules made;
    struct err err;
    if (langs.count == 0) {
        if (lang_table_load(SHIPPED_LANGUAGES, "all", &(struct lang_ceilings){most}, false, &langs, &err) < 0)
            abort();
        made = (struct submission_rules){
            .langs = &langs, .most = most, .max_code_bytes = 5000, .max_tests = 5, .max_files = 5, .callbacks = true};
    }
    return &made;
}

static void check_body(const uint8_t *data, size_t size,
                       int (*parse)(const char *text, size_t len, const struct submission_rules *rules,
                                    struct submission *ret_s, struct err *err))
{
    /* An exact allocation, so that one byte too far is seen. */
    cleanup_free char *body = xmalloc(size);
    struct submission s, back;
    struct err err = {0};
    memcpy(body, data, size);
    if (parse(body, size, body_rules(), &s, &err) < 0) {
        if (!*err.msg)
            abort();
        return;
    }
    cleanup_free char *stored = submission_to_json(&s);
    if (submission_from_json(stored, strlen(stored), &back, &err) < 0)
        abort();
    if (back.test_count != s.test_count || back.limits.cpu_ms != s.limits.cpu_ms ||
        back.limits.cpus_milli != s.limits.cpus_milli)
        abort();
    submission_finish(&back);
    submission_finish(&s);
}

#endif
