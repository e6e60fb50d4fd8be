/* sentinel-executor: takes jobs of its languages from Redis, runs them in boxes, writes their results back.
 *
 * Owns the process' life: settings, the first box and what it can do, serving, the drain. Only executor_step changes
 * the stage. Nothing is claimed before a box has shown the isolation that min-tier asks for. The first signal drains:
 * what runs has drain-s to finish; then, or at a second signal, jobs go back to their queues.
 *
 * The id is the setting executor-id (the host's name in a pod); else "<first language>-<host>-<process id>", which no
 * other living executor has. */
#include "box_command.h"
#include "consumer.h"
#include "errands.h"
#include "figures.h"
#include "fitness.h"
#include "info.h"
#include "log.h"
#include "result.h"
#include "selftest.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    STARTS_MOST = 3,
    START_MS = 30000,      /* for the first box */
    GIVE_BACK_MS = 5000,   /* for the queues to have the jobs again */
    LEAVE_MS = 3000,       /* for the registry */
    BOXES_DOWN_MS = 30000, /* then somebody else should try: the executor stops */
    BOX_FAILURES_MOST = 6, /* runs in a row: going on would use up the attempts of the whole queue */
};

enum stage {
    STAGE_STARTING, /* the first box is not up */
    STAGE_SERVING,
    STAGE_DRAINING,
    STAGE_GIVING_BACK,
    STAGE_LEAVING, /* saying goodbye to the registry */
    STAGE_CLOSING,
};

enum event { EVENT_BOXES, EVENT_BEAT, EVENT_SIGNAL, EVENT_DRAINED, EVENT_TIMER, EVENT_LEFT };

struct executor {
    enum stage stage;
    int exit_status;
    struct config config;
    struct lang_table langs;
    struct served *served;
    char *id;
    char *client_name;
    char host[256];
    char ***box_argv; /* of each slot, then of each compiler that stays; NULL behind the last */
    enum box_tier min_tier;
    size_t slots;
    uv_loop_t loop;
    struct runner *runner;
    struct store *store;       /* from SERVING on */
    struct consumer *consumer; /* as the store */
    struct errands *errands;   /* as the store */
    uv_signal_t signals[3];
    uv_timer_t beat_timer;
    uv_timer_t stage_timer;
    struct metrics_port *metrics; /* NULL: none */
};

static void executor_step(struct executor *x, enum event event);

/* ---- the end -------------------------------------------------------------------------------------------------- */

static void close_handle(void *handle)
{
    uv_close(handle, NULL);
}

static void on_runner_closed(void *arg)
{
    struct executor *x = arg;
    close_handle(&x->signals[0]);
    close_handle(&x->signals[1]);
    close_handle(&x->signals[2]);
    close_handle(&x->beat_timer);
    close_handle(&x->stage_timer);
    metrics_port_destroy(x->metrics);
}

static void on_consumer_closed(void *arg)
{
    struct executor *x = arg;
    runner_destroy(x->runner, on_runner_closed, x);
}

static void on_store_closed(void *arg)
{
    struct executor *x = arg;
    consumer_destroy(x->consumer, on_consumer_closed, x);
}

static void on_errands_closed(void *arg)
{
    struct executor *x = arg;
    x->errands = NULL;
    store_destroy(x->store, on_store_closed, x);
}

static void enter_closing(struct executor *x)
{
    x->stage = STAGE_CLOSING;
    uv_timer_stop(&x->stage_timer);
    uv_timer_stop(&x->beat_timer);
    if (x->store)
        errands_destroy(x->errands, on_errands_closed, x);
    else
        on_consumer_closed(x);
}

static void on_left(void *arg, const struct err *err)
{
    (void)err; /* the registry forgets who does not beat */
    executor_step(arg, EVENT_LEFT);
}

/* ---- beats ---------------------------------------------------------------------------------------------------- */

static void on_beaten(void *arg, const struct err *err)
{
    (void)arg;
    if (err)
        log_event(LOG_WARN, "beat not stored", LOG_TEXT("error", err->msg));
}

