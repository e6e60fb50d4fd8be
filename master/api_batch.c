/* POST /execute/batch: up to a hundred submissions, each accepted or refused by itself; one reply each, in order. */
#include "api.h"
#include "fields.h"
#include "intake.h"
#include "master.h"
#include "ratelimit.h"
#include "reply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { BATCH_MAX = 100 };

struct batch {
    struct call *call;
    size_t count;
    size_t pending; /* replies that are due, and the beginning */
    size_t accepted;
    struct item *items;
};

struct item {
    struct batch *batch;
    struct json_writer reply; /* one object, once it is there */
};

/* ---- the end ------------------------------------------------------------------------------------------------- */

static void batch_answer(struct batch *batch)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_int(&w, "count", (int64_t)batch->count);
    json_put_int(&w, "accepted", (int64_t)batch->accepted);
    json_open(&w, "replies", '[');
    for (size_t i = 0; i < batch->count; i++)
        json_put_raw(&w, NULL, batch->items[i].reply.buf.data, batch->items[i].reply.buf.len);
    json_close(&w, ']');
    json_close(&w, '}');
    call_reply(batch->call, 202, &w);
    for (size_t i = 0; i < batch->count; i++)
        buf_finish(&batch->items[i].reply.buf);
    http_unref(batch->call);
    free(batch->items);
    free(batch);
}

static void batch_unpend(struct batch *batch)
{
    if (--batch->pending == 0)
        batch_answer(batch);
}

/* As the error that POST /execute would answer, with what its status line and headers would say beside it. */
static void put_refusal(struct item *item, const struct intake_reply *reply)
{
    struct json_writer *w = &item->reply;
    json_open(w, NULL, '{');
    json_put_int(w, "httpStatus", reply->status);
    if (reply->retry_after_s > 0)
        json_put_int(w, "retryAfter", reply->retry_after_s);
    call_put_error(w, reply->code, reply->field, reply->message);
    json_close(w, '}');
}

static void on_item_reply(void *arg, const struct intake_reply *reply)
{
    struct item *item = arg;
    struct batch *batch = item->batch;
    if (reply->status == 202) {
        batch->accepted++;
        reply_put_accepted(&item->reply, reply->id, JOB_QUEUED, reply->created_ms);
    } else {
        put_refusal(item, reply);
    }
    batch_unpend(batch);
}

/* ---- the beginning ------------------------------------------------------------------------------------------- */

struct reader {
    struct fields in;
    const cJSON *list;
};

static int read_submissions(struct fields *in, const cJSON *value)
{
    container_of(in, struct reader, in)->list = value;
    return fields_array(in, value, 1, BATCH_MAX);
}

static const struct field batch_fields[] = {
    {"submissions", read_submissions},
};

static int read_batch(const cJSON *root, const cJSON **ret_list, struct err *err)
{
    struct reader r = {.in.err = err};
    if (!cJSON_IsObject(root))
        return err_set(err, EINVAL, "the body must be a JSON object");
    int result = fields_read_object(&r.in, root, batch_fields, ARRAY_LEN(batch_fields));
    if (result == 0 && !r.list)
        result = fields_refuse(&r.in, "submissions", "is required");
    if (result == 0)
        *ret_list = r.list;
    return result;
}

/* A submission's own key is the batch's and its place; a space stands in no client's key. */
static void item_begin(struct item *item, size_t index, const cJSON *value, const char *batch_key)
{
    struct call *call = item->batch->call;
    struct submission_rules rules = intake_rules(call->master);
    struct submission submission;
    struct err err = {0};
    if (submission_read(value, &rules, &submission, &err) < 0) {
        put_refusal(item, &(struct intake_reply){
                              .status = 422, .code = "invalid_request", .field = err.field, .message = err.msg});
        batch_unpend(item->batch);
        return;
    }
    cleanup_free char *key = batch_key ? xasprintf("%s %zu", batch_key, index) : NULL;
    char *body = key ? cJSON_PrintUnformatted(value) : NULL;
    intake_enqueue(call, &submission, key, body, body ? strlen(body) : 0, on_item_reply, item);
    cJSON_free(body);
    submission_finish(&submission);
}

static void batch_begin(struct call *call, const cJSON *list, const char *key)
{
    struct batch *batch = xmalloc(sizeof *batch);
    size_t count = (size_t)cJSON_GetArraySize(list);
    *batch = (struct batch){
        .call = call, .count = count, .pending = count + 1, .items = xcalloc(count, sizeof *batch->items)};
    ratelimit_charge(call, (int64_t)count - 1);
    http_ref(call);
    struct item *item = batch->items;
    const cJSON *value;
    cJSON_ArrayForEach(value, list)
    {
        item->batch = batch;
        size_t index = (size_t)(item - batch->items);
        item_begin(item++, index, value, key);
    }
    batch_unpend(batch);
}

void api_batch(struct call *call)
{
    struct err err = {0};
    cJSON *root = NULL;
    const cJSON *list = NULL;
    const char *key = NULL;
    if (!call_body_is_json(call))
        return;
    if (intake_key(call, &key, &err) < 0 || json_parse(call->body, call->body_len, &root, &err) < 0 ||
        read_batch(root, &list, &err) < 0)
        call_bad_request(call, &err);
    else
        batch_begin(call, list, key);
    cJSON_Delete(root);
}
