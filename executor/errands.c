/* Owns a chore for each kind of errand and language, and the one program that runs for them. Only `next` starts one,
 * and on_command_done is where each ends. An answer is a text of JSON: {"state":"waiting|running|done|failed", "ms",
 * "version", "error", "removed"}, all but the state only where there is something to say. */
#include "errands.h"
#include "command.h"
#include "figures.h"
#include "json.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

enum {
    KINDS = 2,
    CALLS_MOST = 8,      /* more wait in vain, and may ask again */
    PREPARE_MS = 600000, /* Go's whole standard library, on a small machine */
    VERSION_MS = 5000,   /* as lang_detect_version */
    SWEEP_MS = 60000,
    ERROR_LINE_MAX = 300,
};

enum stage { STAGE_DUE, STAGE_PREPARING, STAGE_DETECTING, STAGE_SWEEPING, STAGE_NONE };

struct chore {
    enum store_errand_kind kind;
    enum stage stage; /* NONE: nobody asked for it */
    struct served *served;
    char calls[CALLS_MOST][STORE_ERRAND_ID_SIZE]; /* to be answered */
    size_t call_count;
    int64_t since_ms;
    char error[ERROR_LINE_MAX]; /* of an earlier step, or "" */
};

struct errands {
    struct errands_options options;
    struct chore *chores[KINDS]; /* served_count of each */
    struct command *command;     /* of `current`; NULL: none runs */
    struct chore *current;
    uv_timer_t defer; /* starts what follows */
    void (*on_closed)(void *arg);
    void *closed_arg;
};

static void next(struct errands *e);

/* ---- answers --------------------------------------------------------------------------------------------------- */

static void on_answered(void *arg, const struct err *err)
{
    (void)arg;
    if (err)
        log_event(LOG_WARN, "errand not answered", LOG_TEXT("error", err->msg));
}

static void answer(const struct errands *e, const struct chore *chore, const char *id, const char *text)
{
    struct store_errand errand = {.kind = chore->kind};
    if (!*id)
        return;
    snprintf(errand.language, sizeof errand.language, "%s", chore->served->lang->name);
    snprintf(errand.id, sizeof errand.id, "%s", id);
    store_answer(e->options.store, &errand, e->options.executor, text, on_answered, NULL);
}

/* To all that wait for it. */
static void answer_all(const struct errands *e, const struct chore *chore, const char *text)
{
    for (size_t i = 0; i < chore->call_count; i++)
        answer(e, chore, chore->calls[i], text);
}

