/* Owns one hiredis context at a time, and the list of commands that it has not answered, oldest first.
 * Invariants: `ac` is set exactly in HANDSHAKE and READY (and in CLOSING until hiredis let go of it); on_gone is the
 * one place where a context ends, whoever ended it; the timer belongs to the phase. */
#include "redis_client.h"

#include "redis_adapter.h"
#include "redis_url.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { CONNECT_MS = 5000, BACKOFF_FIRST_MS = 50, BACKOFF_MOST_MS = 2000 };

enum phase {
    PHASE_WAITING,   /* the timer runs to the next try */
    PHASE_RESOLVING, /* the resolver has its own time limits */
    PHASE_HANDSHAKE, /* connecting, AUTH, SETNAME, SUBSCRIBE; the timer is its deadline */
    PHASE_READY,     /* the timer is the deadline of the oldest command */
    PHASE_CLOSING,
};

/* A command whose reply is due. */
struct pending {
    struct redis_client *client;
    struct pending *next;
    int64_t due_ms; /* monotonic; 0: no deadline */
    redis_reply_fn *on_reply;
    void *arg;
    const struct redis_script *script; /* set: on NOSCRIPT load it and send `cmd` again, once */
    char *cmd;
    size_t cmd_len;
};

struct pending_list {
    struct pending *head;
    struct pending **tail;
};

struct redis_client {
    uv_loop_t *loop;
    struct redis_url url;
    struct redis_tls tls;
    char *name;
    int64_t deadline_ms;
    void (*on_state)(void *arg, bool connected);
    void *arg;

    enum phase phase;
    redisAsyncContext *ac;
    uv_timer_t timer;
    uv_getaddrinfo_t resolver;
    unsigned tries;    /* since it was last ready */
    size_t steps_left; /* replies until the handshake is done */
    char why[160];     /* the last failure; empty when ready */
    struct pending_list sent;
    struct pending_list refused; /* get their NULL from the defer timer */
    uv_timer_t defer;

    char **channels; /* a subscriber's, else NULL */
    size_t channel_count;
    void (*on_message)(void *arg, const char *channel, const char *data, size_t len);
    void (*on_subscribed)(void *arg);
    void *subscriber_arg;

    int handles; /* and requests that the loop still holds */
    void (*on_closed)(void *arg);
    void *closed_arg;
};

static void on_timer(uv_timer_t *timer);
static void lost(struct redis_client *client);

int redis_url_check(const char *url, struct err *err)
{
    struct redis_url parsed;
    int rc = redis_url_parse(url, &parsed, err);
    if (rc == 0)
        redis_url_finish(&parsed);
    return rc;
}

/* ---- commands ------------------------------------------------------------------------------------------------- */

static void list_add(struct pending_list *list, struct pending *p)
{
    p->next = NULL;
    *list->tail = p;
    list->tail = &p->next;
}

static struct pending *list_take(struct pending_list *list)
{
    struct pending *p = list->head;
    if (p && !(list->head = p->next))
        list->tail = &list->head;
    return p;
}

static void answer(struct pending *p, const redisReply *reply)
{
    p->on_reply(p->arg, reply);
    redisFreeCommand(p->cmd);
    free(p);
}

static void answer_refused(struct redis_client *client)
{
    struct pending *p = client->refused.head;
    client->refused = (struct pending_list){.tail = &client->refused.head};
    while (p) { /* what the callbacks refuse anew goes to the next turn */
        struct pending *next = p->next;
        answer(p, NULL);
        p = next;
    }
}

static void on_defer(uv_timer_t *timer)
{
    answer_refused(container_of(timer, struct redis_client, defer));
}

static void refuse(struct pending *p)
{
    struct redis_client *client = p->client;
    list_add(&client->refused, p);
    if (client->phase != PHASE_CLOSING)
        uv_timer_start(&client->defer, on_defer, 0, 0);
}

static void watch_oldest(struct redis_client *client)
{
    const struct pending *oldest = client->sent.head;
    if (client->phase != PHASE_READY || !oldest || !oldest->due_ms || uv_is_active((uv_handle_t *)&client->timer))
        return;
    int64_t left = oldest->due_ms - now_mono_ms();
    /* Never 0: a timer that is due again at once keeps libuv from ever reading what it waits for. */
    uv_timer_start(&client->timer, on_timer, left > 0 ? (uint64_t)left : 1, 0);
}

