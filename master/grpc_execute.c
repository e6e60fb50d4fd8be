/* CodeExecutor, of proto/executor.proto: document 001 by gRPC. A request's fields have the names and the meaning of
 * POST /api/v1/execute's, so they are read by v1.c. */
#include "api.h"
#include "fleet.h"
#include "grpc.h"
#include "grpc_methods.h"
#include "grpc_wire.h"
#include "intake.h"
#include "master.h"
#include "v1.h"
#include "version.h"

#include "executor.pb-c.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- the request ------------------------------------------------------------------------------------------------ */

/* As a field of v1's object; what is empty was not given, as proto3 has it. */
static int put_text(cJSON *object, const char *name, const ProtobufCBinaryData *text, struct err *err)
{
    const char *data = (const char *)text->data;
    if (text->len == 0)
        return 0;
    if (!utf8_valid(data, text->len))
        return err_set_field(err, EINVAL, name, "%s must be UTF-8", name);
    if (memchr(data, 0, text->len))
        return err_set_field(err, EINVAL, name, "%s must not contain U+0000", name);
    cleanup_free char *copy = xstrndup(data, text->len);
    cJSON_AddStringToObject(object, name, copy);
    return 0;
}

static void put_number(cJSON *object, const char *name, double number)
{
    if (number != 0)
        cJSON_AddNumberToObject(object, name, number);
}

static int read_request(const Executor__ExecuteRequest *request, const struct call *call,
                        struct submission *ret_submission, struct err *err)
{
    struct submission_rules rules = intake_rules(call->master);
    cJSON *object = cJSON_CreateObject();
    int r = put_text(object, "language", &request->language, err);
    if (r == 0)
        r = put_text(object, "code", &request->code, err);
    if (r == 0)
        r = put_text(object, "input", &request->input, err);
    put_number(object, "timeout_seconds", request->timeout_seconds);
    put_number(object, "memory_limit_mb", request->memory_limit_mb);
    put_number(object, "cpu_limit", request->cpu_limit);
    if (r == 0)
        r = v1_read(object, &rules, call->master->config.v1_timeout_s, ret_submission, err);
    cJSON_Delete(object);
    return r;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static ProtobufCBinaryData bytes_of(const struct buf *text)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)text->data, .len = text->len};
}

static ProtobufCBinaryData bytes_of_str(const char *text)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)text, .len = text ? strlen(text) : 0};
}

/* The writer's buffer takes the message as it is. */
static void put_result(struct json_writer *w, const struct reply_job *reply)
{
    struct v1_run run = v1_run_of(reply->result);
    struct buf out = {0}, errout = {0};
    grpc_put_utf8(&out, run.out.data, run.out.len);
    grpc_put_utf8(&errout, run.errout.data, run.errout.len);
    Executor__ExecuteResponse response = EXECUTOR__EXECUTE_RESPONSE__INIT;
    response.stdout = bytes_of(&out);
    response.stderr = bytes_of(&errout);
    response.exit_code = (int32_t)run.exit_code;
    response.timeout = run.timeout;
    response.memory_exceeded = run.memory_exceeded;
    response.execution_time_ms = run.execution_time_ms;
    response.memory_used_mb = run.memory_used_mb;
    response.id = bytes_of_str(reply->id);
    response.verdict = bytes_of_str(verdict_name(reply->result->verdict));
    response.reason = bytes_of_str(run.reason);
    buf_reserve(&w->buf, executor__execute_response__get_packed_size(&response));
    w->buf.len += executor__execute_response__pack(&response, (uint8_t *)w->buf.data + w->buf.len);
    buf_finish(&out);
    buf_finish(&errout);
}

static void answer_unfinished(struct call *call, const char *id, enum job_state state, int64_t created_ms)
{
    char message[128 + JOB_ID_SIZE];
    bool draining = grpc_is_draining(call) && now_mono_ms() < grpc_deadline_ms(call);
    (void)state;
    (void)created_ms;
    snprintf(message, sizeof message, "%s: GET /job/%s has its result later",
             draining ? "this server is going down before the job ended" : "the job has not ended in time", id);
    http_add_header(call, "sentinel-job", id);
    call_error(call, draining ? 503 : 504, draining ? "draining" : "timed_out", NULL, message);
}

static const struct job_form form = {
    .put = put_result,
    .answer_unfinished = answer_unfinished,
    .completed_only = true,
};

/* As long as the client waits, and as the service lets it. */
static int64_t wait_ms(const struct call *call)
{
    int64_t most = call->master->config.max_wait_s * 1000, left = grpc_deadline_ms(call);
    if (left != INT64_MAX)
        left -= now_mono_ms();
    return left < 0 ? 0 : left < most ? left : most;
}

static void on_reply(void *arg, const struct intake_reply *reply)
{
    struct call *call = arg;
    if (reply->status != 202)
        intake_refuse(call, reply);
    else if (call->state == CALL_OPEN)
        api_job_answer(call, reply->id, wait_ms(call), &form);
}

/* ---- handlers --------------------------------------------------------------------------------------------------- */

void grpc_execute(struct call *call)
{
    struct submission submission;
    struct err err = {0};
    const char *key = NULL;
    Executor__ExecuteRequest *request =
        executor__execute_request__unpack(NULL, call->body_len, (const uint8_t *)call->body);
    if (!request) {
        call_error(call, 400, "malformed_message", NULL, "the message is no executor.ExecuteRequest");
        return;
    }
    int r = intake_key(call, &key, &err);
    if (r == 0)
        r = read_request(request, call, &submission, &err);
    executor__execute_request__free_unpacked(request, NULL);
    if (r < 0) {
        call_bad_request(call, &err);
        return;
    }
    intake_enqueue(call, &submission, key, call->body, call->body_len, on_reply, call);
    submission_finish(&submission);
}

static void on_load(void *arg, const struct err *err, const struct store_load *load)
{
    struct call *call = arg;
    struct fleet fleet;
    Executor__HealthResponse response = EXECUTOR__HEALTH_RESPONSE__INIT;
    uint8_t packed[256];
    fleet_init(&fleet, err ? NULL : load);
    const char *status = fleet_status(&fleet, !err && store_ready(call->master->store));
    response.status = bytes_of_str(status);
    response.version = bytes_of_str(SENTINEL_VERSION);
    fleet_finish(&fleet);
    assert(executor__health_response__get_packed_size(&response) <= sizeof packed);
    http_answer(call, 200, "application/grpc", (const char *)packed,
                executor__health_response__pack(&response, packed));
    http_unref(call);
}

void grpc_health(struct call *call)
{
    const struct master *master = call->master;
    http_ref(call);
    store_load(master->store, master->language_names, master->langs.count, on_load, call);
}
