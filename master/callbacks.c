/* Owns the deliveries under way: claimed in Redis (store_callbacks), the job read, sent, and said what came of it
 * (store_called). A delivery whose master dies, or whose end Redis did not hear, is due again when its lease is over:
 * at least once. All attempts of one end of a job carry the same delivery id. */
#include "callbacks.h"
#include "address.h"
#include "figures.h"
#include "job_view.h"
#include "log.h"
#include "master.h"
#include "outbound.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
    TICK_MS = 500,
    UNDER_WAY_MAX = 64,
    PAUSE_MOST_MS = 3600000,
    HEADER_SIZE = 192,
};

struct callbacks {
    const struct master *master;
    struct address_list allow;
    struct outbound *outbound;
    uv_timer_t timer;
    size_t under_way;
    bool asking; /* store_callbacks has not answered */
};

struct delivery {
    struct callbacks *callbacks;
    char id[JOB_ID_SIZE];
    char *url;
    int64_t attempt;
    int64_t finished_ms;
};

/* ---- the end of an attempt ------------------------------------------------------------------------------------- */

static void delivery_end(struct delivery *delivery)
{
    delivery->callbacks->under_way--;
    free(delivery->url);
    free(delivery);
}

static void on_said(void *arg, const struct err *err)
{
    struct delivery *delivery = arg;
    if (err)
        log_event(LOG_WARN, "callback's end not stored", LOG_TEXT("job", delivery->id), LOG_TEXT("error", err->msg));
    delivery_end(delivery);
}

/* Doubles with each attempt; up to a quarter more, so that those who failed together do not come back together. */
static int64_t pause_ms(const struct delivery *delivery)
{
    int64_t pause = delivery->callbacks->master->config.callback_pause_ms;
    uint16_t random;
    for (int64_t i = 1; i < delivery->attempt && pause < PAUSE_MOST_MS; i++)
        pause *= 2;
    random_bytes(&random, sizeof random);
    pause = pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS;
    return pause + pause * random / 4 / UINT16_MAX;
}

/* Where another try may help: no answer, or one that says "not now". */
static bool worth_repeating(const struct outbound_answer *answer)
{
    long status = answer->status;
    return status == 0 ? !answer->refused : status == 408 || status == 425 || status == 429 || status >= 500;
}

static void on_answer(void *arg, const struct outbound_answer *answer)
{
    struct delivery *delivery = arg;
    const struct master *master = delivery->callbacks->master;
    bool delivered = answer->status >= 200 && answer->status < 300;
    bool again = !delivered && worth_repeating(answer) && delivery->attempt < master->config.callback_attempts;
    char error[160] = "";
    if (answer->error)
        snprintf(error, sizeof error, "%s", answer->error);
    else if (!delivered)
        snprintf(error, sizeof error, "it answered %ld%s", answer->status,
                 answer->status < 400 ? ", and redirects are not followed" : "");
    metric_add(&figure_callbacks, 1, delivered ? "delivered" : again ? "again" : "failed");
    log_event(delivered ? LOG_INFO : LOG_WARN, delivered ? "callback delivered" : "callback not delivered",
              LOG_TEXT("job", delivery->id), LOG_INT("attempt", delivery->attempt), LOG_INT("status", answer->status),
              LOG_TEXT("error", *error ? error : NULL));
    store_called(master->store,
                 &(struct store_called){.id = delivery->id,
                                        .attempt = delivery->attempt,
                                        .delivered = delivered,
                                        .status = answer->status,
                                        .error = error,
                                        .retry_ms = again ? pause_ms(delivery) : -1},
                 on_said, delivery);
}

/* ---- an attempt
 * ------------------------------------------------------------------------------------------------------- */

/* HMAC-SHA256 of "<timestamp>.<body>", as hex. */
static void sign(const char *secret, const char *timestamp, const struct buf *body, char *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct buf signed_text = {0};
    buf_printf(&signed_text, "%s.", timestamp);
    buf_add(&signed_text, body->data, body->len);
    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)signed_text.data, signed_text.len,
              digest, &len))
        abort();
    buf_finish(&signed_text);
    hex_encode(digest, len, out);
}

