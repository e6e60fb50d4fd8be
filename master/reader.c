/* Reads into a submission of its own, and hands it over whole or not at all. */
#include "reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct reader *reader_of(struct fields *in)
{
    return container_of(in, struct reader, in);
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int reader_not_with(struct fields *in, const cJSON *value, const char *other)
{
    char what[80];
    if (!fields_member(in->object, other))
        return 0;
    snprintf(what, sizeof what, "must not be given together with %s", other);
    return fields_refuse(in, value->string, what);
}

/* ---- the program and its tests ---------------------------------------------------------------------------------- */

/* The file's name is the language's to say. */
int reader_code(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    r->s->files = xcalloc(1, sizeof *r->s->files);
    r->s->file_count = 1;
    return fields_bytes(in, value, r->dialect->encoding, &r->s->files[0].content);
}

static void make_tests(struct submission *s, size_t count)
{
    s->tests = xcalloc(count, sizeof *s->tests);
    s->test_count = count;
}

int reader_input(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    int result = reader_not_with(in, value, r->dialect->tests);
    if (result < 0)
        return result;
    make_tests(r->s, 1);
    return fields_bytes(in, value, r->dialect->input_encoding, &r->s->tests[0].input);
}

int reader_test_input(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    return fields_bytes(in, value, r->dialect->encoding, &r->s->tests[in->index].input);
}

int reader_test_expected(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    struct test_case *test = &r->s->tests[in->index];
    test->has_expected = true;
    return fields_bytes(in, value, r->dialect->encoding, &test->expected);
}

int reader_test_hidden(struct fields *in, const cJSON *value)
{
    return fields_bool(in, value, &reader_of(in)->s->tests[in->index].hidden);
}

int reader_tests(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    const struct dialect *dialect = r->dialect;
    int result = fields_array(in, value, 1, (size_t)r->rules->max_tests);
    if (result < 0)
        return result;
    make_tests(r->s, (size_t)cJSON_GetArraySize(value));
    result = fields_read_elements(in, value, dialect->test_fields, dialect->test_field_count);
    for (size_t i = 0; result == 0 && i < r->s->test_count; i++)
        if (!r->s->tests[i].has_expected)
            result = fields_refuse_element(in, value->string, i, dialect->expected, "is required");
    return result;
}

/* ---- limits, and the rest --------------------------------------------------------------------------------------- */

int reader_seconds(struct fields *in, const cJSON *value, int64_t least_ms, int64_t most_ms)
{
    struct reader *r = reader_of(in);
    struct limits *limits = &r->s->limits;
    double seconds = 0;
    most_ms = lesser(most_ms, lesser(r->rules->most.cpu_ms, r->rules->most.wall_ms));
    int result = fields_number(in, value, (double)least_ms / 1000.0, (double)most_ms / 1000.0, &seconds);
    if (result == 0)
        limits->cpu_ms = limits->wall_ms = (int64_t)(seconds * 1000 + 0.5);
    return result;
}

int reader_cpus(struct fields *in, const cJSON *value, int64_t most_milli)
{
    struct reader *r = reader_of(in);
    double cpus = 0;
    most_milli = lesser(most_milli, r->rules->most.cpus_milli);
    int result = fields_number(in, value, READER_CPUS_LEAST_MILLI / 1000.0, (double)most_milli / 1000.0, &cpus);
    if (result == 0)
        r->s->limits.cpus_milli = (int64_t)(cpus * 1000 + 0.5);
    return result;
}

int reader_user_id(struct fields *in, const cJSON *value)
{
    return fields_label(in, value, READER_USER_ID_MAX, &reader_of(in)->s->user_id);
}

int reader_language(struct fields *in, const cJSON *value)
{
    (void)in;
    (void)value;
    return 0;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static int find_language(struct reader *r, const cJSON *root)
{
    const struct lang_table *langs = r->rules->langs;
    const cJSON *value = fields_member(root, "language");
    if (!value)
        return fields_refuse(&r->in, "language", "is required");
    r->lang = cJSON_IsString(value) ? lang_find(langs, value->valuestring) : NULL;
    if (r->lang)
        return 0;
    char what[224] = "must be one of";
    size_t used = strlen(what);
    for (size_t i = 0; i < langs->count && used < sizeof what; i++)
        used += (size_t)snprintf(what + used, sizeof what - used, "%s %s", i ? "," : "", langs->langs[i].name);
    return fields_refuse(&r->in, "language", what);
}

static int complete(struct reader *r, const cJSON *root)
{
    struct submission *s = r->s;
    size_t total = 0;
    if (s->file_count == 0)
        return fields_refuse(&r->in, "code", r->dialect->no_code);
    if (!s->files[0].name)
        s->files[0].name = xstrdup(r->lang->source_file);
    for (size_t i = 0; i < s->file_count; i++)
        total += s->files[i].content.len;
    if (total > (size_t)r->rules->max_code_bytes) {
        char what[80];
        snprintf(what, sizeof what, "must have at most %lld bytes", (long long)r->rules->max_code_bytes);
        return fields_refuse(&r->in, fields_member(root, "code") ? "code" : "files", what);
    }
    s->single_input = !fields_member(root, r->dialect->tests);
    if (s->test_count == 0)
        make_tests(s, 1);
    return r->dialect->complete(r, root);
}

int reader_read(struct reader *r, const cJSON *root, struct submission *ret_s, struct err *err)
{
    struct err unused;
    int result = 0;
    r->made = (struct submission){0};
    r->s = &r->made;
    r->in = (struct fields){.err = err ? err : &unused};
    if (!cJSON_IsObject(root))
        result = err_set(r->in.err, EINVAL, "a submission must be a JSON object");
    if (result == 0)
        result = find_language(r, root);
    if (result == 0) {
        r->made.language = xstrdup(r->lang->name);
        result = fields_read_object(&r->in, root, r->dialect->fields, r->dialect->field_count);
    }
    if (result == 0)
        result = complete(r, root);
    if (result < 0)
        submission_finish(&r->made);
    else
        *ret_s = r->made;
    return result;
}

int reader_parse(struct reader *r, const char *text, size_t len, struct submission *ret_s, struct err *err)
{
    cJSON *root;
    int result = json_parse(text, len, &root, err);
    if (result < 0)
        return result;
    result = reader_read(r, root, ret_s, err);
    cJSON_Delete(root);
    return result;
}