static void send_beat(struct executor *x)
{
    if (!store_ready(x->store))
        return;
    struct info info = {
        .host = x->host,
        .hello = runner_hello(x->runner),
        .slots = (int64_t)x->slots,
        .slots_up = (int64_t)runner_boxes_up(x->runner),
        .served = x->served,
        .served_count = x->langs.count,
    };
    cleanup_free char *text = info_to_json(&info);
    store_beat(x->store, x->id, text, on_beaten, x);
}

/* ---- stages --------------------------------------------------------------------------------------------------- */

static void on_stage_timer(uv_timer_t *timer)
{
    executor_step(timer->data, EVENT_TIMER);
}

static void enter_stage(struct executor *x, enum stage stage, int64_t timer_ms)
{
    x->stage = stage;
    uv_timer_start(&x->stage_timer, on_stage_timer, (uint64_t)timer_ms, 0);
}

static void enter_giving_back(struct executor *x)
{
    enter_stage(x, STAGE_GIVING_BACK, GIVE_BACK_MS);
    consumer_give_back(x->consumer);
}

static void enter_leaving(struct executor *x)
{
    enter_stage(x, STAGE_LEAVING, LEAVE_MS);
    uv_timer_stop(&x->beat_timer);
    store_unregister(x->store, x->id, on_left, x);
}

static void on_store_state(void *arg, bool ready)
{
    struct executor *x = arg;
    log_event(ready ? LOG_INFO : LOG_WARN, ready ? "Redis is ready" : "Redis is away",
              LOG_TEXT("state", store_state(x->store)));
    if (!ready || x->stage == STAGE_CLOSING)
        return;
    if (x->stage < STAGE_LEAVING)
        send_beat(x);
    consumer_reconnected(x->consumer);
}

static void on_beat_timer(uv_timer_t *timer)
{
    executor_step(timer->data, EVENT_BEAT);
}

static void on_drained(void *arg)
{
    executor_step(arg, EVENT_DRAINED);
}

/* It takes as long as the toolchain takes to say its version, and the loop waits. */
static void detect_version(struct served *served)
{
    struct err err;
    char *version = NULL;
    if (lang_detect_version(served->lang, &version, &err) < 0) {
        log_event(LOG_WARN, "version not detected", LOG_TEXT("language", served->lang->name),
                  LOG_TEXT("error", err.msg));
        version = xstrdup("unknown");
    }
    free(served->version);
    served->version = version;
    log_event(LOG_INFO, "language", LOG_TEXT("language", served->lang->name), LOG_TEXT("version", version));
}

static void on_errand(void *arg, const struct store_errand *errand)
{
    struct executor *x = arg;
    if (x->errands)
        errands_take(x->errands, errand);
}

static void on_version(void *arg, const struct served *served)
{
    struct executor *x = arg;
    log_event(LOG_INFO, "language", LOG_TEXT("language", served->lang->name), LOG_TEXT("version", served->version));
    if (x->stage >= STAGE_LEAVING)
        return;
    runner_renew(x->runner);
    send_beat(x);
}

static void open_errands(struct executor *x)
{
    x->errands = errands_create(&(struct errands_options){
        .loop = &x->loop,
        .store = x->store,
        .executor = x->id,
        .served = x->served,
        .served_count = x->langs.count,
        .languages_dir = x->config.languages_dir,
        .box = x->box_argv[0][0],
        .scratch_dir = x->config.scratch_dir,
        .on_version = on_version,
        .arg = x,
    });
}

static int open_store(struct executor *x, struct err *err)
{
    const struct config *c = &x->config;
    struct store_options options = store_options_of(c);
    options.client_name = x->client_name;
    options.on_state = on_store_state;
    options.arg = x;
    int r = store_create(&x->loop, &options, &x->store, err);
    if (r < 0)
        return r;
    struct consumer_options consumer = {
        .store = x->store,
        .runner = x->runner,
        .served = x->served,
        .served_count = x->langs.count,
        .executor = x->id,
        .lease_ms = c->lease_ms,
        .record = strcmp(c->metrics, "true") == 0,
        .max_jobs = c->max_jobs,
        .idle_ms = c->idle_exit_s * 1000,
        .on_drained = on_drained,
        .on_errand = on_errand,
        .arg = x,
    };
    open_errands(x);
    x->consumer = consumer_create(&x->loop, &consumer);
    return 0;
}

