/* v1's dialect, which has defaults of its own. */
#include "body.h"
#include "v1.h"

static int parse(const char *text, size_t len, const struct submission_rules *rules, struct submission *ret_s,
                 struct err *err)
{
    int r = v1_parse(text, len, rules, 30, ret_s, err);
    if (r == 0 && (ret_s->limits.cpu_ms == 0 || ret_s->limits.memory_mb == 0 || ret_s->limits.cpus_milli == 0))
        abort();
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_body(data, size, parse);
    return 0;
}