static bool is_error(const redisReply *reply, const char *code)
{
    return reply && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, code, strlen(code)) == 0;
}

static void on_reply(redisAsyncContext *ac, void *r, void *privdata);

static void send_pending(struct pending *p)
{
    struct redis_client *client = p->client;
    if (!client->ac || redisAsyncFormattedCommand(client->ac, on_reply, p, p->cmd, p->cmd_len) != REDIS_OK) {
        refuse(p);
        return;
    }
    list_add(&client->sent, p);
    watch_oldest(client);
}

static struct pending *pending_make(struct redis_client *client, int argc, const char **argv, const size_t *lens,
                                    int64_t deadline_ms, redis_reply_fn *reply_fn, void *arg)
{
    struct pending *p = xcalloc(1, sizeof *p);
    p->client = client;
    p->due_ms = deadline_ms > 0 ? now_mono_ms() + deadline_ms : 0;
    p->on_reply = reply_fn;
    p->arg = arg;
    long long len = argc > 0 ? redisFormatCommandArgv(&p->cmd, argc, argv, lens) : 0;
    if (len < 0)
        abort();
    p->cmd_len = (size_t)len;
    return p;
}

static void ignore_reply(void *arg, const redisReply *reply)
{
    (void)arg;
    (void)reply; /* of SCRIPT LOAD: what matters is the answer of the command behind it */
}

static void send_again(struct pending *p)
{
    const char *load[] = {"SCRIPT", "LOAD", p->script->text};
    p->script = NULL;
    send_pending(pending_make(p->client, 3, load, NULL, p->client->deadline_ms, ignore_reply, NULL));
    send_pending(p);
}

static void on_reply(redisAsyncContext *ac, void *r, void *privdata)
{
    (void)ac;
    const redisReply *reply = r;
    struct redis_client *client = ((struct pending *)privdata)->client;
    struct pending *p = list_take(&client->sent);
    assert(p == privdata); /* Redis answers in order */
    if (p->script && is_error(reply, "NOSCRIPT")) {
        send_again(p);
        return;
    }
    /* This server was made a replica: its name leads to another one by now. */
    bool demoted = is_error(reply, "READONLY");
    answer(p, reply);
    if (demoted)
        redis_client_drop(client);
}

void redis_refuse(struct redis_client *client, redis_reply_fn *reply_fn, void *arg)
{
    refuse(pending_make(client, 0, NULL, NULL, 0, reply_fn, arg));
}

void redis_command(struct redis_client *client, int argc, const char **argv, const size_t *lens, int64_t deadline_ms,
                   redis_reply_fn *reply_fn, void *arg)
{
    assert(!client->channels);
    if (client->phase != PHASE_READY) {
        redis_refuse(client, reply_fn, arg);
        return;
    }
    int64_t deadline = deadline_ms ? deadline_ms : client->deadline_ms;
    send_pending(pending_make(client, argc, argv, lens, deadline, reply_fn, arg));
}

void redis_eval(struct redis_client *client, const struct redis_script *script, int key_count, int argc,
                const char **argv, const size_t *lens, redis_reply_fn *reply_fn, void *arg)
{
    assert(!client->channels);
    if (client->phase != PHASE_READY) {
        redis_refuse(client, reply_fn, arg);
        return;
    }
    char keys[16];
    snprintf(keys, sizeof keys, "%d", key_count);
    size_t count = (size_t)argc + 3;
    cleanup_free const char **all = xcalloc(count, sizeof *all);
    cleanup_free size_t *all_lens = xcalloc(count, sizeof *all_lens);
    all[0] = "EVALSHA";
    all[1] = script->sha;
    all[2] = keys;
    for (size_t i = 0; i < count; i++) {
        if (i >= 3)
            all[i] = argv[i - 3];
        all_lens[i] = i >= 3 && lens ? lens[i - 3] : strlen(all[i]);
    }
    struct pending *p = pending_make(client, (int)count, all, all_lens, client->deadline_ms, reply_fn, arg);
    p->script = script;
    send_pending(p);
}

/* ---- losing the context --------------------------------------------------------------------------------------- */