static bool may_serve(const struct executor *x, const struct box_hello *hello)
{
    return fitness_check(hello, x->min_tier, &x->langs);
}

static void start_serving(struct executor *x, const struct box_hello *hello)
{
    struct err err;
    if (open_store(x, &err) < 0) {
        log_event(LOG_ERROR, "cannot start", LOG_TEXT("error", err.msg));
        x->exit_status = EXIT_FAILURE;
        enter_closing(x);
        return;
    }
    cleanup_free char *missing = info_missing(hello);
    if (hello->tier == BOX_TIER_B) /* its memory is polled for the whole container: runs must not share it */
        x->slots = 1;
    log_event(LOG_INFO, "serving", LOG_TEXT("tier", result_tier_name(hello->tier)),
              LOG_TEXT("missing", *missing ? missing : NULL), LOG_INT("slots", x->slots),
              LOG_INT("languages", x->langs.count));
    uv_timer_stop(&x->stage_timer);
    x->stage = STAGE_SERVING;
    runner_open_slots(x->runner, x->slots);
    uv_timer_start(&x->beat_timer, on_beat_timer, STORE_BEAT_MS, STORE_BEAT_MS);
}

static void stop_starting(struct executor *x, int exit_status)
{
    x->exit_status = exit_status;
    enter_closing(x);
}

static void step_starting(struct executor *x, enum event event)
{
    const struct box_hello *hello = runner_hello(x->runner);
    if (event == EVENT_SIGNAL) {
        stop_starting(x, EXIT_SUCCESS);
    } else if (event == EVENT_TIMER || runner_starts(x->runner) > STARTS_MOST) {
        log_event(LOG_ERROR, "no box came up", LOG_TEXT("box", x->box_argv[0][0]));
        stop_starting(x, EXIT_FAILURE);
    } else if (event == EVENT_BOXES && hello) {
        if (may_serve(x, hello))
            start_serving(x, hello);
        else
            stop_starting(x, EXIT_FAILURE);
    }
}

/* The boxes came to be less than what jobs are promised. */
static bool boxes_failed(const struct executor *x)
{
    const struct box_hello *hello = runner_hello(x->runner);
    if (hello && !may_serve(x, hello))
        return true;
    if (runner_down_ms(x->runner) <= BOXES_DOWN_MS && runner_failures(x->runner) <= BOX_FAILURES_MOST)
        return false;
    log_event(LOG_ERROR, "the boxes do not work any more", LOG_INT("down_ms", runner_down_ms(x->runner)),
              LOG_INT("failures", runner_failures(x->runner)));
    return true;
}

static void step_serving(struct executor *x, enum event event)
{
    if (event == EVENT_SIGNAL) {
        log_event(LOG_INFO, "draining", LOG_INT("drain_s", x->config.drain_s));
        enter_stage(x, STAGE_DRAINING, x->config.drain_s * 1000);
        consumer_drain(x->consumer);
    } else if (event == EVENT_DRAINED) { /* max-jobs, or idle-exit-s */
        log_event(LOG_INFO, "nothing more to do");
        enter_leaving(x);
    } else if ((event == EVENT_BOXES || event == EVENT_BEAT) && boxes_failed(x)) {
        x->exit_status = EXIT_FAILURE;
        enter_giving_back(x);
    } else if (event == EVENT_BOXES) {
        consumer_look(x->consumer);
    } else if (event == EVENT_BEAT) {
        send_beat(x);
    }
}

