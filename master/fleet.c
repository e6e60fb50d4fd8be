/* Reads what executors report of themselves with suspicion: they may be of another release. */
#include "fleet.h"
#include "reply.h"

#include <string.h>

void fleet_init(struct fleet *fleet, const struct store_load *load)
{
    *fleet = (struct fleet){.load = load};
    if (!load || load->executor_count == 0)
        return;
    fleet->infos = xcalloc(load->executor_count, sizeof *fleet->infos);
    for (size_t i = 0; i < load->executor_count; i++)
        if (json_parse(load->executors[i].info, load->executors[i].info_len, &fleet->infos[i], NULL) < 0)
            fleet->infos[i] = NULL;
}

void fleet_finish(struct fleet *fleet)
{
    for (size_t i = 0; fleet->infos && i < fleet->load->executor_count; i++)
        cJSON_Delete(fleet->infos[i]);
    free(fleet->infos);
    *fleet = (struct fleet){0};
}

/* ---- an executor's words --------------------------------------------------------------------------------------- */

static const cJSON *info_language(const struct fleet *fleet, size_t executor, const char *language)
{
    const cJSON *languages = cJSON_GetObjectItemCaseSensitive(fleet->infos[executor], "languages");
    return cJSON_GetObjectItemCaseSensitive(languages, language);
}

static int64_t number(const cJSON *object, const char *name)
{
    double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return value >= 0 && value < 9e15 ? (int64_t)value : 0;
}

static const char *text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* ---- /load ----------------------------------------------------------------------------------------------------- */

enum figure { WAITING, ACTIVE, COMPLETED, FAILED, FIGURE_COUNT };

struct row {
    const char *container;
    int64_t figures[FIGURE_COUNT];
};

/* Alive executors that serve the language; rows has room for all executors. */
static size_t collect_rows(const struct fleet *fleet, const char *language, struct row *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < fleet->load->executor_count; i++) {
        const cJSON *info = info_language(fleet, i, language);
        if (!info || !fleet->load->executors[i].alive)
            continue;
        rows[count++] = (struct row){
            .container = fleet->load->executors[i].id,
            .figures = {[ACTIVE] = number(info, "active"),
                        [COMPLETED] = number(info, "completed"),
                        [FAILED] = number(info, "failed")},
        };
    }
    return count;
}

/* What Redis counts is the truth; what executors say of themselves is a beat old, and those that are gone say nothing.
 * So a column, as reported, is moved until it adds up to `total`: what is missing is dealt out evenly. */
static void settle(struct row *rows, size_t count, enum figure figure, int64_t total)
{
    int64_t n = (int64_t)count;
    int64_t missing = total;
    for (size_t i = 0; i < count; i++)
        missing -= rows[i].figures[figure];
    for (int64_t i = 0; missing >= 0 && i < n; i++)
        rows[i].figures[figure] += missing / n + (i < missing % n);
    for (size_t i = 0; missing < 0 && i < count; i++) {
        int64_t *cell = &rows[i].figures[figure];
        int64_t taken = *cell < -missing ? *cell : -missing;
        *cell -= taken;
        missing += taken;
    }
}

static void put_row(struct json_writer *w, const char *language, const struct row *row)
{
    int64_t total = 0;
    for (int i = 0; i < FIGURE_COUNT; i++)
        total += row->figures[i];
    json_open(w, NULL, '{');
    json_put_str(w, "containerId", row->container);
    json_put_str(w, "language", language);
    json_put_int(w, "waiting", row->figures[WAITING]);
    json_put_int(w, "active", row->figures[ACTIVE]);
    json_put_int(w, "completed", row->figures[COMPLETED]);
    json_put_int(w, "failed", row->figures[FAILED]);
    json_put_int(w, "totalJobs", total);
    json_close(w, '}');
}

