/* Owns an enqueue under way: it holds its call, and turns the store's answer into HTTP's words. */
#include "intake.h"
#include "call.h"
#include "figures.h"
#include "job_json.h"
#include "master.h"
#include "policy.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

enum { IDEMPOTENCY_KEY_MAX = 255, HASH_HEX_SIZE = 2 * EVP_MAX_MD_SIZE + 1 };

struct intake {
    struct call *call;
    void (*on_reply)(void *arg, const struct intake_reply *reply);
    void *arg;
};

struct submission_rules intake_rules(const struct master *master)
{
    return (struct submission_rules){
        .langs = &master->langs,
        .most = master->most,
        .max_code_bytes = master->config.max_code_bytes,
        .max_tests = master->config.max_tests,
        .max_files = master->config.max_files,
        .callbacks = *master->config.callback_secret != '\0',
    };
}

int intake_key(struct call *call, const char **ret_key, struct err *err)
{
    const char *key = http_header(call, "idempotency-key");
    size_t len = key ? strlen(key) : 0;
    bool printable = true;
    for (size_t i = 0; i < len; i++)
        printable = printable && key[i] > 0x20 && key[i] < 0x7f;
    if (key && (len == 0 || len > IDEMPOTENCY_KEY_MAX || !printable))
        return err_set_field(err, EINVAL, "Idempotency-Key",
                             "Idempotency-Key must have 1 to %d visible ASCII characters", IDEMPOTENCY_KEY_MAX);
    *ret_key = key;
    return 0;
}

/* SHA-256, so that one key with two bodies is noticed. */
static void hash_body(const char *body, size_t len, char *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    if (EVP_Digest(body, len, digest, &digest_len, EVP_sha256(), NULL) != 1)
        abort();
    hex_encode(digest, digest_len, out);
}

static struct intake_reply reply_of(const struct err *err, const struct store_enqueue_reply *stored)
{
    if (err)
        return (struct intake_reply){.status = 503,
                                     .code = err->code == EIO ? "redis_refused" : "redis_unavailable",
                                     .message = err->msg,
                                     .retry_after_s = 1};
    int64_t later_s = stored->retry_after_s > 0 ? stored->retry_after_s : 1;
    switch (stored->outcome) {
    case STORE_ENQUEUED:
    case STORE_ENQUEUE_REPEATED:
        return (struct intake_reply){.status = 202,
                                     .id = stored->id,
                                     .repeated = stored->outcome == STORE_ENQUEUE_REPEATED,
                                     .created_ms = stored->enqueued_ms};
    case STORE_ENQUEUE_CONFLICT:
        return (struct intake_reply){.status = 422,
                                     .code = "idempotency_conflict",
                                     .field = "Idempotency-Key",
                                     .message = "this key came before with another body"};
    case STORE_ENQUEUE_FULL:
        return (struct intake_reply){
            .status = 503, .code = "queue_full", .message = "the language's queue is full", .retry_after_s = later_s};
    case STORE_ENQUEUE_MEMORY:
        return (struct intake_reply){.status = 503,
                                     .code = "redis_memory",
                                     .message = "Redis has too little memory left for more jobs",
                                     .retry_after_s = later_s};
    }
    abort();
}

static void on_enqueued(void *arg, const struct err *err, const struct store_enqueue_reply *stored)
{
    struct intake *intake = arg;
    struct intake_reply reply = reply_of(err, stored);
    intake->on_reply(intake->arg, &reply);
    http_unref(intake->call);
    free(intake);
}

void intake_enqueue(struct call *call, const struct submission *submission, const char *key, const char *body,
                    size_t body_len, void (*on_reply)(void *arg, const struct intake_reply *reply), void *arg)
{
    struct policy_result policy = policy_check(call->master->policy, submission);
    if (policy.mode == POLICY_BLOCK) {
        struct intake_reply reply = {
            .status = 422, .code = "policy_violation", .field = policy.field, .message = policy.text};
        on_reply(arg, &reply);
        return;
    }
    if (policy.mode == POLICY_WARN)
        http_add_header(call, "sentinel-policy", policy.text);
    struct intake *intake = xmalloc(sizeof *intake);
    char id[JOB_ID_SIZE];
    char hash[HASH_HEX_SIZE];
    job_id_make(submission->language, id);
    if (key)
        hash_body(body, body_len, hash);
    cleanup_free char *request = submission_to_json(submission);
    *intake = (struct intake){.call = call, .on_reply = on_reply, .arg = arg};
    metric_add(&figure_submissions, 1, submission->language);
    http_ref(call);
    store_enqueue(call->master->store,
                  &(struct store_enqueue){.id = id,
                                          .owner = call->owner,
                                          .request = request,
                                          .request_len = strlen(request),
                                          .test_count = (int64_t)submission->test_count,
                                          .priority = submission->priority,
                                          .idempotency_key = key,
                                          .body_hash = key ? hash : NULL,
                                          .callback = submission->callback_url},
                  on_enqueued, intake);
}

void intake_refuse(struct call *call, const struct intake_reply *reply)
{
    if (reply->retry_after_s > 0)
        call_retry_later(call, reply->code, reply->message, reply->retry_after_s);
    else
        call_error(call, reply->status, reply->code, reply->field, reply->message);
}