static void tell_end(struct errands *e, struct chore *chore, int64_t removed)
{
    struct json_writer w = {0};
    const char *state = *chore->error ? "failed" : "done";
    int64_t ms = now_mono_ms() - chore->since_ms;
    bool prepares = chore->kind == STORE_PREPARE;
    json_open(&w, NULL, '{');
    json_put_str(&w, "state", state);
    json_put_int(&w, "ms", ms);
    if (prepares)
        json_put_str(&w, "version", chore->served->version);
    else
        json_put_int(&w, "removed", removed);
    if (*chore->error)
        json_put_bytes(&w, "error", chore->error, strlen(chore->error));
    json_close(&w, '}');
    cleanup_free char *text = buf_steal(&w.buf);
    answer_all(e, chore, text);
    log_event(*chore->error ? LOG_WARN : LOG_INFO, prepares ? "toolchain prepared" : "work directories swept",
              LOG_TEXT("language", chore->served->lang->name), LOG_TEXT("state", state), LOG_INT("ms", ms),
              LOG_TEXT("version", prepares ? chore->served->version : NULL), LOG_INT("removed", removed),
              LOG_TEXT("error", *chore->error ? chore->error : NULL));
    metric_add(&figure_errands, 1, prepares ? "prepare" : "sweep", state);
    chore->stage = STAGE_NONE;
    chore->call_count = 0;
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

/* The last line that says something. */
static void keep_error(struct chore *chore, const char *what, int status, const char *output)
{
    size_t end = strlen(output);
    while (end > 0 && (unsigned char)output[end - 1] <= ' ')
        end--;
    size_t begin = end;
    while (begin > 0 && output[begin - 1] != '\n')
        begin--;
    char how[32] = "killed";
    if (status >= 0)
        snprintf(how, sizeof how, "status %d", status);
    snprintf(chore->error, sizeof chore->error, "%s: %s%s%.*s", what, how, end > begin ? ": " : "", (int)(end - begin),
             output + begin);
}

static void on_command_done(void *arg, int status, const char *output);

/* The program of the chore's stage; one that cannot even be started counts as killed. */
static void start(struct errands *e, struct chore *chore, char *const *argv, int64_t timeout_ms)
{
    e->current = chore;
    int r = command_start(e->options.loop, argv, timeout_ms, on_command_done, e, &e->command);
    if (r < 0)
        on_command_done(e, -1, uv_strerror(r));
}

static void start_detecting(struct errands *e, struct chore *chore)
{
    const struct lang *lang = chore->served->lang;
    cleanup_free char **argv = xcalloc(lang->version_argc + 1, sizeof *argv);
    memcpy(argv, lang->version_argv, lang->version_argc * sizeof *argv);
    chore->stage = STAGE_DETECTING;
    start(e, chore, argv, VERSION_MS);
}

static void start_preparing(struct errands *e, struct chore *chore)
{
    cleanup_free char *program = xasprintf("%s/prepare", e->options.languages_dir);
    char *argv[] = {program, chore->served->lang->name, NULL};
    if (access(program, X_OK) < 0) { /* a folder of one's own files need not have any */
        start_detecting(e, chore);
        return;
    }
    chore->stage = STAGE_PREPARING;
    start(e, chore, argv, PREPARE_MS);
}

static void start_sweeping(struct errands *e, struct chore *chore)
{
    cleanup_free char *box = xstrdup(e->options.box), *scratch = xstrdup(e->options.scratch_dir);
    static char sweep[] = "--sweep", option[] = "--scratch";
    char *argv[] = {box, option, scratch, sweep, NULL};
    chore->stage = STAGE_SWEEPING;
    start(e, chore, argv, SWEEP_MS);
}

static void take_version(struct errands *e, struct chore *chore, int status, const char *output)
{
    size_t len = strcspn(output, "\r\n");
    if (status < 0 || len == 0 || !utf8_valid(output, len)) {
        if (!*chore->error)
            keep_error(chore, chore->served->lang->version_argv[0], status, status < 0 ? output : "printed no version");
        return; /* the one from before stays */
    }
    free(chore->served->version);
    chore->served->version = xstrndup(output, len);
    e->options.on_version(e->options.arg, chore->served);
}

static void finish(struct errands *e)
{
    void (*on_closed)(void *arg) = e->on_closed;
    void *arg = e->closed_arg;
    for (size_t i = 0; i < KINDS; i++)
        free(e->chores[i]);
    free(e);
    on_closed(arg);
}

static void on_defer_closed(uv_handle_t *handle)
{
    finish(handle->data);
}

static void on_defer(uv_timer_t *timer)
{
    next(timer->data);
}

static void on_command_done(void *arg, int status, const char *output)
{
    struct errands *e = arg;
    struct chore *chore = e->current;
    e->command = NULL;
    e->current = NULL;
    if (e->on_closed) {
        uv_close((uv_handle_t *)&e->defer, on_defer_closed);
        return;
    }
    if (chore->stage == STAGE_PREPARING) {
        if (status != 0)
            keep_error(chore, "prepare", status, output);
        start_detecting(e, chore);
        return;
    }
    if (chore->stage == STAGE_DETECTING)
        take_version(e, chore, status, output);
    else if (status != 0)
        keep_error(chore, "sweep", status, output);
    tell_end(e, chore, chore->stage == STAGE_SWEEPING ? strtol(output, NULL, 10) : 0);
    uv_timer_start(&e->defer, on_defer, 0, 0);
}

static void next(struct errands *e)
{
    size_t all = KINDS * e->options.served_count;
    for (size_t i = 0; i < all && !e->current; i++) {
        struct chore *chore = &e->chores[i / e->options.served_count][i % e->options.served_count];
        if (chore->stage != STAGE_DUE)
            continue;
        chore->since_ms = now_mono_ms();
        chore->error[0] = '\0';
        answer_all(e, chore, "{\"state\":\"running\"}");
        if (chore->kind == STORE_SWEEP)
            start_sweeping(e, chore);
        else
            start_preparing(e, chore);
    }
}

/* ---- from outside ------------------------------------------------------------------------------------------------ */

void errands_take(struct errands *e, const struct store_errand *errand)
{
    struct chore *chore = NULL;
    for (size_t i = 0; i < e->options.served_count; i++)
        if (strcmp(e->options.served[i].lang->name, errand->language) == 0)
            chore = &e->chores[errand->kind][i];
    if (!chore || e->on_closed || chore->call_count == CALLS_MOST)
        return;
    snprintf(chore->calls[chore->call_count++], STORE_ERRAND_ID_SIZE, "%s", errand->id);
    bool runs = chore->stage != STAGE_NONE && chore->stage != STAGE_DUE;
    answer(e, chore, errand->id, runs ? "{\"state\":\"running\"}" : "{\"state\":\"waiting\"}");
    if (chore->stage == STAGE_NONE)
        chore->stage = STAGE_DUE;
    uv_timer_start(&e->defer, on_defer, 0, 0);
}

struct errands *errands_create(const struct errands_options *options)
{
    struct errands *e = xcalloc(1, sizeof *e);
    e->options = *options;
    for (size_t kind = 0; kind < KINDS; kind++) {
        e->chores[kind] = xcalloc(options->served_count, sizeof *e->chores[kind]);
        for (size_t i = 0; i < options->served_count; i++)
            e->chores[kind][i] =
                (struct chore){(enum store_errand_kind)kind, STAGE_NONE, .served = &options->served[i]};
    }
    uv_timer_init(options->loop, &e->defer);
    e->defer.data = e;
    return e;
}

void errands_destroy(struct errands *e, void (*on_closed)(void *arg), void *arg)
{
    e->on_closed = on_closed;
    e->closed_arg = arg;
    uv_timer_stop(&e->defer);
    if (e->command)
        command_kill(e->command);
    else
        uv_close((uv_handle_t *)&e->defer, on_defer_closed);
}
