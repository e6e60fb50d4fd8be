/* What every carrier does alike: references, the memory that answers hold, the log and the figures of an answer. */
#include "http.h"
#include "call.h"
#include "figures.h"
#include "guard.h"

void http_ref(struct call *call)
{
    call->refs++;
}

void http_unref(struct call *call)
{
    assert(call->refs > 0);
    if (--call->refs == 0)
        call->carrier->destroy(call);
}

/* ---- the request ------------------------------------------------------------------------------------------------ */

const char *http_header(struct call *call, const char *name)
{
    return call->state == CALL_OPEN ? call->carrier->header(call, name, false) : NULL;
}

const char *http_header_all(struct call *call, const char *name)
{
    return call->state == CALL_OPEN ? call->carrier->header(call, name, true) : NULL;
}

const char *http_query(struct call *call, const char *name)
{
    return call->state == CALL_OPEN && call->carrier->query ? call->carrier->query(call, name) : NULL;
}

struct sockaddr_storage http_peer(struct call *call)
{
    if (call->state == CALL_GONE)
        return (struct sockaddr_storage){.ss_family = AF_UNSPEC};
    return call->carrier->peer(call);
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

void http_add_header(struct call *call, const char *name, const char *value)
{
    if (call->state == CALL_OPEN)
        call->carrier->add_header(call, name, value);
}

bool http_reserve(struct call *call, size_t len)
{
    const struct http_load *load = call->load;
    if (call->state != CALL_OPEN)
        return true; /* whatever is made, nobody gets it */
    if (len > HTTP_SMALL && load->answer_bytes - call->answer_bytes + len > load->max_held_bytes) {
        call_retry_later(call, "overloaded", "too many large answers are on their way", 1);
        return false;
    }
    http_call_holds(call, len);
    return true;
}

bool http_call_answers(struct call *call, int status, const char *body, size_t len)
{
    if (call->state != CALL_OPEN || !http_reserve(call, len))
        return false;
    guard_log_answer(call, status, body, len);
    figures_answered(call->route, call->method, status, now_mono_ms() - call->since_ms);
    call->state = CALL_ANSWERED;
    call->since_ms = now_mono_ms();
    call->on_gone = NULL;
    return true;
}

void http_answer(struct call *call, int status, const char *content_type, const char *body, size_t len)
{
    if (call->state == CALL_OPEN)
        call->carrier->answer(call, status, content_type, body, len);
}

/* ---- its life --------------------------------------------------------------------------------------------------- */

void http_call_start(struct call *call)
{
    call->refs = 1;
    call->since_ms = now_mono_ms();
    call->owner = "";
    call->load->open_calls++;
}

void http_call_holds(struct call *call, size_t answer_bytes)
{
    call->load->answer_bytes += answer_bytes - call->answer_bytes;
    call->answer_bytes = answer_bytes;
}

void http_call_gone(struct call *call)
{
    void (*on_gone)(void *) = call->on_gone;
    call->state = CALL_GONE;
    call->on_gone = NULL;
    http_call_holds(call, 0);
    call->load->open_calls--;
    if (on_gone)
        on_gone(call->on_gone_arg);
    http_unref(call);
}
