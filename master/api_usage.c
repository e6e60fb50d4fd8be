/* GET /api/v1/metrics and /api/v1/metrics/user/{id} (002): what was executed in the last hours, by language. A key sees
 * its own; the admin, and everybody where there are no keys, sees all. */
#include "api.h"
#include "master.h"

#include <errno.h>
#include <string.h>

enum { HOURS_DEFAULT = 24 };

struct usage_query {
    struct call *call;
    int64_t hours;
    char *user; /* NULL: all */
};

static void put_figures(struct json_writer *w, const struct store_usage *u)
{
    double executions = u->executions > 0 ? (double)u->executions : 1;
    json_put_int(w, "executions", u->executions);
    json_put_int(w, "accepted", u->accepted);
    json_put_int(w, "completed", u->completed);
    json_put_int(w, "failed", u->failed);
    json_put_int(w, "cancelled", u->cancelled);
    json_put_double(w, "success_rate", (double)u->accepted / executions);
    json_put_double(w, "average_time_ms", (double)u->ms / executions);
    json_put_double(w, "average_memory_kb", (double)u->memory_kb / executions);
    json_put_int(w, "peak_memory_kb", u->memory_peak_kb);
    json_open(w, "time_histogram", '{');
    json_put_int(w, "up_to_100_ms", u->to_100_ms);
    json_put_int(w, "up_to_1_s", u->to_1000_ms - u->to_100_ms);
    json_put_int(w, "over_1_s", u->executions - u->to_1000_ms);
    json_close(w, '}');
}

static void add(struct store_usage *sum, const struct store_usage *u)
{
    sum->executions += u->executions;
    sum->accepted += u->accepted;
    sum->completed += u->completed;
    sum->failed += u->failed;
    sum->cancelled += u->cancelled;
    sum->ms += u->ms;
    sum->memory_kb += u->memory_kb;
    sum->memory_peak_kb = u->memory_peak_kb > sum->memory_peak_kb ? u->memory_peak_kb : sum->memory_peak_kb;
    sum->to_100_ms += u->to_100_ms;
    sum->to_1000_ms += u->to_1000_ms;
}

static void put_usage(struct json_writer *w, const struct usage_query *query, const struct store_usage *rows)
{
    const struct master *master = query->call->master;
    struct store_usage sum = {0};
    char time[RFC3339_SIZE];
    format_rfc3339(now_wall_ms(), time);
    json_open(w, NULL, '{');
    json_put_str(w, "timestamp", time);
    json_put_int(w, "hours", query->hours);
    if (query->user)
        json_put_str(w, "user_id", query->user);
    for (size_t i = 0; i < master->langs.count; i++)
        add(&sum, &rows[i]);
    put_figures(w, &sum);
    json_open(w, "languages", '{');
    for (size_t i = 0; i < master->langs.count; i++) {
        if (rows[i].executions == 0)
            continue;
        json_open(w, master->language_names[i], '{');
        put_figures(w, &rows[i]);
        json_close(w, '}');
    }
    json_close(w, '}');
    json_close(w, '}');
}

static void on_usage(void *arg, const struct err *err, const struct store_usage *rows)
{
    struct usage_query *query = arg;
    struct json_writer w = {0};
    if (err) {
        call_store_failed(query->call, err);
    } else {
        put_usage(&w, query, rows);
        call_reply(query->call, 200, &w);
    }
    http_unref(query->call);
    free(query->user);
    free(query);
}

static int read_hours(struct call *call, int64_t *ret_hours, struct err *err)
{
    const char *text = http_query(call, "hours");
    *ret_hours = HOURS_DEFAULT;
    if (!text)
        return 0;
    char *end;
    long hours = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || hours < 1 || hours > STORE_USAGE_HOURS)
        return err_set_field(err, EINVAL, "hours", "hours must be a whole number from 1 to %d", STORE_USAGE_HOURS);
    *ret_hours = hours;
    return 0;
}

static void ask(struct call *call, char *user)
{
    const struct master *master = call->master;
    struct err err = {0};
    int64_t hours = 0;
    int r = read_hours(call, &hours, &err);
    if (r < 0)
        call_bad_request(call, &err);
    else if (strcmp(master->config.metrics, "true") != 0)
        call_not_found(call, "metrics are turned off");
    if (r < 0 || call->state != CALL_OPEN) {
        free(user);
        return;
    }
    struct usage_query *query = xcalloc(1, sizeof *query);
    *query = (struct usage_query){.call = call, .hours = hours, .user = user};
    http_ref(call);
    store_usage(master->store, master->language_names, master->langs.count, hours, call->admin ? NULL : call->owner,
                user, on_usage, query);
}

void api_v1_metrics(struct call *call)
{
    ask(call, NULL);
}

/* A user's id comes percent-encoded; NULL: it is none, as it has a NUL or is no UTF-8. */
static char *decode(const char *text)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    struct buf out = {0};
    while (*text) {
        char c = *text;
        bool encoded = c == '%' && text[1] && text[2] && strspn(text + 1, digits) >= 2;
        if (encoded) {
            char hex[3] = {text[1], text[2], '\0'};
            c = (char)strtoul(hex, NULL, 16);
        }
        buf_add_char(&out, c);
        text += encoded ? 3 : 1;
    }
    size_t len = out.len;
    char *decoded = buf_steal(&out);
    if (strlen(decoded) == len && utf8_valid(decoded, len))
        return decoded;
    free(decoded);
    return NULL;
}

void api_v1_user_metrics(struct call *call)
{
    char *user = decode(call->id);
    if (user)
        ask(call, user);
    else
        call_error(call, 422, "invalid_request", "id", "the user's id must be UTF-8");
}
