/* The native dialect: one table of fields for each kind of object, in alphabetical order; a reader function for each
 * field. A table's walk refuses what it does not know, so a misspelt field is never ignored. What other dialects have
 * as well is reader.c's. */
#include "submission.h"
#include "reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    ARGS_MAX = 64,
    ARG_BYTES_MAX = 4096,
    ARGS_BYTES_MAX = 32 * 1024, /* all together: they travel in one message to the box */
    FLAGS_MAX = 32,
    FLAG_BYTES_MAX = 64,
    FILE_NAME_MAX = 255,
    TEST_NAME_MAX = 128,
    METADATA_MAX = 8192,
    URL_MAX = 2048,
};

static int refuse_value(struct fields *in, const cJSON *value, const char *what)
{
    return fields_refuse(in, value->string, what);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

/* A name stands in a compiler's argv, so it must not look like an option or a response file there. */
static const char *file_name_fault(const char *name)
{
    if (!*name || strlen(name) > FILE_NAME_MAX)
        return "must have 1 to 255 bytes";
    if (fields_has_control(name))
        return "must not hold control characters";
    if (*name == '/')
        return "must be a relative path";
    if (*name == '-' || *name == '@')
        return "must not begin with \"-\" or \"@\"";
    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        size_t len = strcspn(part, "/");
        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
            return "must not have an empty, \".\" or \"..\" component";
    }
    return NULL;
}

static int read_file_name(struct fields *in, const cJSON *value)
{
    const char *fault = cJSON_IsString(value) ? file_name_fault(value->valuestring) : "must be a string";
    if (fault)
        return refuse_value(in, value, fault);
    reader_of(in)->s->files[in->index].name = xstrdup(value->valuestring);
    return 0;
}

static int read_file_content(struct fields *in, const cJSON *value)
{
    return fields_bytes(in, value, "encoding", &reader_of(in)->s->files[in->index].content);
}