static void release_handle(struct redis_client *client)
{
    if (--client->handles > 0)
        return;
    while (client->refused.head) /* a callback may have asked for more */
        answer_refused(client);
    for (size_t i = 0; i < client->channel_count; i++)
        free(client->channels[i]);
    free(client->channels);
    free(client->name);
    redis_url_finish(&client->url);
    void (*on_closed)(void *arg) = client->on_closed;
    void *arg = client->closed_arg;
    free(client);
    if (on_closed)
        on_closed(arg);
}

static void on_adapter_closed(void *arg)
{
    release_handle(arg);
}

static void on_gone(void *arg, const char *why)
{
    struct redis_client *client = arg;
    const char *tls_why = why ? redis_tls_why(client->ac) : NULL;
    if (tls_why)
        snprintf(client->why, sizeof client->why, "TLS: %s", tls_why);
    else if (why)
        snprintf(client->why, sizeof client->why, "%s", why);
    client->ac = NULL;
    lost(client);
}

/* ---- connecting, in the order in which it goes ---------------------------------------------------------------- */

static void retry_later(struct redis_client *client)
{
    unsigned doublings = client->tries < 6 ? client->tries : 6;
    uint64_t most = (uint64_t)BACKOFF_FIRST_MS << doublings;
    if (most > BACKOFF_MOST_MS)
        most = BACKOFF_MOST_MS;
    unsigned char jitter;
    random_bytes(&jitter, 1);
    client->tries++;
    client->phase = PHASE_WAITING;
    uv_timer_start(&client->timer, on_timer, most / 2 + most * jitter / 512, 0);
    if (client->on_state)
        client->on_state(client->arg, false);
}

static void become_ready(struct redis_client *client)
{
    client->phase = PHASE_READY;
    client->tries = 0;
    client->why[0] = '\0';
    uv_timer_stop(&client->timer);
    if (client->on_subscribed)
        client->on_subscribed(client->subscriber_arg);
    if (client->on_state)
        client->on_state(client->arg, true);
}

static void on_pubsub(redisAsyncContext *ac, void *r, void *privdata)
{
    (void)ac;
    struct redis_client *client = privdata;
    const redisReply *reply = r;
    if (!reply || client->phase == PHASE_CLOSING || reply->type != REDIS_REPLY_ARRAY || reply->elements < 3)
        return;
    const redisReply *kind = reply->element[0], *channel = reply->element[1], *data = reply->element[2];
    if (kind->type != REDIS_REPLY_STRING || channel->type != REDIS_REPLY_STRING)
        return;
    if (strcmp(kind->str, "message") == 0 && data->type == REDIS_REPLY_STRING)
        client->on_message(client->subscriber_arg, channel->str, data->str, data->len);
    else if (strcmp(kind->str, "subscribe") == 0 && client->steps_left > 0 && --client->steps_left == 0)
        become_ready(client);
}

static void subscribe(struct redis_client *client)
{
    client->steps_left = client->channel_count;
    cleanup_free const char **argv = xcalloc(client->channel_count + 1, sizeof *argv);
    argv[0] = "SUBSCRIBE";
    for (size_t i = 0; i < client->channel_count; i++)
        argv[i + 1] = client->channels[i];
    /* A failure ends the context, and with it this try. */
    redisAsyncCommandArgv(client->ac, on_pubsub, client, (int)client->channel_count + 1, argv, NULL);
}

static void on_handshake(void *arg, const redisReply *reply)
{
    struct redis_client *client = arg;
    if (!reply || client->phase != PHASE_HANDSHAKE)
        return;
    if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(client->why, sizeof client->why, "%s", reply->str);
        redis_client_drop(client);
    } else if (--client->steps_left == 0) {
        if (client->channels)
            subscribe(client);
        else
            become_ready(client);
    }
}

static void handshake_step(struct redis_client *client, int argc, const char **argv)
{
    client->steps_left++;
    send_pending(pending_make(client, argc, argv, NULL, 0, on_handshake, client));
}

