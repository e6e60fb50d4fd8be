/* Encoders and decoders of the stored forms. The decoders trust nothing: a missing or ill-typed field is EBADMSG. */
#include "job_json.h"
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- encoding ------------------------------------------------------------------------------------------------- */

/* "<key>" as text where a JSON string can carry it through cJSON, "<key>Base64" elsewhere. */
static void put_bytes(struct json_writer *w, const char *key, const struct bytes *b)
{
    if (utf8_valid(b->data, b->len) && (b->len == 0 || !memchr(b->data, 0, b->len))) {
        json_put_bytes(w, key, b->data, b->len);
        return;
    }
    char name[64];
    snprintf(name, sizeof name, "%sBase64", key);
    json_put_base64(w, name, b->data, b->len);
}

static void put_limits(struct json_writer *w, const char *key, const struct limits *l)
{
    json_open(w, key, '{');
    json_put_int(w, "cpuMs", l->cpu_ms);
    json_put_int(w, "wallMs", l->wall_ms);
    json_put_int(w, "memoryMb", l->memory_mb);
    json_put_int(w, "processes", l->processes);
    json_put_int(w, "outputKb", l->output_kb);
    json_put_int(w, "fileKb", l->file_kb);
    json_put_int(w, "cpusMilli", l->cpus_milli);
    json_close(w, '}');
}

static void put_strings(struct json_writer *w, const char *key, char *const *strings, size_t count)
{
    json_open(w, key, '[');
    for (size_t i = 0; i < count; i++)
        json_put_str(w, NULL, strings[i]);
    json_close(w, ']');
}

char *submission_to_json(const struct submission *s)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_int(&w, "v", JOB_VERSION);
    json_put_str(&w, "language", s->language);
    json_open(&w, "files", '[');
    for (size_t i = 0; i < s->file_count; i++) {
        json_open(&w, NULL, '{');
        json_put_str(&w, "name", s->files[i].name);
        put_bytes(&w, "content", &s->files[i].content);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_open(&w, "tests", '[');
    for (size_t i = 0; i < s->test_count; i++) {
        const struct test_case *t = &s->tests[i];
        json_open(&w, NULL, '{');
        if (t->name)
            json_put_str(&w, "name", t->name);
        put_bytes(&w, "input", &t->input);
        if (t->has_expected)
            put_bytes(&w, "expected", &t->expected);
        json_put_bool(&w, "hidden", t->hidden);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_put_bool(&w, "singleInput", s->single_input);
    put_limits(&w, "limits", &s->limits);
    put_strings(&w, "args", s->args, s->arg_count);
    put_strings(&w, "compileFlags", s->compile_flags, s->compile_flag_count);
    json_put_str(&w, "compare", compare_name(s->compare));
    json_put_double(&w, "epsilon", s->compare_epsilon);
    json_put_bool(&w, "stopOnFailure", s->stop_on_failure);
    json_put_bool(&w, "priority", s->priority);
    if (s->cache)
        json_put_bool(&w, "cache", true);
    if (s->user_id)
        json_put_str(&w, "userId", s->user_id);
    if (s->metadata)
        json_put_raw(&w, "metadata", s->metadata, strlen(s->metadata));
    json_close(&w, '}');
    return buf_steal(&w.buf);
}

static void put_run(struct json_writer *w, const struct run_figures *r)
{
    json_put_int(w, "cpuUs", r->cpu_us);
    json_put_int(w, "wallUs", r->wall_us);
    json_put_int(w, "memoryKb", r->memory_kb);
    json_put_int(w, "exitCode", r->exit_code);
    json_put_int(w, "signal", r->signal);
    json_put_int(w, "oomKills", r->oom_kills);
    put_limits(w, "limits", &r->limits);
    put_bytes(w, "stdout", &r->out);
    put_bytes(w, "stderr", &r->errout);
    json_put_int(w, "stdoutBytes", r->out_total);
    json_put_int(w, "stderrBytes", r->errout_total);
    json_put_bool(w, "truncated", r->truncated);
    if (r->reason)
        json_put_str(w, "reason", r->reason);
    if (r->end != RUN_END_ITSELF)
        json_put_str(w, "end", run_end_name(r->end));
    if (r->waited_us)
        json_put_int(w, "waitedUs", r->waited_us);
    if (r->warm)
        json_put_bool(w, "warm", true);
    if (r->lost_us) {
        json_put_int(w, "lostUs", r->lost_us);
        json_put_int(w, "lostOfUs", r->lost_of_us);
    }
}

static void put_test_result(struct json_writer *w, const struct test_result *t)
{
    json_put_str(w, "verdict", verdict_name(t->verdict));
    json_put_bool(w, "passed", t->passed);
    put_run(w, &t->run);
}

char *job_result_to_json(const struct job_result *r)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_int(&w, "v", JOB_VERSION);
    json_put_str(&w, "verdict", verdict_name(r->verdict));
    if (r->reason)
        json_put_str(&w, "reason", r->reason);
    if (r->compile.present) {
        json_open(&w, "compile", '{');
        json_put_bool(&w, "ok", r->compile.ok);
        if (r->compile.cached)
            json_put_bool(&w, "cached", true);
        put_run(&w, &r->compile.run);
        json_close(&w, '}');
    }
    if (r->cached)
        json_put_bool(&w, "cached", true);
    json_open(&w, "tests", '[');
    for (size_t i = 0; i < r->test_count; i++) {
        json_open(&w, NULL, '{');
        put_test_result(&w, &r->tests[i]);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    if (r->tier)
        json_put_str(&w, "tier", r->tier);
    if (r->isolation)
        json_put_raw(&w, "isolation", r->isolation, strlen(r->isolation));
    if (r->executor)
        json_put_str(&w, "executor", r->executor);
    if (r->toolchain)
        json_put_str(&w, "toolchain", r->toolchain);
    json_put_int(&w, "executionMs", r->execution_ms);
    json_close(&w, '}');
    return buf_steal(&w.buf);
}

char *test_event_to_json(const struct test_event *event)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '{');
    json_put_int(&w, "v", JOB_VERSION);
    json_put_int(&w, "index", (int64_t)event->index);
    if (event->name)
        json_put_str(&w, "name", event->name);
    json_put_bool(&w, "hidden", event->hidden);
    put_test_result(&w, &event->result);
    json_close(&w, '}');
    return buf_steal(&w.buf);
}

