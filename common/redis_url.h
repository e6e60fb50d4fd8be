/* The address of a Redis server, taken apart. */
#ifndef SENTINEL_REDIS_URL_H
#define SENTINEL_REDIS_URL_H

#include "err.h"

/* Either path, or host and port, is set. */
struct redis_url {
    char *host;
    int port;
    char *path;     /* of a unix socket */
    char *user;     /* NULL: the default user */
    char *password; /* NULL: no AUTH */
    int db;
    bool tls;
};

/* redis://[[user][:password]@]host[:port][/db], the same with rediss://, or unix://[[user][:password]@]/path[?db=0];
 * user and password may be percent-encoded. EINVAL: the message never holds the password. */
int redis_url_parse(const char *text, struct redis_url *ret_url, struct err *err) MUST_USE;
void redis_url_finish(struct redis_url *url);

#endif
