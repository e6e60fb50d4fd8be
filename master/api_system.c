/* GET /languages, /load, /health and the probes. All but /livez ask Redis at most once. */
#include "api.h"
#include "fleet.h"
#include "master.h"
#include "version.h"

static void ask_load(struct call *call,
                     void (*on_load)(void *arg, const struct err *err, const struct store_load *load))
{
    const struct master *master = call->master;
    http_ref(call);
    store_load(master->store, master->language_names, master->langs.count, on_load, call);
}

static void on_load_for_load(void *arg, const struct err *err, const struct store_load *load)
{
    struct call *call = arg;
    if (err) {
        call_store_failed(call, err);
    } else {
        struct fleet fleet;
        struct json_writer w = {0};
        fleet_init(&fleet, load);
        fleet_put_load(&w, &fleet);
        fleet_finish(&fleet);
        call_reply(call, 200, &w);
    }
    http_unref(call);
}

void api_load(struct call *call)
{
    ask_load(call, on_load_for_load);
}

/* What can be run is known without Redis; only the versions are not. */
static void on_load_for_languages(void *arg, const struct err *err, const struct store_load *load)
{
    struct call *call = arg;
    struct fleet fleet;
    struct json_writer w = {0};
    fleet_init(&fleet, err ? NULL : load);
    fleet_put_languages(&w, &fleet, &call->master->langs, &call->master->most);
    fleet_finish(&fleet);
    call_reply(call, 200, &w);
    http_unref(call);
}

void api_languages(struct call *call)
{
    ask_load(call, on_load_for_languages);
}

static void on_load_for_health(void *arg, const struct err *err, const struct store_load *load)
{
    struct call *call = arg;
    struct fleet fleet;
    struct json_writer w = {0};
    char time[RFC3339_SIZE];
    bool connected = !err && store_ready(call->master->store);
    format_rfc3339(now_wall_ms(), time);
    fleet_init(&fleet, err ? NULL : load);
    json_open(&w, NULL, '{');
    json_put_str(&w, "status", fleet_status(&fleet, connected));
    json_put_str(&w, "timestamp", time);
    json_put_str(&w, "version", SENTINEL_VERSION);
    json_put_str(&w, "redis", err && store_ready(call->master->store) ? err->msg : store_state(call->master->store));
    fleet_put_health(&w, &fleet);
    json_close(&w, '}');
    fleet_finish(&fleet);
    call_reply(call, connected ? 200 : 503, &w);
    http_unref(call);
}

void api_health(struct call *call)
{
    ask_load(call, on_load_for_health);
}

static void answer_probe(struct call *call, int status, const char *state)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_str(&w, "status", state);
    json_put_str(&w, "redis", store_state(call->master->store));
    json_close(&w, '}');
    call_reply(call, status, &w);
}

void api_livez(struct call *call)
{
    answer_probe(call, 200, "alive");
}

void api_readyz(struct call *call)
{
    bool ready = store_ready(call->master->store);
    answer_probe(call, ready ? 200 : 503, ready ? "ready" : "not ready");
}