static void begin_handshake(struct redis_client *client)
{
    client->phase = PHASE_HANDSHAKE;
    client->steps_left = 0;
    uv_timer_start(&client->timer, on_timer, CONNECT_MS, 0);
    const struct redis_url *url = &client->url;
    if (url->password && url->user)
        handshake_step(client, 3, (const char *[]){"AUTH", url->user, url->password});
    else if (url->password)
        handshake_step(client, 2, (const char *[]){"AUTH", url->password});
    if (url->db > 0) {
        char db[16];
        snprintf(db, sizeof db, "%d", url->db);
        handshake_step(client, 2, (const char *[]){"SELECT", db});
    }
    handshake_step(client, 3, (const char *[]){"CLIENT", "SETNAME", client->name});
}

/* Gives the fresh context to the loop. */
static int attach(struct redis_client *client, redisAsyncContext *ac, struct err *err)
{
    if (ac->err)
        return err_set(err, EIO, "%s", ac->errstr);
    int rc = client->url.tls ? redis_tls_start(ac, &client->tls, client->url.host, err) : 0;
    if (rc == 0 && (rc = redis_adapter_attach(ac, client->loop, on_gone, on_adapter_closed, client)) < 0)
        return err_set(err, -rc, "%s", uv_strerror(rc));
    return rc;
}

static void begin(struct redis_client *client, redisAsyncContext *ac)
{
    struct err err = {0};
    if (!ac)
        abort();
    if (attach(client, ac, &err) < 0) {
        snprintf(client->why, sizeof client->why, "%.*s", (int)sizeof client->why - 1, err.msg);
        redisAsyncFree(ac);
        retry_later(client);
        return;
    }
    (void)fcntl(ac->c.fd, F_SETFD, FD_CLOEXEC); /* hiredis does not; a box must not inherit it */
    client->handles++;
    client->ac = ac;
    begin_handshake(client);
}

/* A peer that vanished without a word is found out on connections that only listen, too. */
static void keep_alive(int fd)
{
    const struct {
        int level, option, value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 15},
        {IPPROTO_TCP, TCP_KEEPINTVL, 5},
        {IPPROTO_TCP, TCP_KEEPCNT, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        (void)setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof options[i].value);
}

static void connect_tcp(struct redis_client *client, const struct addrinfo *found)
{
    unsigned count = 0;
    for (const struct addrinfo *a = found; a; a = a->ai_next)
        count++;
    for (unsigned skip = client->tries % count; skip > 0; skip--) /* each try takes the next address */
        found = found->ai_next;
    char ip[64] = "";
    uv_ip_name(found->ai_addr, ip, sizeof ip);
    redisAsyncContext *ac = redisAsyncConnect(ip, client->url.port);
    if (ac && !ac->err)
        keep_alive(ac->c.fd);
    begin(client, ac);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    struct redis_client *client = container_of(req, struct redis_client, resolver);
    if (client->phase == PHASE_RESOLVING && status == 0 && found) {
        connect_tcp(client, found);
    } else if (client->phase == PHASE_RESOLVING) {
        snprintf(client->why, sizeof client->why, "%.80s: %s", client->url.host, uv_strerror(status));
        retry_later(client);
    }
    uv_freeaddrinfo(found);
    release_handle(client);
}

