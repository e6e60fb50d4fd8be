/* One connection to Redis on a libuv loop, over hiredis; only redis_*.c call it. Reconnects with
 * backoff and jitter, gives every command a deadline, loads scripts again when the server forgot them.
 * The program must ignore SIGPIPE: hiredis writes with write(2). */
#ifndef SENTINEL_REDIS_CLIENT_H
#define SENTINEL_REDIS_CLIENT_H

#include "err.h"
#include "redis_tls.h"

#include <hiredis/hiredis.h>
#include <uv.h>

struct redis_client;

/* Every command's callback fires exactly once, never from inside the call that started it. reply is NULL when there
 * was no answer (not connected, connection lost, deadline passed) and is freed after the callback. An error reply has
 * type REDIS_REPLY_ERROR. */
typedef void redis_reply_fn(void *arg, const redisReply *reply);

struct redis_options {
    const char *url;      /* redis://[[user][:password]@]host[:port][/db] or unix://[[user][:password]@]/path[?db=0] */
    struct redis_tls tls; /* of rediss://; its strings outlive the client */
    const char *name;     /* CLIENT SETNAME, for the operator who reads CLIENT LIST */
    int64_t deadline_ms;  /* of a command; 0: none (blocking and subscriber connections set their own) */
    /* After each connect, and each loss or try that failed. May be NULL. */
    void (*on_state)(void *arg, bool connected);
    void *arg;
};

int redis_url_check(const char *url, struct err *err) MUST_USE; /* EINVAL, the message never holds the password */

/* Starts to connect at once and keeps trying. The strings are copied. */
int redis_client_create(uv_loop_t *loop, const struct redis_options *options, struct redis_client **ret_client,
                        struct err *err) MUST_USE;
/* What is outstanding gets its NULL reply first; `on_closed` (may be NULL) fires when the loop holds nothing of it. */
void redis_client_destroy(struct redis_client *client, void (*on_closed)(void *arg), void *arg);

bool redis_client_connected(const struct redis_client *client);
/* "connected", "connecting", or why it is not ("WRONGPASS …"). Valid until the loop runs again; no secrets in it. */
const char *redis_client_state(const struct redis_client *client);
/* Lose this connection (what is outstanding gets NULL) and connect again. */
void redis_client_drop(struct redis_client *client);

/* argv as bytes. deadline_ms 0: the client's. */
void redis_command(struct redis_client *client, int argc, const char **argv, const size_t *lens, int64_t deadline_ms,
                   redis_reply_fn *on_reply, void *arg);
/* A command that need not be sent: on_reply gets NULL soon. */
void redis_refuse(struct redis_client *client, redis_reply_fn *on_reply, void *arg);

/* A Lua script, run by EVALSHA; NOSCRIPT loads it and runs it once more. argv: the keys, then the arguments. */
struct redis_script {
    const char *name;
    const char *sha; /* hex SHA-1 of the text */
    const char *text;
};
void redis_eval(struct redis_client *client, const struct redis_script *script, int key_count, int argc,
                const char **argv, const size_t *lens, redis_reply_fn *on_reply, void *arg);

/* This connection becomes a subscriber: after each (re)connect it subscribes to all channels; on_message fires for
 * each message, and `on_subscribed` after each (re)subscription, so that what was missed can be read again. Called
 * once, right after redis_client_create; such a connection takes no commands. */
void redis_subscribe(struct redis_client *client, const char *const *channels, size_t count,
                     void (*on_message)(void *arg, const char *channel, const char *data, size_t len),
                     void (*on_subscribed)(void *arg), void *arg);

#endif
