/* sentinel-master: accepts submissions over HTTP and gRPC, puts them into Redis, answers with what executors made of
 * them. Holds no state of its own: any number of masters may stand before one Redis. */
#include "api.h"
#include "callbacks.h"
#include "dead.h"
#include "figures.h"
#include "grpc.h"
#include "guard.h"
#include "http1.h"
#include "key_command.h"
#include "log.h"
#include "master.h"
#include "policy.h"
#include "ratelimit.h"
#include "reaper.h"
#include "streams.h"
#include "version.h"
#include "waiters.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* For answers that are on their way when the end is asked for; the last part is for those of waits that were cut. */
enum { DRAIN_MS = 10000, DRAIN_PATIENT_MS = 8000 };

/* The native dialect, then the others. */
static const struct http_route routes[] = {
    {"POST", "/execute", api_execute},
    {"POST", "/api/execute", api_execute},
    {"POST", "/execute/batch", api_batch},
    {"GET", "/job/{id}", api_job_get},
    {"DELETE", "/job/{id}", api_job_cancel},
    {"GET", "/job/{id}/events", api_job_events},
    {"GET", "/api/result/{id}", api_job_get},
    {"GET", "/api/status/{id}", api_job_status},
    {"GET", "/languages", api_languages, ACCESS_LANGUAGES},
    {"GET", "/api/languages", api_languages, ACCESS_LANGUAGES},
    {"GET", "/metrics", api_metrics, ACCESS_METRICS},
    {"GET", "/load", api_load, ACCESS_LOAD},
    {"GET", "/status", api_status},
    {"GET", "/health", api_health, ACCESS_HEALTH},
    {"GET", "/livez", api_livez, ACCESS_PROBE},
    {"GET", "/readyz", api_readyz, ACCESS_PROBE},
    {"GET", "/openapi.json", api_asset, ACCESS_DOCS},
    {"GET", "/openapi.yaml", api_asset, ACCESS_DOCS},
    {"GET", "/docs", api_asset, ACCESS_DOCS},
    {"GET", "/redoc", api_asset, ACCESS_DOCS},
    {"GET", "/", api_asset, ACCESS_PROBE},
    {"GET", "/assets/{id}", api_asset, ACCESS_PROBE},
    {"POST", "/api/v1/execute", api_v1_execute},
    {"POST", "/api/v1/admin/pull-images", api_admin_pull_images, ACCESS_ADMIN},
    {"POST", "/api/v1/admin/cleanup", api_admin_cleanup, ACCESS_ADMIN},
    {"GET", "/api/v1/admin/dead", api_admin_dead, ACCESS_ADMIN},
    {"POST", "/api/v1/admin/retry/{id}", api_admin_retry, ACCESS_ADMIN},
    {"GET", "/api/v1/admin/keys", api_admin_keys, ACCESS_ADMIN},
    {"GET", "/api/v1/metrics", api_v1_metrics},
    {"GET", "/api/v1/metrics/user/{id}", api_v1_user_metrics},
    {"GET", "/api/v1/languages", api_languages, ACCESS_LANGUAGES},
    {"GET", "/api/v1/health", api_health, ACCESS_HEALTH},
};

struct server {
    struct master master;
    uv_loop_t *loop;
    struct http1 *http1; /* NULL: mode is grpc */
    struct grpc *grpc;   /* NULL: mode is http */
    int draining_servers;
    struct http_load load;
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t drain_timer;
    bool draining;
};

