/* One errand a call: it holds a reference to it, and is freed when its timer is closed. Only one operation of the store
 * is out at a time. */
#include "errand.h"
#include "master.h"

#include <string.h>

enum { LOOK_MS = 100 };

struct errand {
    struct call *call;
    void (*answer)(struct call *call, const struct err *err, const struct errand_report *report);
    char id[STORE_ERRAND_ID_SIZE];
    int64_t heard; /* answers that are due */
    int64_t until_ms;
    uv_timer_t timer; /* to the next look */
};

static void look(uv_timer_t *timer);

static void on_timer_closed(uv_handle_t *handle)
{
    struct errand *errand = handle->data;
    http_unref(errand->call);
    free(errand);
}

static void end(struct errand *errand, const struct err *err, const struct errand_report *report)
{
    if (errand->call->state == CALL_OPEN)
        errand->answer(errand->call, err, report);
    uv_close((uv_handle_t *)&errand->timer, on_timer_closed);
}

/* false: this is no answer. */
static bool read_answer(const struct store_answer *from, struct errand_answer *out)
{
    static const char *const states[] = {"waiting", "running", "done", "failed"};
    cJSON *said = NULL;
    if (json_parse(from->text, from->text_len, &said, NULL) < 0)
        return false;
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(said, "state"));
    for (size_t i = 0; state && i < ARRAY_LEN(states); i++)
        if (strcmp(state, states[i]) == 0) {
            *out = (struct errand_answer){from->language, from->executor, said, states[i]};
            return true;
        }
    cJSON_Delete(said);
    return false;
}

static bool has_ended(const struct errand_answer *answer)
{
    return strcmp(answer->state, "done") == 0 || strcmp(answer->state, "failed") == 0;
}

static void on_answers(void *arg, const struct err *err, const struct store_answer *answers, size_t count)
{
    struct errand *errand = arg;
    if (err) {
        end(errand, err, NULL);
        return;
    }
    cleanup_free struct errand_answer *read = xcalloc(count + 1, sizeof *read);
    struct errand_report report = {.answers = read};
    int64_t ended = 0;
    for (size_t i = 0; i < count; i++)
        report.count += read_answer(&answers[i], &read[report.count]);
    for (size_t i = 0; i < report.count; i++)
        ended += has_ended(&read[i]);
    report.silent = errand->heard > (int64_t)report.count ? errand->heard - (int64_t)report.count : 0;
    report.ended = ended >= errand->heard;
    if (report.ended || now_mono_ms() >= errand->until_ms || errand->call->state != CALL_OPEN)
        end(errand, NULL, &report);
    else
        uv_timer_start(&errand->timer, look, LOOK_MS, 0);
    for (size_t i = 0; i < report.count; i++)
        cJSON_Delete((cJSON *)read[i].said);
}

static void look(uv_timer_t *timer)
{
    struct errand *errand = timer->data;
    const struct master *master = errand->call->master;
    store_answers(master->store, master->language_names, master->langs.count, errand->id, on_answers, errand);
}

static void on_told(void *arg, const struct err *err, const int64_t *heard)
{
    struct errand *errand = arg;
    if (err) {
        end(errand, err, NULL);
        return;
    }
    for (size_t i = 0; i < errand->call->master->langs.count; i++)
        errand->heard += heard[i];
    look(&errand->timer);
}

void errand_start(struct call *call, enum store_errand_kind kind, int64_t wait_ms,
                  void (*answer)(struct call *call, const struct err *err, const struct errand_report *report))
{
    const struct master *master = call->master;
    struct errand *errand = xcalloc(1, sizeof *errand);
    unsigned char id[(STORE_ERRAND_ID_SIZE - 1) / 2];
    errand->call = call;
    errand->answer = answer;
    errand->until_ms = now_mono_ms() + wait_ms;
    random_bytes(id, sizeof id);
    hex_encode(id, sizeof id, errand->id);
    uv_timer_init(master->loop, &errand->timer);
    errand->timer.data = errand;
    http_ref(call);
    store_tell(master->store, kind, master->language_names, master->langs.count, errand->id, on_told, errand);
}