static void begin_connect(struct redis_client *client)
{
    if (client->url.path) {
        begin(client, redisAsyncConnectUnix(client->url.path));
        return;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char port[8];
    snprintf(port, sizeof port, "%d", client->url.port);
    client->phase = PHASE_RESOLVING;
    client->handles++;
    int rc = uv_getaddrinfo(client->loop, &client->resolver, on_resolved, client->url.host, port, &hints);
    if (rc < 0) {
        client->handles--;
        snprintf(client->why, sizeof client->why, "%.80s: %s", client->url.host, uv_strerror(rc));
        retry_later(client);
    }
}

static void time_out(struct redis_client *client, const char *why)
{
    snprintf(client->why, sizeof client->why, "%s", why);
    redis_client_drop(client);
}

/* Answers that came while our own loop was busy are read before Redis is blamed for them. */
static bool answers_wait(const struct redis_client *client)
{
    struct pollfd socket = {.fd = client->ac->c.fd, .events = POLLIN};
    return poll(&socket, 1, 0) > 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct redis_client *client = container_of(timer, struct redis_client, timer);
    if (client->phase == PHASE_WAITING)
        begin_connect(client);
    else if (client->phase == PHASE_HANDSHAKE)
        time_out(client, "no connection in time");
    else if (client->phase == PHASE_READY && client->sent.head && client->sent.head->due_ms &&
             client->sent.head->due_ms <= now_mono_ms() && !answers_wait(client))
        time_out(client, "no answer in time");
    else
        watch_oldest(client);
}

/* ---- ending --------------------------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    release_handle(handle->data);
}

static void close_timers(struct redis_client *client)
{
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
    uv_close((uv_handle_t *)&client->defer, on_timer_closed);
}

/* The context is gone, for whatever reason. */
static void lost(struct redis_client *client)
{
    if (client->phase == PHASE_CLOSING) {
        close_timers(client);
        return;
    }
    retry_later(client);
}

void redis_client_drop(struct redis_client *client)
{
    if (client->ac)
        redisAsyncFree(client->ac); /* from a callback of its own: when that has returned */
}

void redis_client_destroy(struct redis_client *client, void (*on_closed)(void *arg), void *arg)
{
    client->on_closed = on_closed;
    client->closed_arg = arg;
    if (client->phase == PHASE_RESOLVING)
        uv_cancel((uv_req_t *)&client->resolver);
    client->phase = PHASE_CLOSING;
    if (client->ac)
        redisAsyncFree(client->ac);
    else
        close_timers(client);
}

/* ---- creating ------------------------------------------------------------------------------------------------- */

/* CLIENT SETNAME takes no blanks. */
static char *client_name(const char *name)
{
    char *copy = xstrdup(name);
    for (char *c = copy; *c; c++)
        if (*c < '!' || *c > '~')
            *c = '-';
    return copy;
}

static int check_tls(bool wanted, const struct redis_tls *tls, struct err *err)
{
    const char *const set[] = {tls->ca_file, tls->cert_file, tls->key_file, tls->server_name};
    bool any = tls->unverified;
    for (size_t i = 0; i < ARRAY_LEN(set); i++)
        any |= set[i] && *set[i];
    if (any && !wanted) /* who set them believes that nobody can listen */
        return err_set_field(err, EINVAL, "redis-url", "there are settings of TLS, and redis-url is not rediss://");
    return wanted ? redis_tls_check(tls, err) : 0;
}

int redis_client_create(uv_loop_t *loop, const struct redis_options *options, struct redis_client **ret_client,
                        struct err *err)
{
    struct redis_url url;
    int rc = redis_url_parse(options->url, &url, err);
    if (rc < 0)
        return rc;
    rc = check_tls(url.tls, &options->tls, err);
    if (rc < 0) {
        redis_url_finish(&url);
        return rc;
    }
    struct redis_client *client = xcalloc(1, sizeof *client);
    client->loop = loop;
    client->url = url;
    client->tls = options->tls;
    client->name = client_name(options->name);
    client->deadline_ms = options->deadline_ms;
    client->on_state = options->on_state;
    client->arg = options->arg;
    client->sent.tail = &client->sent.head;
    client->refused.tail = &client->refused.head;
    uv_timer_init(loop, &client->timer);
    uv_timer_init(loop, &client->defer);
    client->timer.data = client->defer.data = client;
    client->handles = 2;
    uv_timer_start(&client->timer, on_timer, 0, 0); /* not from inside this call */
    *ret_client = client;
    return 0;
}

void redis_subscribe(struct redis_client *client, const char *const *channels, size_t count,
                     void (*on_message)(void *arg, const char *channel, const char *data, size_t len),
                     void (*on_subscribed)(void *arg), void *arg)
{
    assert(client->phase == PHASE_WAITING && client->tries == 0 && count > 0);
    client->channels = xcalloc(count, sizeof *client->channels);
    client->channel_count = count;
    for (size_t i = 0; i < count; i++)
        client->channels[i] = xstrdup(channels[i]);
    client->on_message = on_message;
    client->on_subscribed = on_subscribed;
    client->subscriber_arg = arg;
}

bool redis_client_connected(const struct redis_client *client)
{
    return client->phase == PHASE_READY;
}

const char *redis_client_state(const struct redis_client *client)
{
    if (client->phase == PHASE_READY)
        return "connected";
    return client->why[0] ? client->why : "connecting";
}