static int fail(const struct err *err)
{
    fprintf(stderr, "sentinel-master: %s\n", err->msg);
    return EXIT_FAILURE;
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void on_drained(void *arg)
{
    struct server *server = arg;
    if (--server->draining_servers == 0)
        uv_stop(server->loop);
}

static void on_drain_timeout(uv_timer_t *timer)
{
    struct server *server = timer->data;
    log_event(LOG_WARN, "clients left unanswered", LOG_INT("afterMs", DRAIN_MS));
    uv_stop(server->loop);
}

static void on_patience_over(uv_timer_t *timer)
{
    struct server *server = timer->data;
    waiters_drain(server->master.waiters, true);
    uv_timer_start(timer, on_drain_timeout, DRAIN_MS - DRAIN_PATIENT_MS, 0);
}

/* Stop accepting, end every wait that can be asked for again with what is known, leave when the answers are sent. A
 * second signal leaves at once. */
static void on_signal(uv_signal_t *handle, int signum)
{
    struct server *server = handle->data;
    log_event(LOG_INFO, "draining", LOG_INT("signal", signum));
    if (server->draining) {
        uv_stop(server->loop);
        return;
    }
    server->draining = true;
    server->draining_servers = (server->http1 != NULL) + (server->grpc != NULL);
    if (server->http1)
        http1_drain(server->http1, on_drained, server);
    if (server->grpc)
        grpc_drain(server->grpc, on_drained, server);
    waiters_drain(server->master.waiters, false);
    streams_drain(server->master.streams);
    uv_timer_init(server->loop, &server->drain_timer);
    server->drain_timer.data = server;
    uv_timer_start(&server->drain_timer, on_patience_over, DRAIN_PATIENT_MS, 0);
}

/* The log is opened again, for who rotates it; the keys are read again. */
static void on_hangup(uv_signal_t *handle, int signum)
{
    struct server *server = handle->data;
    struct err err = {0};
    if (log_reopen(&err) < 0)
        log_event(LOG_ERROR, "log not reopened, the old one stays", LOG_TEXT("error", err.msg));
    if (guard_reload(server->master.guard, &err) < 0)
        log_event(LOG_ERROR, "keys not reloaded, the old ones stay", LOG_TEXT("error", err.msg));
    else
        log_audit("keys reloaded", LOG_INT("keys", guard_key_count(server->master.guard)), LOG_INT("signal", signum));
}

static void watch_signal(struct server *server, uv_signal_t *handle, int signum, uv_signal_cb on_signal_cb)
{
    uv_signal_init(server->loop, handle);
    handle->data = server;
    uv_signal_start(handle, on_signal_cb, signum);
}

/* ---- the start ------------------------------------------------------------------------------------------------- */

/* Ten thousand waiting clients are ten thousand descriptors. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* As many as asked for, as far as descriptors go; the others are gRPC's, Redis', the log's, and of refused connections
 * that still send. */
static size_t connection_limit(size_t wanted)
{
    struct rlimit limit;
    size_t others = 256 + wanted / 10;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted + others)
        return wanted;
    size_t most = limit.rlim_cur / 2 > others ? limit.rlim_cur - others : limit.rlim_cur / 2;
    log_event(LOG_WARN, "fewer connections than max-connections", LOG_INT("connections", (int64_t)most),
              LOG_TEXT("reason", "the limit of open descriptors"));
    return most;
}

static void on_store_state(void *arg, bool ready)
{
    struct server *server = arg;
    log_event(ready ? LOG_INFO : LOG_WARN, ready ? "redis ready" : "redis not ready",
              LOG_TEXT("state", server->master.store ? store_state(server->master.store) : NULL));
}

static int load_languages(struct master *master, struct err *err)
{
    const struct config *config = &master->config;
    master->most = (struct limits){
        .cpu_ms = config->max_cpu_ms,
        .wall_ms = config->max_wall_ms,
        .memory_mb = config->max_memory_mb,
        .processes = config->max_processes,
        .output_kb = config->max_output_kb,
        .file_kb = config->max_file_kb,
        .cpus_milli = config->max_cpus_milli,
    };
    /* Toolchains are the executors': a master needs none. */
    int r = lang_table_load(config->languages_dir, config->languages, &(struct lang_ceilings){.most = master->most},
                            false, &master->langs, err);
    if (r < 0)
        return r;
    master->language_names = xcalloc(master->langs.count + 1, sizeof *master->language_names);
    for (size_t i = 0; i < master->langs.count; i++)
        master->language_names[i] = master->langs.langs[i].name;
    return 0;
}

static int open_store(struct server *server, struct err *err)
{
    struct store_options options = store_options_of(&server->master.config);
    options.client_name = "sentinel-master";
    options.on_state = on_store_state;
    options.arg = server;
    return store_create(server->loop, &options, &server->master.store, err);
}

static int listen_http(struct server *server, size_t connections, struct err *err)
{
    struct master *master = &server->master;
    return http1_create(server->loop,
                        &(struct http1_options){
                            .host = master->config.host,
                            .port = (int)master->config.port,
                            .max_body_bytes = (size_t)master->config.max_body_kb * 1024,
                            .max_connections = connections,
                            .max_held_bytes = server->load.max_held_bytes,
                            .request_timeout_ms = master->config.request_timeout_s * 1000,
                            .routes = routes,
                            .route_count = ARRAY_LEN(routes),
                            .begin = guard_begin,
                            .admit = guard_admit,
                            .load = &server->load,
                            .master = master,
                        },
                        &server->http1, err);
}

