/* POST /execute: a submission becomes a job in its language's queue. */
#include "api.h"
#include "job_json.h"
#include "master.h"
#include "submission.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

enum { IDEMPOTENCY_KEY_MAX = 255, HASH_HEX_SIZE = 2 * EVP_MAX_MD_SIZE + 1 };

struct execute {
    struct call *call;
    int64_t wait_ms;
};

static void on_enqueued(void *arg, const struct err *err, const struct store_enqueue_reply *reply)
{
    struct execute *execute = arg;
    struct call *call = execute->call;
    if (err)
        call_store_failed(call, err);
    else if (reply->outcome == STORE_ENQUEUE_CONFLICT)
        call_error(call, 409, "idempotency_conflict", "Idempotency-Key", "this key came before with another body");
    else if (reply->outcome == STORE_ENQUEUE_FULL)
        call_retry_later(call, "queue_full", "the language's queue is full", reply->retry_after_s);
    else if (reply->outcome == STORE_ENQUEUE_MEMORY)
        call_retry_later(call, "redis_memory", "Redis has too little memory left for more jobs", reply->retry_after_s);
    else if (reply->outcome == STORE_ENQUEUED && execute->wait_ms == 0)
        api_job_answer_accepted(call, reply->id, JOB_QUEUED, reply->enqueued_ms);
    else
        api_job_answer(call, reply->id, execute->wait_ms, JOB_FORM_ACCEPTED);
    http_unref(call);
    free(execute);
}

/* SHA-256, so that one key with two bodies is noticed. */
static void hash_body(const struct call *call, char *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_Digest(call->body, call->body_len, digest, &len, EVP_sha256(), NULL) != 1)
        abort();
    hex_encode(digest, len, out);
}

static int check_idempotency_key(const char *key, struct err *err)
{
    size_t len = strlen(key);
    bool printable = true;
    for (size_t i = 0; i < len; i++)
        printable = printable && key[i] > 0x20 && key[i] < 0x7f;
    if (len == 0 || len > IDEMPOTENCY_KEY_MAX || !printable)
        return err_set_field(err, EINVAL, "Idempotency-Key",
                             "Idempotency-Key must have 1 to %d visible ASCII characters", IDEMPOTENCY_KEY_MAX);
    return 0;
}

static void enqueue(struct call *call, const struct submission *submission, const char *key, int64_t wait_ms)
{
    struct execute *execute = xmalloc(sizeof *execute);
    char id[JOB_ID_SIZE];
    char hash[HASH_HEX_SIZE];
    job_id_make(submission->language, id);
    if (key)
        hash_body(call, hash);
    cleanup_free char *request = submission_to_json(submission);
    *execute = (struct execute){.call = call, .wait_ms = wait_ms};
    http_ref(call);
    store_enqueue(call->master->store,
                  &(struct store_enqueue){.id = id,
                                          .owner = call->owner,
                                          .request = request,
                                          .request_len = strlen(request),
                                          .test_count = (int64_t)submission->test_count,
                                          .priority = submission->priority,
                                          .idempotency_key = key,
                                          .body_hash = key ? hash : NULL},
                  on_enqueued, execute);
}

void api_execute(struct call *call)
{
    const struct master *master = call->master;
    struct submission_rules rules = {
        .langs = &master->langs,
        .most = master->most,
        .max_code_bytes = master->config.max_code_bytes,
        .max_tests = master->config.max_tests,
        .max_files = master->config.max_files,
    };
    struct submission submission;
    struct err err = {0};
    int64_t wait_ms;
    if (!call_body_is_json(call))
        return;
    const char *key = http_header(call, "idempotency-key");
    if ((key && check_idempotency_key(key, &err) < 0) ||
        call_wait_ms(call, master->config.execute_wait_s, &wait_ms, &err) < 0 ||
        submission_parse(call->body, call->body_len, &rules, &submission, &err) < 0) {
        call_bad_request(call, &err);
        return;
    }
    enqueue(call, &submission, key, wait_ms);
    submission_finish(&submission);
}
