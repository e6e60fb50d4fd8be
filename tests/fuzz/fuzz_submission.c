/* The native dialect. */
#include "body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_body(data, size, submission_parse);
    return 0;
}