static const struct field file_fields[] = {
    {"content", read_file_content},
    {"encoding", fields_encoding},
    {"name", read_file_name},
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A name must not be there twice, nor be a directory of another. */
static int check_file_names(struct reader *r)
{
    size_t count = r->s->file_count;
    cleanup_free const char **names = xcalloc(count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = r->s->files[i].name;
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        for (size_t k = i + 1; k < count && strncmp(names[i], names[k], len) == 0; k++)
            if (names[k][len] == '\0' || names[k][len] == '/')
                return err_set_field(r->in.err, EINVAL, "files", "files: the name \"%.200s\" is taken twice", names[i]);
    }
    return 0;
}

static int read_files(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    int result = fields_array(in, value, 1, (size_t)r->rules->max_files);
    if (result < 0)
        return result;
    r->s->file_count = (size_t)cJSON_GetArraySize(value);
    r->s->files = xcalloc(r->s->file_count, sizeof *r->s->files);
    result = fields_read_elements(in, value, file_fields, ARRAY_LEN(file_fields));
    for (size_t i = 0; result == 0 && i < r->s->file_count; i++)
        if (!r->s->files[i].name || !r->s->files[i].content.data)
            result = fields_refuse_element(in, "files", i, r->s->files[i].name ? "content" : "name", "is required");
    if (result < 0)
        return result;
    return check_file_names(r);
}

static int read_code(struct fields *in, const cJSON *value)
{
    int result = reader_not_with(in, value, "files");
    return result < 0 ? result : reader_code(in, value);
}

/* ---- test cases ------------------------------------------------------------------------------------------------ */

static int read_test_name(struct fields *in, const cJSON *value)
{
    return fields_label(in, value, TEST_NAME_MAX, &reader_of(in)->s->tests[in->index].name);
}

static const struct field test_fields[] = {
    {"encoding", fields_encoding}, {"expected", reader_test_expected}, {"hidden", reader_test_hidden},
    {"input", reader_test_input},  {"name", read_test_name},
};

/* 000's and 004's name for it is stdin. */
static int read_input(struct fields *in, const cJSON *value)
{
    if (reader_of(in)->s->tests && !fields_member(in->object, "testCases"))
        return refuse_value(in, value, "must not be given twice, as input and as stdin");
    return reader_input(in, value);
}

/* ---- limits ---------------------------------------------------------------------------------------------------- */

static int read_cpu_ms(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    return fields_int(in, value, READER_TIME_LEAST_MS, r->rules->most.cpu_ms, &r->s->limits.cpu_ms);
}

static int read_wall_ms(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    return fields_int(in, value, READER_TIME_LEAST_MS, r->rules->most.wall_ms, &r->s->limits.wall_ms);
}

static int read_memory_mb(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    return fields_int(in, value, READER_MEMORY_LEAST_MB, r->rules->most.memory_mb, &r->s->limits.memory_mb);
}

static int read_processes(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    return fields_int(in, value, 1, r->rules->most.processes, &r->s->limits.processes);
}

static int read_output_kb(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    return fields_int(in, value, 1, r->rules->most.output_kb, &r->s->limits.output_kb);
}

static int read_file_kb(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    return fields_int(in, value, 1, r->rules->most.file_kb, &r->s->limits.file_kb);
}

static int read_cpus(struct fields *in, const cJSON *value)
{
    return reader_cpus(in, value, INT64_MAX);
}

static const struct field limit_fields[] = {
    {"cpuTimeMs", read_cpu_ms},   {"cpus", read_cpus},          {"fileKb", read_file_kb},
    {"memoryMb", read_memory_mb}, {"outputKb", read_output_kb}, {"processes", read_processes},
    {"wallTimeMs", read_wall_ms},
};

static int read_limits(struct fields *in, const cJSON *value)
{
    return fields_read_member(in, value, limit_fields, ARRAY_LEN(limit_fields));
}

/* Seconds, of CPU and wall time alike. */
static int read_timeout(struct fields *in, const cJSON *value)
{
    const cJSON *limits = fields_member(in->object, "limits");
    if (cJSON_IsObject(limits) && (fields_member(limits, "cpuTimeMs") || fields_member(limits, "wallTimeMs")))
        return refuse_value(in, value, "must not be given together with limits.cpuTimeMs or limits.wallTimeMs");
    return reader_seconds(in, value, READER_TIME_LEAST_MS, INT64_MAX);
}

/* ---- the program's arguments, the compiler's flags ------------------------------------------------------------- */

static const char *arg_fault(const char *arg)
{
    return strlen(arg) > ARG_BYTES_MAX ? "must have at most 4096 bytes" : NULL;
}

static int read_args(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    int result = fields_strings(in, value, ARGS_MAX, arg_fault, &r->s->args, &r->s->arg_count);
    size_t total = 0;
    for (size_t i = 0; result == 0 && i < r->s->arg_count; i++)
        total += strlen(r->s->args[i]) + 1;
    return result < 0 || total <= ARGS_BYTES_MAX ? result : refuse_value(in, value, "must have at most 32768 bytes");
}

/* Flags that neither name files nor change what the compiler runs. It works in the box anyway; this keeps a job's
 * outcome from depending on the box's inside. What follows a prefix has letters, digits and "+-_.=" only, so no path,
 * no response file, and no list handed on to another tool (-Wl,…) passes. */
static const char *flag_fault(const char *flag)
{
    static const char *const whole[] = {"-ansi", "-lm", "-lpthread", "-pedantic", "-pthread", "-s", "-static", "-w"};
    static const char *const prefixes[] = {"-D", "-O", "-U", "-W", "-Xlint", "-f", "-g", "-m", "-pedantic-", "-std="};
    static const char *const refused[] = {"-fdump", "-fplugin", "-fprofile"};
    static const char fault[] = "is not an allowed flag: -D -O -U -W -f -g -m -std= -Xlint followed by letters, "
                                "digits and +-_.=, or -ansi -lm -lpthread -pedantic -pthread -s -static -w";
    size_t plain = strspn(flag, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_.=");
    if (flag[plain] || strlen(flag) > FLAG_BYTES_MAX)
        return fault;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (strcmp(flag, whole[i]) == 0)
            return NULL;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (strncmp(flag, refused[i], strlen(refused[i])) == 0)
            return fault;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (strncmp(flag, prefixes[i], strlen(prefixes[i])) == 0)
            return NULL;
    return fault;
}

static int read_compile_flags(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    int result = fields_strings(in, value, FLAGS_MAX, flag_fault, &r->s->compile_flags, &r->s->compile_flag_count);
    if (result == 0 && r->s->compile_flag_count > 0 && !r->lang->compiled)
        return refuse_value(in, value, "cannot be given: the language is not compiled");
    return result;
}

/* ---- the rest -------------------------------------------------------------------------------------------------- */

static int read_compare(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    static const char fault[] = "must be \"trim\", \"exact\", \"tokens\" or \"float:EPSILON\" with an epsilon above 0 "
                                "and up to 1, such as float:1e-6";
    if (!cJSON_IsString(value))
        return refuse_value(in, value, fault);
    const char *text = value->valuestring;
    for (int kind = COMPARE_TRIM; kind <= COMPARE_TOKENS; kind++)
        if (strcmp(text, compare_name((enum compare_kind)kind)) == 0) {
            r->s->compare = (enum compare_kind)kind;
            return 0;
        }
    if (strncmp(text, "float:", 6) != 0 || text[6 + strspn(text + 6, "0123456789.eE+-")])
        return refuse_value(in, value, fault);
    char *end;
    double epsilon = strtod(text + 6, &end);
    if (end == text + 6 || *end || !(epsilon > 0 && epsilon <= 1))
        return refuse_value(in, value, fault);
    r->s->compare = COMPARE_FLOAT;
    r->s->compare_epsilon = epsilon;
    return 0;
}

static int read_metadata(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    if (cJSON_IsNull(value))
        return 0;
    if (!cJSON_IsObject(value))
        return refuse_value(in, value, "must be an object or null");
    r->s->metadata = cJSON_PrintUnformatted(value);
    if (!r->s->metadata || strlen(r->s->metadata) > METADATA_MAX)
        return refuse_value(in, value, "must have at most 8192 bytes as JSON");
    return 0;
}

/* Where it leads is looked at when it is called, by its address. */
static const char *url_fault(const char *url)
{
    size_t scheme = strncasecmp(url, "http://", 7) == 0 ? 7 : strncasecmp(url, "https://", 8) == 0 ? 8 : 0;
    size_t host = strcspn(url + scheme, "/?#");
    if (strlen(url) > URL_MAX)
        return "must have at most 2048 bytes";
    for (const char *c = url; *c; c++)
        if (*c <= 0x20 || *c >= 0x7f)
            return "must be of visible ASCII characters";
    if (scheme == 0 || host == 0)
        return "must be an http or https URL";
    if (memchr(url + scheme, '@', host))
        return "must not hold a user's name or password";
    return NULL;
}

static int read_callback_url(struct fields *in, const cJSON *value)
{
    struct reader *r = reader_of(in);
    if (!r->rules->callbacks)
        return refuse_value(in, value, "cannot be given: callbacks are off here (callback-secret is not set)");
    const char *fault = cJSON_IsString(value) ? url_fault(value->valuestring) : "must be a string";
    if (fault)
        return refuse_value(in, value, fault);
    r->s->callback_url = xstrdup(value->valuestring);
    return 0;
}

static int read_cache(struct fields *in, const cJSON *value)
{
    return fields_bool(in, value, &reader_of(in)->s->cache);
}

static int read_priority(struct fields *in, const cJSON *value)
{
    return fields_bool(in, value, &reader_of(in)->s->priority);
}

static int read_stop_on_failure(struct fields *in, const cJSON *value)
{
    return fields_bool(in, value, &reader_of(in)->s->stop_on_failure);
}

static const struct field top_fields[] = {
    {"args", read_args},
    {"cache", read_cache},
    {"callbackUrl", read_callback_url},
    {"code", read_code},
    {"compare", read_compare},
    {"compileFlags", read_compile_flags},
    {"encoding", fields_encoding},
    {"files", read_files},
    {"input", read_input},
    {"inputEncoding", fields_encoding},
    {"language", reader_language},
    {"limits", read_limits},
    {"metadata", read_metadata},
    {"priority", read_priority},
    {"stdin", read_input},
    {"stopOnFailure", read_stop_on_failure},
    {"testCases", reader_tests},
    {"timeout", read_timeout},
    {"userId", reader_user_id},
};

static int complete(struct reader *r, const cJSON *root)
{
    if (fields_member(root, "encoding") && !fields_member(root, "code"))
        return fields_refuse(&r->in, "encoding", "is for code: a file has its own");
    if (fields_member(root, "inputEncoding") && !r->s->single_input)
        return fields_refuse(&r->in, "inputEncoding", "is for input: a test case has its own");
    return 0;
}

static const struct dialect dialect = {
    .fields = top_fields,
    .field_count = ARRAY_LEN(top_fields),
    .test_fields = test_fields,
    .test_field_count = ARRAY_LEN(test_fields),
    .tests = "testCases",
    .expected = "expected",
    .encoding = "encoding",
    .input_encoding = "inputEncoding",
    .no_code = "or files is required",
    .complete = complete,
};

int submission_read(const cJSON *root, const struct submission_rules *rules, struct submission *ret_s, struct err *err)
{
    struct reader reader = {.dialect = &dialect, .rules = rules};
    return reader_read(&reader, root, ret_s, err);
}

int submission_parse(const char *text, size_t len, const struct submission_rules *rules, struct submission *ret_s,
                     struct err *err)
{
    struct reader reader = {.dialect = &dialect, .rules = rules};
    return reader_parse(&reader, text, len, ret_s, err);
}
