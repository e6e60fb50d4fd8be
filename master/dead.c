/* A program of its own beside the server: connects, asks one thing after another, prints a JSON object a line, ends.
 * Invariant: one store operation is out at a time; `next` is the first language or id that was not asked about. */
#include "dead.h"

#include "base.h"
#include "config.h"
#include "json.h"
#include "lang.h"
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct dead {
    struct config config;
    struct lang_table langs;
    struct store *store;
    uv_timer_t patience;
    bool retry, all;
    const char *language; /* NULL: every one */
    char **ids;           /* to retry; with --all as they are found */
    size_t id_count, id_cap;
    size_t next_language, next_id;
    bool started;
    int status;
};

static void dead_step(struct dead *dead);

static void end(struct dead *dead)
{
    uv_timer_stop(&dead->patience);
    uv_stop(uv_default_loop());
}

static void end_badly(struct dead *dead, const char *why)
{
    fprintf(stderr, "sentinel-master: %s\n", why);
    dead->status = EXIT_FAILURE;
    end(dead);
}

static void add_id(struct dead *dead, const char *id)
{
    if (dead->id_count == dead->id_cap) {
        dead->id_cap = dead->id_cap ? 2 * dead->id_cap : 16;
        dead->ids = xrealloc(dead->ids, dead->id_cap * sizeof *dead->ids);
    }
    dead->ids[dead->id_count++] = xstrdup(id);
}

static void print_line(struct json_writer *w)
{
    json_close(w, '}');
    printf("%.*s\n", (int)w->buf.len, w->buf.data);
    buf_finish(&w->buf);
}

static void print_dead(const struct store_dead *job)
{
    struct json_writer w = {0};
    char when[RFC3339_SIZE];
    format_rfc3339(job->finished_ms, when);
    json_open(&w, NULL, '{');
    json_put_str(&w, "id", job->id);
    json_put_str(&w, "owner", job->owner);
    json_put_str(&w, "reason", job->reason);
    json_put_int(&w, "attempts", job->attempts);
    json_put_str(&w, "finishedAt", when);
    print_line(&w);
}

static void on_listed(void *arg, const struct err *err, const struct store_dead *jobs, size_t count)
{
    struct dead *dead = arg;
    if (err) {
        end_badly(dead, err->msg);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (dead->retry)
            add_id(dead, jobs[i].id);
        else
            print_dead(&jobs[i]);
    }
    dead_step(dead);
}

static void on_retried(void *arg, const struct err *err, bool queued)
{
    struct dead *dead = arg;
    if (err) {
        end_badly(dead, err->msg);
        return;
    }
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_str(&w, "id", dead->ids[dead->next_id - 1]);
    json_put_str(&w, "status", queued ? "queued" : "none");
    print_line(&w);
    if (!queued)
        dead->status = EXIT_FAILURE;
    dead_step(dead);
}

/* Languages first, where they are to be listed, then ids. */
static void dead_step(struct dead *dead)
{
    bool lists = !dead->retry || dead->all;
    while (lists && dead->next_language < dead->langs.count) {
        const char *language = dead->langs.langs[dead->next_language++].name;
        if (dead->language && strcmp(dead->language, language) != 0)
            continue;
        store_dead_list(dead->store, language, on_listed, dead);
        return;
    }
    if (dead->next_id < dead->id_count)
        store_dead_retry(dead->store, dead->ids[dead->next_id++], on_retried, dead);
    else
        end(dead);
}

static void on_state(void *arg, bool ready)
{
    struct dead *dead = arg;
    if (ready && !dead->started) {
        dead->started = true;
        dead_step(dead);
    }
}

static void on_patience_over(uv_timer_t *timer)
{
    struct dead *dead = timer->data;
    char why[400];
    snprintf(why, sizeof why, "Redis is not ready: %s", store_state(dead->store));
    end_badly(dead, why);
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

/* Takes out what is this command's own; the rest are settings as the server's. */
static int take_arguments(struct dead *dead, int argc, char **argv, int *ret_rest, char **rest, struct err *err)
{
    int count = 0;
    rest[count++] = argv[0];
    if (argc < 2 || (strcmp(argv[1], "list") != 0 && strcmp(argv[1], "retry") != 0))
        return err_set(err, EINVAL,
                       "usage: sentinel-master dead list|retry [ID…|--all] [--language L] [--OPTION VALUE]…");
    dead->retry = strcmp(argv[1], "retry") == 0;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--all") == 0) {
            dead->all = true;
        } else if (strcmp(argv[i], "--language") == 0 && i + 1 < argc) {
            dead->language = argv[++i];
        } else if (strncmp(argv[i], "--", 2) == 0) {
            rest[count++] = argv[i];
            if (!strchr(argv[i], '=') && i + 1 < argc)
                rest[count++] = argv[++i];
        } else {
            add_id(dead, argv[i]);
        }
    }
    if (!dead->retry && (dead->all || dead->id_count))
        return err_set(err, EINVAL, "dead list takes neither ids nor --all");
    if (dead->retry && dead->all == (dead->id_count > 0))
        return err_set(err, EINVAL, "dead retry wants ids, or --all");
    if (dead->language && !dead->all && dead->retry)
        return err_set(err, EINVAL, "--language goes with list, or with --all");
    *ret_rest = count;
    return 0;
}

static int load(struct dead *dead, int argc, char **argv, enum config_action *ret_action, struct err *err)
{
    cleanup_free char **rest = xcalloc((size_t)argc + 1, sizeof *rest);
    int count = 0;
    int r = take_arguments(dead, argc, argv, &count, rest, err);
    if (r == 0)
        r = config_load(&dead->config, PROGRAM_MASTER, count, rest, ret_action, err);
    if (r < 0 || *ret_action != CONFIG_RUN)
        return r;
    const struct config *c = &dead->config;
    struct lang_ceilings ceilings = {.most = {c->max_cpu_ms, c->max_wall_ms, c->max_memory_mb, c->max_processes,
                                              c->max_output_kb, c->max_file_kb, c->max_cpus_milli}};
    r = lang_table_load(c->languages_dir, c->languages, &ceilings, false, &dead->langs, err);
    if (r == 0 && dead->language && !lang_find(&dead->langs, dead->language))
        return err_set(err, EINVAL, "unknown language \"%.64s\"", dead->language);
    return r;
}

static int open_store(struct dead *dead, struct err *err)
{
    const struct config *c = &dead->config;
    struct store_options options = store_options_of(c);
    options.client_name = "sentinel-dead";
    options.on_state = on_state;
    options.arg = dead;
    uv_timer_init(uv_default_loop(), &dead->patience);
    dead->patience.data = dead;
    uv_timer_start(&dead->patience, on_patience_over, (uint64_t)c->redis_deadline_ms, 0);
    return store_create(uv_default_loop(), &options, &dead->store, err);
}

int dead_main(int argc, char **argv)
{
    static struct dead dead; /* static: callbacks reach it to the very end */
    struct err err = {0};
    enum config_action action = CONFIG_RUN;
    int r = load(&dead, argc, argv, &action, &err);
    if (r == 0 && action != CONFIG_RUN)
        return EXIT_SUCCESS;
    if (r == 0)
        r = open_store(&dead, &err);
    if (r < 0) {
        fprintf(stderr, "sentinel-master: %s\n", err.msg);
        return EXIT_FAILURE;
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return dead.status;
}