static void executor_step(struct executor *x, enum event event)
{
    switch (x->stage) {
    case STAGE_STARTING:
        step_starting(x, event);
        return;
    case STAGE_SERVING:
        step_serving(x, event);
        return;
    case STAGE_DRAINING:
        if (event == EVENT_SIGNAL || event == EVENT_TIMER)
            enter_giving_back(x);
        else if (event == EVENT_DRAINED)
            enter_leaving(x);
        else if (event == EVENT_BEAT)
            send_beat(x);
        return;
    case STAGE_GIVING_BACK:
        if (event == EVENT_DRAINED || event == EVENT_TIMER)
            enter_leaving(x);
        return;
    case STAGE_LEAVING:
        if (event == EVENT_LEFT || event == EVENT_TIMER)
            enter_closing(x);
        return;
    case STAGE_CLOSING:
        return;
    }
    abort();
}

/* ---- the beginning -------------------------------------------------------------------------------------------- */

/* For who rotates the log. */
static void reopen_log(void)
{
    struct err err;
    if (log_reopen(&err) < 0)
        log_event(LOG_ERROR, "log not reopened, the old one stays", LOG_TEXT("error", err.msg));
}

static void on_signal(uv_signal_t *signal, int number)
{
    if (number == SIGHUP) {
        reopen_log();
        return;
    }
    log_event(LOG_INFO, "signal", LOG_INT("number", number));
    executor_step(signal->data, EVENT_SIGNAL);
}

static void on_boxes(void *arg)
{
    executor_step(arg, EVENT_BOXES);
}

static void detect_versions(struct executor *x)
{
    x->served = xcalloc(x->langs.count, sizeof *x->served);
    for (size_t i = 0; i < x->langs.count; i++) {
        x->served[i].lang = &x->langs.langs[i];
        figures_begin(x->langs.langs[i].name);
        detect_version(&x->served[i]);
    }
}

static int load_languages(struct executor *x, struct err *err)
{
    const struct config *c = &x->config;
    struct limits most = {
        .cpu_ms = c->max_cpu_ms,
        .wall_ms = c->max_wall_ms,
        .memory_mb = c->max_memory_mb,
        .processes = c->max_processes,
        .output_kb = c->max_output_kb,
        .file_kb = c->max_file_kb,
        .cpus_milli = c->max_cpus_milli,
    };
    struct lang_ceilings ceilings = {most};
    int r = lang_table_load(c->languages_dir, c->languages, &ceilings, true, &x->langs, err);
    if (r == 0 && x->langs.count == 0)
        r = err_set(err, EINVAL, "no language of %s has its toolchain here", c->languages_dir);
    return r;
}

static void name_executor(struct executor *x)
{
    size_t size = sizeof x->host;
    if (uv_os_gethostname(x->host, &size) != 0)
        snprintf(x->host, sizeof x->host, "localhost");
    x->id = *x->config.executor_id ? xstrdup(x->config.executor_id)
                                   : xasprintf("%s-%s-%d", x->langs.langs[0].name, x->host, (int)getpid());
    x->client_name = xasprintf("sentinel-executor-%s", x->id);
}

static enum box_tier min_tier_of(const char *name)
{
    return strcmp(name, "A") == 0 ? BOX_TIER_A : strcmp(name, "A-") == 0 ? BOX_TIER_A_MINUS : BOX_TIER_B;
}

static size_t count_residents(const struct executor *x)
{
    size_t count = 0;
    for (size_t i = 0; i < x->langs.count; i++)
        count += x->langs.langs[i].compile.warm == LANG_RESIDENT;
    return count;
}

static int make_box_commands(struct executor *x, size_t residents, struct err *err)
{
    int r = 0;
    x->box_argv = xcalloc(x->slots + residents + 1, sizeof *x->box_argv);
    for (size_t i = 0; i < x->slots && r == 0; i++)
        r = box_command_make(&x->config, &x->langs, i, &x->box_argv[i], err);
    for (size_t i = x->slots; i < x->slots + residents && r == 0; i++)
        r = box_command_make_resident(&x->config, &x->langs, i, &x->box_argv[i], err);
    return r;
}