/* ---- decoding ------------------------------------------------------------------------------------------------- */

/* Reads fields of one object and remembers the first that was not as stored; so the decoders below read straight. */
struct reader {
    const cJSON *object;
    const char *bad; /* key, or NULL */
};

static const cJSON *field(struct reader *r, const char *key, bool good_type(const cJSON *))
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(r->object, key);
    if (item && good_type((const cJSON *)item))
        return item;
    if (!r->bad)
        r->bad = key;
    return NULL;
}

static bool is_string(const cJSON *item)
{
    return cJSON_IsString(item);
}

static bool is_bool(const cJSON *item)
{
    return cJSON_IsBool(item);
}

static bool is_array(const cJSON *item)
{
    return cJSON_IsArray(item);
}

static bool is_object(const cJSON *item)
{
    return cJSON_IsObject(item);
}

static bool is_number(const cJSON *item)
{
    /* within what a double holds exactly, so the cast below is defined */
    return cJSON_IsNumber(item) && item->valuedouble >= -9007199254740992.0 && item->valuedouble <= 9007199254740992.0;
}

static bool has(const struct reader *r, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(r->object, key) != NULL;
}

static int64_t get_int(struct reader *r, const char *key)
{
    const cJSON *item = field(r, key, is_number);
    return item ? (int64_t)item->valuedouble : 0;
}

static bool get_bool(struct reader *r, const char *key)
{
    return cJSON_IsTrue(field(r, key, is_bool));
}

static char *get_str(struct reader *r, const char *key)
{
    const cJSON *item = field(r, key, is_string);
    return item ? xstrdup(item->valuestring) : NULL;
}

static char *get_optional_str(struct reader *r, const char *key)
{
    return has(r, key) ? get_str(r, key) : NULL;
}

static struct bytes get_bytes(struct reader *r, const char *key)
{
    struct bytes b = {0};
    char name[64];
    snprintf(name, sizeof name, "%sBase64", key);
    const cJSON *encoded = cJSON_GetObjectItemCaseSensitive(r->object, name);
    if (!encoded) {
        b.data = get_str(r, key);
        b.len = b.data ? strlen(b.data) : 0;
        return b;
    }
    const char *digits = cJSON_IsString(encoded) ? encoded->valuestring : "?";
    if (base64_decode(digits, strlen(digits), &b.data, &b.len) < 0 && !r->bad)
        r->bad = key;
    return b;
}

static void get_strings(struct reader *r, const char *key, char ***ret_strings, size_t *ret_count)
{
    const cJSON *list = field(r, key, is_array), *item;
    *ret_strings = xcalloc((size_t)cJSON_GetArraySize(list), sizeof **ret_strings);
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_IsString(item))
            (*ret_strings)[(*ret_count)++] = xstrdup(item->valuestring);
        else if (!r->bad)
            r->bad = key;
    }
}