static int listen_grpc(struct server *server, size_t connections, struct err *err)
{
    struct master *master = &server->master;
    int r = grpc_create(server->loop,
                        &(struct grpc_options){
                            .host = master->config.host,
                            .port = (int)master->config.grpc_port,
                            .max_message_bytes = (size_t)master->config.max_body_kb * 1024,
                            .max_connections = connections,
                            .max_held_bytes = server->load.max_held_bytes,
                            .request_timeout_ms = master->config.request_timeout_s * 1000,
                            .admit = guard_admit,
                            .load = &server->load,
                            .master = master,
                        },
                        &server->grpc, err);
    if (r == -ENOTSUP && strcmp(master->config.mode, "both") == 0) {
        log_event(LOG_WARN, "HTTP only", LOG_TEXT("reason", err->msg));
        return 0;
    }
    return r;
}

/* gRPC's connections carry many calls each: a tenth of the descriptors is theirs. */
static int listen_all(struct server *server, struct err *err)
{
    const struct config *config = &server->master.config;
    size_t connections = connection_limit((size_t)config->max_connections), of_grpc = (connections + 9) / 10;
    bool http = strcmp(config->mode, "grpc") != 0, grpc = strcmp(config->mode, "http") != 0;
    server->load.max_held_bytes = (size_t)config->max_held_mb << 20;
    int r = http ? listen_http(server, connections, err) : 0;
    return r == 0 && grpc ? listen_grpc(server, of_grpc, err) : r;
}

static int start(struct server *server, struct err *err)
{
    struct master *master = &server->master;
    int r = load_languages(master, err);
    if (r == 0)
        r = policy_create(&master->config, &master->langs, &master->policy, err);
    if (r == 0)
        r = guard_create(&master->config, &master->guard, err);
    if (r == 0)
        r = address_list_parse(master->config.trusted_proxies, &master->trusted_proxies, err);
    if (r < 0)
        return r;
    master->ratelimit = ratelimit_create(&master->config);
    r = listen_all(server, err);
    if (r < 0)
        return r;
    r = open_store(server, err);
    if (r < 0)
        return r;
    master->waiters = waiters_create(server->loop, master->store, master->language_names, master->langs.count);
    master->streams = streams_create(server->loop, master);
    r = callbacks_start(server->loop, master, err);
    if (r < 0)
        return r;
    reaper_create(server->loop, master->store, master->language_names, master->langs.count);
    watch_signal(server, &server->on_term, SIGTERM, on_signal);
    watch_signal(server, &server->on_int, SIGINT, on_signal);
    watch_signal(server, &server->on_hup, SIGHUP, on_hangup);
    return 0;
}

int main(int argc, char **argv)
{
    static struct server server; /* static: callbacks reach it to the very end */
    struct err err = {0};
    enum config_action action;
    if (argc > 1 && strcmp(argv[1], "dead") == 0)
        return dead_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "key") == 0)
        return key_main(argc - 1, argv + 1);
    if (config_load(&server.master.config, PROGRAM_MASTER, argc, argv, &action, &err) < 0)
        return fail(&err);
    if (action != CONFIG_RUN)
        return EXIT_SUCCESS;
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    log_init(log_level_of(server.master.config.log_level), "sentinel-master", NULL);
    if (log_open(server.master.config.log_file, &err) < 0)
        return fail(&err);
    server.loop = server.master.loop = uv_default_loop();
    if (start(&server, &err) < 0)
        return fail(&err);
    log_event(LOG_INFO, "listening", LOG_TEXT("host", server.master.config.host),
              LOG_INT("port", server.http1 ? http1_port(server.http1) : 0),
              LOG_INT("grpcPort", server.grpc ? grpc_port(server.grpc) : 0), LOG_TEXT("version", SENTINEL_VERSION));
    uv_run(server.loop, UV_RUN_DEFAULT);
    log_event(LOG_INFO, "stopped", LOG_INT("port", server.master.config.port));
    return EXIT_SUCCESS;
}