static int setup(struct executor *x, struct err *err)
{
    int r = load_languages(x, err);
    if (r < 0)
        return r;
    name_executor(x);
    log_init(log_level_of(x->config.log_level), "sentinel-executor", x->id);
    r = log_open(x->config.log_file, err);
    if (r < 0)
        return r;
    x->slots = x->config.slots ? (size_t)x->config.slots : uv_available_parallelism();
    size_t residents = count_residents(x);
    r = make_box_commands(x, residents, err);
    if (r < 0)
        return r;
    detect_versions(x);
    x->min_tier = min_tier_of(x->config.min_tier);
    uv_loop_init(&x->loop);
    struct runner_options options = {
        .box_argv = x->box_argv,
        .slots = x->slots,
        .resident_argv = x->box_argv + x->slots,
        .residents_most = residents,
        .min_tier = x->min_tier,
        .job_timeout_ms = x->config.job_timeout_s * 1000,
        .job_output_bytes = (size_t)x->config.job_output_kb * 1024,
        .program_cache_bytes = (size_t)x->config.program_cache_mb << 20,
        .scratch_bytes = (uint64_t)x->config.scratch_mb << 20,
        .on_change = on_boxes,
        .arg = x,
    };
    return runner_create(&x->loop, &options, &x->runner, err);
}

static void on_metrics(void *arg, struct figures_now *ret_now)
{
    const struct executor *x = arg;
    *ret_now = (struct figures_now){
        .slots = (int64_t)x->slots,
        .slots_up = (int64_t)runner_boxes_up(x->runner),
        .slots_busy = (int64_t)runner_busy(x->runner),
        .redis_up = x->store && store_ready(x->store),
    };
}

static int open_metrics(struct executor *x, struct err *err)
{
    const struct config *c = &x->config;
    if (c->metrics_port == 0 || strcmp(c->metrics, "true") != 0)
        return 0;
    return metrics_port_create(&x->loop, c->metrics_host, (int)c->metrics_port, on_metrics, x, &x->metrics, err);
}

static void run(struct executor *x)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uv_signal_init(&x->loop, &x->signals[i]);
        x->signals[i].data = x;
        uv_signal_start(&x->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&x->loop, &x->beat_timer);
    uv_timer_init(&x->loop, &x->stage_timer);
    x->beat_timer.data = x->stage_timer.data = x;
    enter_stage(x, STAGE_STARTING, START_MS);
    struct err err;
    if (open_metrics(x, &err) < 0) {
        log_event(LOG_ERROR, "cannot start", LOG_TEXT("error", err.msg));
        stop_starting(x, EXIT_FAILURE);
    } else {
        runner_open_slots(x->runner, 1);
    }
    uv_run(&x->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&x->loop) != 0)
        abort();
    log_event(LOG_INFO, "stopped", LOG_INT("status", x->exit_status));
}

static void finish(struct executor *x)
{
    for (size_t i = 0; x->served && i < x->langs.count; i++)
        free(x->served[i].version);
    free(x->served);
    free(x->id);
    free(x->client_name);
    for (size_t i = 0; x->box_argv && x->box_argv[i]; i++)
        box_command_free(x->box_argv[i]);
    free(x->box_argv);
    lang_table_finish(&x->langs);
    config_finish(&x->config);
}

int main(int argc, char **argv)
{
    struct executor x = {.exit_status = EXIT_SUCCESS};
    enum config_action action;
    struct err err;
    if (argc > 1 && strcmp(argv[1], "selftest") == 0)
        return selftest_main(argc - 1, argv + 1);
    log_init(LOG_INFO, "sentinel-executor", NULL);
    int r = config_load(&x.config, PROGRAM_EXECUTOR, argc, argv, &action, &err);
    if (r == 0 && action != CONFIG_RUN)
        return EXIT_SUCCESS;
    if (r == 0)
        r = setup(&x, &err);
    if (r < 0) {
        log_event(LOG_ERROR, "cannot start", LOG_TEXT("error", err.msg));
        x.exit_status = EXIT_FAILURE;
    } else {
        run(&x);
    }
    finish(&x);
    return x.exit_status;
}