static void get_limits(struct reader *r, struct limits *ret_limits)
{
    struct reader in = {.object = field(r, "limits", is_object)};
    if (!in.object)
        return;
    *ret_limits = (struct limits){
        .cpu_ms = get_int(&in, "cpuMs"),
        .wall_ms = get_int(&in, "wallMs"),
        .memory_mb = get_int(&in, "memoryMb"),
        .processes = get_int(&in, "processes"),
        .output_kb = get_int(&in, "outputKb"),
        .file_kb = get_int(&in, "fileKb"),
        .cpus_milli = get_int(&in, "cpusMilli"),
    };
    if (in.bad && !r->bad)
        r->bad = in.bad;
}

/* Folds an element's reader into its parent's. */
static void absorb(struct reader *parent, const struct reader *child)
{
    if (!parent->bad)
        parent->bad = child->bad;
}

/* The document, its version checked; the caller deletes *ret_root. */
static int open_stored(const char *text, size_t len, cJSON **ret_root, struct err *err)
{
    cJSON *root = NULL;
    int r = json_parse(text, len, &root, err);
    if (r < 0)
        return err_set(err, EBADMSG, "stored JSON cannot be read");
    struct reader top = {.object = root};
    int64_t version = get_int(&top, "v");
    if (top.bad)
        r = err_set_field(err, EBADMSG, "v", "stored JSON has no version");
    else if (version < 1 || version > JOB_VERSION)
        r = err_set_field(err, ENOTSUP, "v", "stored JSON has version %lld, this release knows 1 to %d",
                          (long long)version, JOB_VERSION);
    if (r < 0)
        cJSON_Delete(root);
    else
        *ret_root = root;
    return r;
}

static int close_stored(cJSON *root, const struct reader *top, struct err *err)
{
    int r =
        top->bad ? err_set_field(err, EBADMSG, top->bad, "stored field \"%s\" is missing or ill-typed", top->bad) : 0;
    cJSON_Delete(root);
    return r;
}

static void get_files(struct reader *top, struct submission *s)
{
    const cJSON *list = field(top, "files", is_array), *item;
    s->files = xcalloc((size_t)cJSON_GetArraySize(list), sizeof *s->files);
    cJSON_ArrayForEach(item, list)
    {
        struct reader in = {.object = item};
        s->files[s->file_count++] =
            (struct source_file){.name = get_str(&in, "name"), .content = get_bytes(&in, "content")};
        absorb(top, &in);
    }
    if (s->file_count == 0 && !top->bad)
        top->bad = "files";
}

static void get_tests(struct reader *top, struct submission *s)
{
    const cJSON *list = field(top, "tests", is_array), *item;
    s->tests = xcalloc((size_t)cJSON_GetArraySize(list), sizeof *s->tests);
    cJSON_ArrayForEach(item, list)
    {
        struct reader in = {.object = item};
        struct test_case *t = &s->tests[s->test_count++];
        t->name = get_optional_str(&in, "name");
        t->input = get_bytes(&in, "input");
        t->has_expected = has(&in, "expected") || has(&in, "expectedBase64");
        if (t->has_expected)
            t->expected = get_bytes(&in, "expected");
        t->hidden = get_bool(&in, "hidden");
        absorb(top, &in);
    }
    if (s->test_count == 0 && !top->bad)
        top->bad = "tests";
}

static enum compare_kind get_compare(struct reader *r)
{
    cleanup_free char *name = get_str(r, "compare");
    for (enum compare_kind kind = COMPARE_TRIM; name && kind <= COMPARE_FLOAT; kind++)
        if (strcmp(compare_name(kind), name) == 0)
            return kind;
    if (!r->bad)
        r->bad = "compare";
    return COMPARE_TRIM;
}

int submission_from_json(const char *text, size_t len, struct submission *ret_s, struct err *err)
{
    cJSON *root = NULL;
    int r = open_stored(text, len, &root, err);
    if (r < 0)
        return r;
    struct reader top = {.object = root};
    struct submission s = {0};
    s.language = get_str(&top, "language");
    get_files(&top, &s);
    get_tests(&top, &s);
    s.single_input = get_bool(&top, "singleInput");
    get_limits(&top, &s.limits);
    get_strings(&top, "args", &s.args, &s.arg_count);
    get_strings(&top, "compileFlags", &s.compile_flags, &s.compile_flag_count);
    s.compare = get_compare(&top);
    const cJSON *epsilon = field(&top, "epsilon", is_number);
    s.compare_epsilon = epsilon ? epsilon->valuedouble : 0;
    s.stop_on_failure = get_bool(&top, "stopOnFailure");
    s.priority = get_bool(&top, "priority");
    s.cache = has(&top, "cache") && get_bool(&top, "cache");
    s.user_id = get_optional_str(&top, "userId");
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(root, "metadata");
    s.metadata = metadata ? cJSON_PrintUnformatted(metadata) : NULL;
    r = close_stored(root, &top, err);
    if (r < 0)
        submission_finish(&s);
    else
        *ret_s = s;
    return r;
}