static void send_body(struct delivery *delivery, enum job_state state, const struct buf *body)
{
    const struct callbacks *callbacks = delivery->callbacks;
    char event[HEADER_SIZE], id[HEADER_SIZE], attempt[HEADER_SIZE], time[HEADER_SIZE], signature[HEADER_SIZE];
    char timestamp[24], hex[2 * EVP_MAX_MD_SIZE + 1];
    snprintf(timestamp, sizeof timestamp, "%" PRId64, now_wall_ms() / 1000);
    sign(callbacks->master->config.callback_secret, timestamp, body, hex);
    snprintf(event, sizeof event, "X-Sentinel-Event: job.%s", job_state_name(state));
    snprintf(id, sizeof id, "X-Sentinel-Delivery: %s-%" PRId64, delivery->id, delivery->finished_ms);
    snprintf(attempt, sizeof attempt, "X-Sentinel-Attempt: %" PRId64, delivery->attempt);
    snprintf(time, sizeof time, "X-Sentinel-Timestamp: %s", timestamp);
    snprintf(signature, sizeof signature, "X-Sentinel-Signature: sha256=%s", hex);
    outbound_post(callbacks->outbound, delivery->url, (const char *[]){event, id, attempt, time, signature, NULL},
                  body->data, body->len, on_answer, delivery);
}

static void show(void *arg, const struct reply_job *reply)
{
    struct json_writer w = {0};
    reply_put_job(&w, reply);
    send_body(arg, reply->job->state, &w.buf);
    buf_finish(&w.buf);
}

static void on_job(void *arg, const struct err *err, const struct store_job *job)
{
    struct delivery *delivery = arg;
    /* What cannot be read now is due again when the lease is over; what is gone, never. */
    if (err || !job || job_view(&delivery->callbacks->master->langs, delivery->id, job, show, delivery) < 0)
        delivery_end(delivery);
}

static void on_due(void *arg, const struct err *err, const struct store_callback *due, size_t count)
{
    struct callbacks *callbacks = arg;
    callbacks->asking = false;
    for (size_t i = 0; !err && i < count; i++) {
        struct delivery *delivery = xcalloc(1, sizeof *delivery);
        *delivery = (struct delivery){.callbacks = callbacks,
                                      .url = xstrdup(due[i].url),
                                      .attempt = due[i].attempt,
                                      .finished_ms = due[i].finished_ms};
        strncpy(delivery->id, due[i].id, sizeof delivery->id - 1);
        callbacks->under_way++;
        store_get(callbacks->master->store, delivery->id, true, on_job, delivery);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct callbacks *callbacks = timer->data;
    const struct master *master = callbacks->master;
    if (callbacks->asking || callbacks->under_way >= UNDER_WAY_MAX || !store_ready(master->store))
        return;
    callbacks->asking = true;
    /* The job is read, the request sent, its end stored: all three have a deadline. */
    int64_t lease_ms = master->config.callback_timeout_ms + 2 * master->config.redis_deadline_ms + 1000;
    store_callbacks(master->store, master->language_names, master->langs.count, lease_ms,
                    UNDER_WAY_MAX - callbacks->under_way, master->config.callback_attempts, on_due, callbacks);
}

int callbacks_start(uv_loop_t *loop, const struct master *master, struct err *err)
{
    const struct config *config = &master->config;
    struct address_list allow = {0};
    if (!*config->callback_secret)
        return 0;
    if (strlen(config->callback_secret) < CALLBACK_SECRET_LEAST)
        return err_set_field(err, EINVAL, "callback-secret", "callback-secret must have at least %d characters",
                             CALLBACK_SECRET_LEAST);
    int r = address_list_parse(config->callback_allow, &allow, err);
    if (r < 0)
        return r;
    struct callbacks *callbacks = xcalloc(1, sizeof *callbacks);
    callbacks->master = master;
    callbacks->allow = allow;
    callbacks->outbound = outbound_create(loop, &callbacks->allow, config->callback_timeout_ms);
    uv_timer_init(loop, &callbacks->timer);
    callbacks->timer.data = callbacks;
    uv_timer_start(&callbacks->timer, on_tick, TICK_MS, TICK_MS);
    return 0;
}
