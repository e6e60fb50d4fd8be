/* One adapter a context; it outlives the context until its poll handle is closed. */
#include "redis_adapter.h"

#include <openssl/err.h>

struct adapter {
    uv_poll_t poll;
    redisAsyncContext *ac; /* NULL once hiredis let go */
    int events;
    void (*on_gone)(void *arg, const char *why);
    void (*on_closed)(void *arg);
    void *arg;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct adapter *a = container_of(poll, struct adapter, poll);
    ERR_clear_error(); /* hiredis takes what others left there for its own */
    if (a->ac && (status < 0 || (events & UV_READABLE)))
        redisAsyncHandleRead(a->ac);
    if (a->ac && status >= 0 && (events & UV_WRITABLE))
        redisAsyncHandleWrite(a->ac);
    if (a->ac && status < 0) /* the read found nothing wrong, but libuv polls no more */
        redisAsyncFree(a->ac);
}

static void set_events(struct adapter *a, int events)
{
    a->events = events;
    if (events)
        uv_poll_start(&a->poll, events, on_poll);
    else
        uv_poll_stop(&a->poll);
}

static void add_read(void *data)
{
    set_events(data, ((struct adapter *)data)->events | UV_READABLE);
}

static void del_read(void *data)
{
    set_events(data, ((struct adapter *)data)->events & ~UV_READABLE);
}

static void add_write(void *data)
{
    set_events(data, ((struct adapter *)data)->events | UV_WRITABLE);
}

static void del_write(void *data)
{
    set_events(data, ((struct adapter *)data)->events & ~UV_WRITABLE);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct adapter *a = container_of((uv_poll_t *)(void *)handle, struct adapter, poll);
    void (*on_closed)(void *arg) = a->on_closed;
    void *arg = a->arg;
    free(a);
    on_closed(arg);
}

static void cleanup(void *data)
{
    struct adapter *a = data;
    const char *why = a->ac->c.err ? a->ac->c.errstr : NULL;
    a->ac = NULL;
    uv_close((uv_handle_t *)&a->poll, on_handle_closed);
    a->on_gone(a->arg, why);
}

int redis_adapter_attach(redisAsyncContext *ac, uv_loop_t *loop, void (*on_gone)(void *arg, const char *why),
                         void (*on_closed)(void *arg), void *arg)
{
    struct adapter *a = xcalloc(1, sizeof *a);
    int rc = uv_poll_init(loop, &a->poll, ac->c.fd);
    if (rc < 0) {
        free(a);
        return rc;
    }
    a->ac = ac;
    a->on_gone = on_gone;
    a->on_closed = on_closed;
    a->arg = arg;
    ac->ev.data = a;
    ac->ev.addRead = add_read;
    ac->ev.delRead = del_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = cleanup;
    return 0;
}