static char *get_object_text(struct reader *r, const char *key)
{
    const cJSON *object = field(r, key, is_object);
    return object ? cJSON_PrintUnformatted(object) : NULL;
}

static enum verdict get_verdict(struct reader *r)
{
    cleanup_free char *name = get_str(r, "verdict");
    enum verdict verdict = VERDICT_INTERNAL_ERROR;
    if (name && verdict_parse(name, &verdict) < 0 && !r->bad)
        r->bad = "verdict";
    return verdict;
}

/* Releases before this one did not tell it: then it is itself's. */
static enum run_end get_end(struct reader *r)
{
    cleanup_free char *name = get_optional_str(r, "end");
    enum run_end end = RUN_END_ITSELF;
    if (name && run_end_parse(name, &end) < 0 && !r->bad)
        r->bad = "end";
    return end;
}

static int64_t get_optional_int(struct reader *r, const char *key)
{
    return has(r, key) ? get_int(r, key) : 0;
}

static void get_run(struct reader *r, struct run_figures *run)
{
    run->cpu_us = get_int(r, "cpuUs");
    run->wall_us = get_int(r, "wallUs");
    run->memory_kb = get_int(r, "memoryKb");
    run->exit_code = (int)get_int(r, "exitCode");
    run->signal = (int)get_int(r, "signal");
    run->oom_kills = get_int(r, "oomKills");
    get_limits(r, &run->limits);
    run->out = get_bytes(r, "stdout");
    run->errout = get_bytes(r, "stderr");
    run->out_total = get_int(r, "stdoutBytes");
    run->errout_total = get_int(r, "stderrBytes");
    run->truncated = get_bool(r, "truncated");
    run->reason = get_optional_str(r, "reason");
    run->end = get_end(r);
    run->waited_us = get_optional_int(r, "waitedUs");
    run->warm = has(r, "warm") && get_bool(r, "warm");
    run->lost_us = get_optional_int(r, "lostUs");
    run->lost_of_us = get_optional_int(r, "lostOfUs");
}

static void get_test_result(struct reader *r, struct test_result *t)
{
    t->verdict = get_verdict(r);
    t->passed = get_bool(r, "passed");
    get_run(r, &t->run);
}

static void get_compile(struct reader *top, struct compile_result *compile)
{
    compile->present = has(top, "compile");
    if (!compile->present)
        return;
    struct reader in = {.object = field(top, "compile", is_object)};
    if (!in.object)
        return;
    compile->ok = get_bool(&in, "ok");
    compile->cached = has(&in, "cached") && get_bool(&in, "cached");
    get_run(&in, &compile->run);
    absorb(top, &in);
}

int job_result_from_json(const char *text, size_t len, struct job_result *ret_r, struct err *err)
{
    cJSON *root = NULL;
    int r = open_stored(text, len, &root, err);
    if (r < 0)
        return r;
    struct reader top = {.object = root};
    struct job_result result = {.verdict = get_verdict(&top), .reason = get_optional_str(&top, "reason")};
    get_compile(&top, &result.compile);
    result.cached = has(&top, "cached") && get_bool(&top, "cached");
    const cJSON *list = field(&top, "tests", is_array), *item;
    result.tests = xcalloc((size_t)cJSON_GetArraySize(list), sizeof *result.tests);
    cJSON_ArrayForEach(item, list)
    {
        struct reader in = {.object = item};
        struct test_result *t = &result.tests[result.test_count++];
        get_test_result(&in, t);
        absorb(&top, &in);
    }
    result.tier = get_optional_str(&top, "tier");
    result.isolation = has(&top, "isolation") ? get_object_text(&top, "isolation") : NULL;
    result.executor = get_optional_str(&top, "executor");
    result.toolchain = get_optional_str(&top, "toolchain");
    result.execution_ms = get_int(&top, "executionMs");
    r = close_stored(root, &top, err);
    if (r < 0)
        job_result_finish(&result);
    else
        *ret_r = result;
    return r;
}

int test_event_from_json(const char *text, size_t len, struct test_event *ret_event, struct err *err)
{
    cJSON *root = NULL;
    int r = open_stored(text, len, &root, err);
    if (r < 0)
        return r;
    struct reader top = {.object = root};
    struct test_event event = {.name = get_optional_str(&top, "name"), .hidden = get_bool(&top, "hidden")};
    int64_t index = get_int(&top, "index");
    if (index < 0 && !top.bad)
        top.bad = "index";
    event.index = (size_t)index;
    get_test_result(&top, &event.result);
    r = close_stored(root, &top, err);
    if (r < 0)
        test_event_finish(&event);
    else
        *ret_event = event;
    return r;
}
