/* Errands: a master tells them on the control channel, executors answer in a hash. */
#include "store_internal.h"

#include <string.h>

enum { KEEP_MS = 600000 };

static const char *const words[] = {[STORE_PREPARE] = "prepare", [STORE_SWEEP] = "sweep"};

/* ---- the master's part ----------------------------------------------------------------------------------------- */

static void on_tell(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct err malformed;
    cleanup_free int64_t *heard = xcalloc(op->count + 1, sizeof *heard);
    bool good = !err && reply_is_array(reply, op->count);
    for (size_t i = 0; good && i < op->count; i++)
        heard[i] = reply_int(reply->element[i]);
    if (!err && !good)
        err = reply_malformed(&malformed, "tell");
    op->cb.counts(op->arg, err, err ? NULL : heard);
}

void store_tell(struct store *store, enum store_errand_kind kind, const char *const *languages, size_t count,
                const char *id, void (*cb)(void *arg, const struct err *err, const int64_t *heard), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.counts = cb;
    op->count = count;
    for (size_t i = 0; i < count; i++)
        args_own(&a, store_base(store, languages[i]));
    args_str(&a, words[kind]);
    args_str(&a, id);
    store_op_eval(op, &store_script_tell, (int)count, &a, on_tell);
}

/* Adds a language's row, executor and text in turns. */
static size_t read_answers(const char *language, const redisReply *row, struct store_answer *out)
{
    size_t count = 0;
    for (size_t i = 0; i + 1 < row->elements; i += 2) {
        const char *executor = reply_str(row->element[i]), *text = reply_str(row->element[i + 1]);
        if (executor && text)
            out[count++] = (struct store_answer){language, executor, text, row->element[i + 1]->len};
    }
    return count;
}

static void on_answers(struct store_op *op, struct err *err, const redisReply *reply)
{
    struct err malformed;
    size_t most = 0, count = 0;
    bool good = !err && reply_is_array(reply, op->count);
    for (size_t i = 0; good && i < op->count; i++) {
        good = reply_is_array(reply->element[i], 0);
        most += good ? reply->element[i]->elements / 2 : 0;
    }
    cleanup_free struct store_answer *answers = xcalloc(most + 1, sizeof *answers);
    for (size_t i = 0; good && i < op->count; i++)
        count += read_answers(op->languages[i], reply->element[i], &answers[count]);
    if (!err && !good)
        err = reply_malformed(&malformed, "answers");
    op->cb.answers(op->arg, err, err ? NULL : answers, err ? 0 : count);
}

void store_answers(struct store *store, const char *const *languages, size_t count, const char *id,
                   void (*cb)(void *arg, const struct err *err, const struct store_answer *answers, size_t count),
                   void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.answers = cb;
    op->count = count;
    op->languages = xcalloc(count + 1, sizeof *op->languages);
    for (size_t i = 0; i < count; i++) {
        op->languages[i] = languages[i];
        args_own(&a, store_base(store, languages[i]));
    }
    args_str(&a, id);
    store_op_eval(op, &store_script_answers, (int)count, &a, on_answers);
}

/* ---- the executor's part --------------------------------------------------------------------------------------- */

bool store_errand_read(const char *word, struct store_errand *ret_errand)
{
    const char *kind = word + 1, *language = kind + strcspn(kind, ":");
    for (size_t i = 0; *word == '@' && i < ARRAY_LEN(words); i++) {
        if ((size_t)(language - kind) != strlen(words[i]) || strncmp(kind, words[i], strlen(words[i])) != 0 ||
            !*language)
            continue;
        size_t len = strcspn(++language, ":");
        const char *id = language + len + (language[len] == ':');
        if (len == 0 || len > JOB_LANGUAGE_MAX || strlen(id) >= STORE_ERRAND_ID_SIZE)
            return false;
        *ret_errand = (struct store_errand){.kind = (enum store_errand_kind)i};
        memcpy(ret_errand->language, language, len);
        memcpy(ret_errand->id, id, strlen(id));
        return true;
    }
    return false;
}

static void on_answer(struct store_op *op, struct err *err, const redisReply *reply)
{
    (void)reply;
    op->cb.plain(op->arg, err);
}

void store_answer(struct store *store, const struct store_errand *errand, const char *executor, const char *text,
                  void (*cb)(void *arg, const struct err *err), void *arg)
{
    struct store_op *op = store_op_new(store, arg);
    struct args a = {0};
    op->cb.plain = cb;
    args_own(&a, store_base(store, errand->language));
    args_str(&a, errand->id);
    args_str(&a, executor);
    args_str(&a, text);
    args_int(&a, KEEP_MS);
    store_op_eval(op, &store_script_answer, 1, &a, on_answer);
}
