/* Where hiredis_ssl was not found: what asks for TLS is refused. */
#include "redis_tls.h"

#include <errno.h>

int redis_tls_check(const struct redis_tls *tls, struct err *err)
{
    (void)tls;
    return err_set_field(err, EINVAL, "redis-url",
                         "redis-url is rediss://, and this build has no TLS to Redis (hiredis_ssl was not found): let "
                         "stunnel speak it beside this program, docs/OPERATIONS.md says how");
}

int redis_tls_start(redisAsyncContext *ac, const struct redis_tls *tls, const char *host, struct err *err)
{
    (void)ac;
    (void)tls;
    (void)host;
    (void)err;
    abort(); /* redis_tls_check refused it */
}

const char *redis_tls_why(const redisAsyncContext *ac)
{
    (void)ac;
    return NULL;
}
