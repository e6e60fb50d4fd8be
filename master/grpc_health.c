/* grpc.health.v1: SERVING while jobs can be taken. A Watch is told at once, and whenever that changes. */
#include "descriptors.h"
#include "grpc.h"
#include "grpc_methods.h"
#include "master.h"

#include "health.pb-c.h"

#include <string.h>

enum { LOOK_MS = 500 };

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

struct watch {
    uv_timer_t timer;
    struct call *call;
    bool known;
    serving_status told;
};

static bool is_service(const char *name)
{
    for (size_t i = 0; i < descriptor_file_count; i++)
        for (const char *const *at = descriptor_files[i].services; *at; at++)
            if (strcmp(*at, name) == 0)
                return true;
    return *name == '\0';
}

/* Reads which service is meant: 0 and whether there is one. -1: answered. */
static int read_request(struct call *call, bool *ret_known)
{
    Grpc__Health__V1__HealthCheckRequest *request =
        grpc__health__v1__health_check_request__unpack(NULL, call->body_len, (const uint8_t *)call->body);
    if (!request) {
        call_error(call, 400, "malformed_message", NULL, "the message is no grpc.health.v1.HealthCheckRequest");
        return -1;
    }
    *ret_known = is_service(request->service);
    grpc__health__v1__health_check_request__free_unpacked(request, NULL);
    return 0;
}

static serving_status status_now(const struct call *call)
{
    return store_ready(call->master->store) ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
                                            : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
}

static void tell(struct call *call, serving_status status,
                 void (*send)(struct call *call, const void *data, size_t len))
{
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    uint8_t packed[16];
    response.status = status;
    send(call, packed, grpc__health__v1__health_check_response__pack(&response, packed));
}

static void send_only(struct call *call, const void *data, size_t len)
{
    http_answer(call, 200, "application/grpc", data, len);
}

void grpc_health_check(struct call *call)
{
    bool known;
    if (read_request(call, &known) < 0)
        return;
    if (known)
        tell(call, status_now(call), send_only);
    else
        call_not_found(call, "no such service");
}

/* ---- Watch ------------------------------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    http_unref(watch->call);
    free(watch);
}

static void stop(struct watch *watch)
{
    if (!uv_is_closing((uv_handle_t *)&watch->timer))
        uv_close((uv_handle_t *)&watch->timer, on_closed);
}

static void on_gone(void *arg)
{
    stop(arg);
}

static void look(uv_timer_t *timer)
{
    struct watch *watch = timer->data;
    struct call *call = watch->call;
    serving_status status =
        watch->known ? status_now(call) : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
    if (call->state != CALL_OPEN && call->state != CALL_STREAMING) {
        stop(watch); /* ended by a drain */
    } else if (now_mono_ms() > grpc_deadline_ms(call)) {
        call_error(call, 504, "deadline_exceeded", NULL, "the deadline is over");
        stop(watch);
    } else if (call->state == CALL_OPEN || status != watch->told) {
        watch->told = status;
        tell(call, status, grpc_send);
    }
}

void grpc_health_watch(struct call *call)
{
    bool known;
    if (read_request(call, &known) < 0)
        return;
    struct watch *watch = xcalloc(1, sizeof *watch);
    *watch = (struct watch){.call = call, .known = known};
    http_ref(call);
    call->on_gone = on_gone;
    call->on_gone_arg = watch;
    uv_timer_init(call->master->loop, &watch->timer);
    watch->timer.data = watch;
    uv_timer_start(&watch->timer, look, LOOK_MS, LOOK_MS);
    look(&watch->timer);
}
