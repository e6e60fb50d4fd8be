/* Who executed how much, in buckets of an hour that Redis forgets after STORE_USAGE_HOURS. */
#include "store_internal.h"

#include <string.h>

#include <openssl/evp.h>

enum { FIGURES = 10, SUBJECT_SIZE = 2 + 2 * 20 + 1 };

/* A subject's name in a bucket: of one length, whatever the words are, and no two that run together. */
static void subject_name(char kind, const char *owner, const char *user, char *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    cleanup_free char *text = xasprintf("%zu:%s%s", strlen(owner), owner, user);
    if (EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL) != 1)
        abort();
    out[0] = kind;
    out[1] = ':';
    hex_encode(digest, len, out + 2);
}

static void on_record(struct store_op *op, struct err *err, const redisReply *reply)
{
    (void)reply;
    op->cb.plain(op->arg, err);
}

void store_record(struct store *store, const char *language, const struct store_execution *done,
                  void (*cb)(void *arg, const struct err *err), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    char owner[SUBJECT_SIZE], user[SUBJECT_SIZE], anybodys[SUBJECT_SIZE];
    op->cb.plain = cb;
    args_own(&a, store_base(store, language));
    args_str(&a, job_state_name(done->state));
    args_int(&a, done->accepted);
    args_int(&a, done->ms);
    args_int(&a, done->memory_kb);
    args_int(&a, STORE_USAGE_USERS_MOST);
    args_int(&a, (STORE_USAGE_HOURS + 1) * INT64_C(3600000));
    args_str(&a, "all");
    if (*done->owner) {
        subject_name('o', done->owner, "", owner);
        args_str(&a, owner);
    }
    if (done->user) {
        subject_name('u', done->owner, done->user, user);
        args_str(&a, user);
    }
    if (done->user && *done->owner) { /* for the admin, who asks for a user whatever key it came with */
        subject_name('u', "", done->user, anybodys);
        args_str(&a, anybodys);
    }
    store_op_eval(op, &store_script_record, 1, &a, on_record);
}

static bool read_usage(const redisReply *row, struct store_usage *out)
{
    if (!reply_is_array(row, FIGURES))
        return false;
    int64_t *const fields[FIGURES] = {&out->executions, &out->accepted,  &out->completed, &out->failed,
                                      &out->cancelled,  &out->ms,        &out->memory_kb, &out->memory_peak_kb,
                                      &out->to_100_ms,  &out->to_1000_ms};
    for (size_t i = 0; i < FIGURES; i++)
        *fields[i] = reply_int(row->element[i]);
    return true;
}

static void on_usage(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct err malformed;
    cleanup_free struct store_usage *rows = xcalloc(op->count + 1, sizeof *rows);
    bool good = !err && reply_is_array(reply, op->count);
    for (size_t i = 0; good && i < op->count; i++)
        good = read_usage(reply->element[i], &rows[i]);
    if (!err && !good)
        err = reply_malformed(&malformed, "usage");
    op->cb.usage(op->arg, err, err ? NULL : rows);
}

void store_usage(struct store *store, const char *const *languages, size_t count, int64_t hours, const char *owner,
                 const char *user, void (*cb)(void *arg, const struct err *err, const struct store_usage *rows),
                 void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    char subject[SUBJECT_SIZE] = "all";
    op->cb.usage = cb;
    op->count = count;
    if (user)
        subject_name('u', owner ? owner : "", user, subject);
    else if (owner && *owner)
        subject_name('o', owner, "", subject);
    for (size_t i = 0; i < count; i++)
        args_own(&a, store_base(store, languages[i]));
    args_int(&a, hours);
    args_str(&a, subject);
    store_op_eval(op, &store_script_usage, (int)count, &a, on_usage);
}