static void put_containers(struct json_writer *w, const struct fleet *fleet, size_t *executors)
{
    cleanup_free struct row *rows = xcalloc(fleet->load->executor_count + 1, sizeof *rows);
    json_open(w, "containers", '[');
    for (size_t q = 0; q < fleet->load->queue_count; q++) {
        const struct store_queue_load *queue = &fleet->load->queues[q];
        size_t count = executors[q] = collect_rows(fleet, queue->language, rows);
        if (count == 0)
            rows[count++] = (struct row){.container = queue->language};
        settle(rows, count, WAITING, queue->waiting);
        settle(rows, count, ACTIVE, queue->active);
        settle(rows, count, COMPLETED, queue->completed);
        settle(rows, count, FAILED, queue->failed);
        for (size_t i = 0; i < count; i++)
            put_row(w, queue->language, &rows[i]);
    }
    json_close(w, ']');
}

static void put_queues(struct json_writer *w, const struct fleet *fleet, const size_t *executors)
{
    json_open(w, "languages", '[');
    for (size_t q = 0; q < fleet->load->queue_count; q++) {
        const struct store_queue_load *queue = &fleet->load->queues[q];
        json_open(w, NULL, '{');
        json_put_str(w, "language", queue->language);
        json_put_int(w, "executors", (int64_t)executors[q]);
        json_put_int(w, "waiting", queue->waiting);
        json_put_int(w, "active", queue->active);
        json_put_int(w, "completed", queue->completed);
        json_put_int(w, "failed", queue->failed);
        json_put_int(w, "cancelled", queue->cancelled);
        json_put_int(w, "expired", queue->expired);
        json_close(w, '}');
    }
    json_close(w, ']');
}

void fleet_put_load(struct json_writer *w, const struct fleet *fleet)
{
    char time[RFC3339_SIZE];
    int64_t waiting = 0, active = 0;
    for (size_t q = 0; q < fleet->load->queue_count; q++) {
        waiting += fleet->load->queues[q].waiting;
        active += fleet->load->queues[q].active;
    }
    format_rfc3339(now_wall_ms(), time);
    cleanup_free size_t *executors = xcalloc(fleet->load->queue_count + 1, sizeof *executors);
    json_open(w, NULL, '{');
    json_put_str(w, "timestamp", time);
    json_put_int(w, "totalWaiting", waiting);
    json_put_int(w, "totalActive", active);
    put_containers(w, fleet, executors);
    put_queues(w, fleet, executors);
    json_close(w, '}');
}

/* ---- /languages ------------------------------------------------------------------------------------------------ */

/* Of the executor that was seen last. */
static const char *detected_version(const struct fleet *fleet, const char *language)
{
    const char *version = NULL;
    int64_t seen_ms = -1;
    for (size_t i = 0; fleet->load && i < fleet->load->executor_count; i++) {
        const char *found = text(info_language(fleet, i, language), "version");
        if (found && fleet->load->executors[i].seen_ms > seen_ms) {
            version = found;
            seen_ms = fleet->load->executors[i].seen_ms;
        }
    }
    return version;
}

static void put_language(struct json_writer *w, const struct fleet *fleet, const struct lang *lang,
                         const struct limits *most)
{
    struct limits defaults = lang_resolve_limits(lang, &(struct limits){0});
    json_open(w, NULL, '{');
    json_put_str(w, "name", lang->name);
    json_put_str(w, "displayName", lang->display_name);
    json_put_str(w, "version", detected_version(fleet, lang->name));
    json_put_str(w, "description", lang->description);
    json_put_str(w, "example", lang->example);
    json_put_bool(w, "compiled", lang->compiled);
    json_open(w, "aliases", '[');
    for (size_t i = 0; i < lang->alias_count; i++)
        json_put_str(w, NULL, lang->aliases[i]);
    json_close(w, ']');
    json_open(w, "limits", '{');
    reply_put_limits(w, "default", &defaults);
    reply_put_limits(w, "max", most);
    json_close(w, '}');
    json_close(w, '}');
}

