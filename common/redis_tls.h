/* TLS for a connection to Redis. Built with hiredis_ssl (Debian 13), or else a refusal that says so. */
#ifndef SENTINEL_REDIS_TLS_H
#define SENTINEL_REDIS_TLS_H

#include "err.h"

#include <hiredis/async.h>

/* Borrowed strings; NULL or "" is "not set". */
struct redis_tls {
    const char *ca_file;     /* PEM; not set: the system's certificates */
    const char *cert_file;   /* the client's own certificate, PEM with its chain, and */
    const char *key_file;    /* its key: both or none */
    const char *server_name; /* for whom the server's certificate must be; not set: the address' host */
    bool unverified;         /* take any certificate */
};

/* EINVAL, with the setting that is wrong: a file that cannot be used, or all of it, where the build has no TLS. */
int redis_tls_check(const struct redis_tls *tls, struct err *err) MUST_USE;

/* On a fresh context, before anything is sent; the handshake goes on while the loop runs. Reads the files again, so
 * renewed ones need no restart. Errors as redis_tls_check, and EIO. */
int redis_tls_start(redisAsyncContext *ac, const struct redis_tls *tls, const char *host, struct err *err) MUST_USE;

/* Why TLS failed, on a context that hiredis gave up just now; NULL: not by TLS, or there is none. */
const char *redis_tls_why(const redisAsyncContext *ac);

#endif