void fleet_put_languages(struct json_writer *w, const struct fleet *fleet, const struct lang_table *langs,
                         const struct limits *most)
{
    json_open(w, NULL, '{');
    json_open(w, "languages", '[');
    for (size_t i = 0; i < langs->count; i++)
        put_language(w, fleet, &langs->langs[i], most);
    json_close(w, ']');
    json_put_int(w, "count", (int64_t)langs->count);
    json_close(w, '}');
}

/* ---- /health --------------------------------------------------------------------------------------------------- */

/* Those that are alive, and those that were lost not long ago. Who left is no longer told of. */
static bool is_shown(const struct fleet *fleet, size_t i)
{
    return fleet->load->executors[i].alive || fleet->load->executors[i].lost;
}

static const char *executor_state(const struct fleet *fleet, size_t i)
{
    const cJSON *info = fleet->infos[i];
    if (fleet->load->executors[i].lost)
        return "lost";
    return info && number(info, "slotsUp") >= number(info, "slots") ? "healthy" : "degraded";
}

static void put_executor(struct json_writer *w, const struct fleet *fleet, size_t i)
{
    const struct store_executor_load *executor = &fleet->load->executors[i];
    const cJSON *info = fleet->infos[i];
    char seen[RFC3339_SIZE];
    format_rfc3339(executor->seen_ms, seen);
    cleanup_free char *mechanisms = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(info, "mechanisms"));
    json_open(w, NULL, '{');
    json_put_str(w, "id", executor->id);
    json_put_str(w, "status", executor_state(fleet, i));
    json_put_str(w, "lastSeen", seen);
    json_put_str(w, "version", text(info, "version"));
    json_put_str(w, "isolation", text(info, "tier"));
    json_put_int(w, "slots", number(info, "slots"));
    json_put_int(w, "slotsUp", number(info, "slotsUp"));
    if (mechanisms)
        json_put_raw(w, "mechanisms", mechanisms, strlen(mechanisms));
    json_close(w, '}');
}

/* An executor's id comes from outside, so it is escaped even as a key: written as a value, then the colon. */
static void put_state(struct json_writer *w, const char *id, const char *state)
{
    json_put_str(w, NULL, id);
    buf_add_char(&w->buf, ':');
    w->comma = false;
    json_put_str(w, NULL, state);
}

bool fleet_healthy(const struct fleet *fleet)
{
    for (size_t i = 0; fleet->load && i < fleet->load->executor_count; i++)
        if (is_shown(fleet, i) && strcmp(executor_state(fleet, i), "healthy") != 0)
            return false;
    return true;
}

const char *fleet_status(const struct fleet *fleet, bool redis_ready)
{
    return !redis_ready ? "unhealthy" : fleet_healthy(fleet) ? "healthy" : "degraded";
}

size_t fleet_serving(const struct fleet *fleet, const char *language)
{
    size_t count = 0;
    for (size_t i = 0; fleet->load && i < fleet->load->executor_count; i++)
        count += fleet->load->executors[i].alive && info_language(fleet, i, language);
    return count;
}

int64_t fleet_slots(const struct fleet *fleet, bool up)
{
    int64_t count = 0;
    for (size_t i = 0; fleet->load && i < fleet->load->executor_count; i++)
        if (fleet->load->executors[i].alive)
            count += number(fleet->infos[i], up ? "slotsUp" : "slots");
    return count;
}

void fleet_put_health(struct json_writer *w, const struct fleet *fleet)
{
    size_t count = fleet->load ? fleet->load->executor_count : 0;
    json_open(w, "queues", '{');
    for (size_t i = 0; i < count; i++)
        if (is_shown(fleet, i))
            put_state(w, fleet->load->executors[i].id, executor_state(fleet, i));
    json_close(w, '}');
    json_open(w, "executors", '[');
    for (size_t i = 0; i < count; i++)
        if (is_shown(fleet, i))
            put_executor(w, fleet, i);
    json_close(w, ']');
}
