/* Reads one language file with a small checked reader: the first thing that is not allowed ends the load, with file
 * and field. */
#include "lang_file.h"
#include "json.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

enum { LANG_SCHEMA = 1, FILE_MAX = 256 * 1024 };

/* ---- a checked reader ----------------------------------------------------------------------------------------- */

struct file {
    const char *path;
    const struct lang_ceilings *ceilings;
    struct err *err;
};

static int bad(const struct file *f, const char *field, const char *allowed)
{
    int r = err_set_field(f->err, EINVAL, field, "%s: field \"%s\" %s", f->path, field, allowed);
    assert(r < 0); /* readers rely on it: 0 means that the field is there */
    return r;
}

static int check_keys(const struct file *f, const cJSON *object, const char *where, const char *const *known,
                      size_t count)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        bool found = false;
        for (size_t i = 0; i < count && !found; i++)
            found = strcmp(item->string, known[i]) == 0;
        if (!found) {
            char field[96];
            snprintf(field, sizeof field, "%s%s", where, item->string);
            return bad(f, field, "is unknown");
        }
    }
    return 0;
}

static int read_text(const struct file *f, const cJSON *object, const char *key, char **ret_text)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsString(item) || !*item->valuestring)
        return bad(f, key, "must be a text that is not empty");
    *ret_text = xstrdup(item->valuestring);
    return 0;
}

static int read_list(const struct file *f, const cJSON *object, const char *key, bool required, char ***ret_list,
                     size_t *ret_count)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key), *item;
    if (!list && !required)
        return 0;
    if (!cJSON_IsArray(list) || (required && !list->child))
        return bad(f, key, "must be a list of texts");
    *ret_list = xcalloc((size_t)cJSON_GetArraySize(list), sizeof **ret_list);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || !*item->valuestring)
            return bad(f, key, "must be a list of texts that are not empty");
        (*ret_list)[(*ret_count)++] = xstrdup(item->valuestring);
    }
    return 0;
}

static int read_normalize(const struct file *f, const cJSON *root, struct lang *lang)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "normalize"), *item;
    if (list && !cJSON_IsArray(list))
        return bad(f, "normalize", "must be a list of \"bom\" and \"crlf\"");
    cJSON_ArrayForEach(item, list)
    {
        const char *what = cJSON_IsString(item) ? item->valuestring : "";
        if (strcmp(what, "bom") == 0)
            lang->strips_bom = true;
        else if (strcmp(what, "crlf") == 0)
            lang->strips_crlf = true;
        else
            return bad(f, "normalize", "must be a list of \"bom\" and \"crlf\"");
    }
    return 0;
}

/* The limits of a step: all given ones in [1, ceiling]. */
static int read_limits(const struct file *f, const cJSON *step, struct limits *ret)
{
    const struct limits *most = &f->ceilings->most;
    const struct {
        const char *key;
        int64_t *slot;
        int64_t ceiling;
        double scale;
        bool required;
    } fields[] = {
        {"cpuTimeMs", &ret->cpu_ms, most->cpu_ms, 1, true},
        {"wallTimeMs", &ret->wall_ms, most->wall_ms, 1, false},
        {"memoryMb", &ret->memory_mb, most->memory_mb, 1, true},
        {"processes", &ret->processes, most->processes, 1, true},
        {"outputKb", &ret->output_kb, most->output_kb, 1, true},
        {"fileKb", &ret->file_kb, most->file_kb, 1, true},
        {"cpus", &ret->cpus_milli, most->cpus_milli, 1000, true},
    };
    const cJSON *limits = cJSON_GetObjectItemCaseSensitive(step, "limits");
    if (!cJSON_IsObject(limits))
        return bad(f, "limits", "must be an object");
    const char *known[ARRAY_LEN(fields)];
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        known[i] = fields[i].key;
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(limits, fields[i].key);
        if (!item && !fields[i].required)
            continue;
        double value = item && cJSON_IsNumber(item) ? item->valuedouble * fields[i].scale : 0;
        if (value < 1 || value > (double)fields[i].ceiling) {
            char field[64], allowed[96];
            snprintf(field, sizeof field, "limits.%s", fields[i].key);
            snprintf(allowed, sizeof allowed, "must be a number from %g to %g (the ceiling of the settings)",
                     1 / fields[i].scale, (double)fields[i].ceiling / fields[i].scale);
            return bad(f, field, allowed);
        }
        *fields[i].slot = (int64_t)value;
    }
    if (!ret->wall_ms)
        ret->wall_ms = ret->cpu_ms * 3 < most->wall_ms ? ret->cpu_ms * 3 : most->wall_ms;
    return check_keys(f, limits, "limits.", known, ARRAY_LEN(known));
}

static int read_overhead(const struct file *f, const cJSON *step, int64_t *ret_mb)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(step, "memoryOverheadMb");
    if (!item)
        return 0;
    if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > LANG_OVERHEAD_MAX_MB)
        return bad(f, "memoryOverheadMb", "must be a number from 0 to 512");
    *ret_mb = (int64_t)item->valuedouble;
    return 0;
}

static int read_cache(const struct file *f, const cJSON *step, bool *ret_cache)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(step, "cache");
    if (item && !cJSON_IsBool(item))
        return bad(f, "cache", "must be true or false");
    *ret_cache = !cJSON_IsFalse(item);
    return 0;
}

/* How a step is spared its start. */
static int read_warm(const struct file *f, const cJSON *step, const char *name, enum lang_warm *ret_warm)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(step, "warm");
    const char *way = item && cJSON_IsString(item) ? item->valuestring : "";
    bool run = strcmp(name, "run") == 0;
    if (!item || cJSON_IsFalse(item))
        return 0;
    if (run && strcmp(way, "fork") == 0)
        *ret_warm = LANG_FORK;
    else if (run && strcmp(way, "hold") == 0)
        *ret_warm = LANG_HOLD;
    else if (!run && strcmp(way, "resident") == 0)
        *ret_warm = LANG_RESIDENT;
    else
        return bad(f, "warm", run ? "must be \"fork\", \"hold\" or false" : "must be \"resident\" or false");
    return 0;
}

static int read_step(const struct file *f, const cJSON *root, const char *name, struct lang_step *ret)
{
    static const char *const known[] = {"argv",        "collect", "limits", "memoryOverheadMb",
                                        "outOfMemory", "cache",   "warm"};
    const cJSON *step = cJSON_GetObjectItemCaseSensitive(root, name);
    if (!cJSON_IsObject(step))
        return bad(f, name, "must be an object");
    int r = check_keys(f, step, "", known, ARRAY_LEN(known));
    if (r == 0)
        r = read_list(f, step, "argv", true, &ret->argv, &ret->argc);
    if (r == 0 && ret->argv[0][0] != '/' && strncmp(ret->argv[0], "./", 2) != 0)
        r = bad(f, "argv", "must begin with an absolute path or \"./\"");
    if (r == 0)
        r = read_list(f, step, "collect", strcmp(name, "compile") == 0, &ret->collect, &ret->collect_count);
    if (r == 0)
        r = read_list(f, step, "outOfMemory", false, &ret->out_of_memory, &ret->out_of_memory_count);
    if (r == 0)
        r = read_overhead(f, step, &ret->memory_overhead_mb);
    if (r == 0)
        r = read_cache(f, step, &ret->cache);
    if (r == 0)
        r = read_warm(f, step, name, &ret->warm);
    if (r == 0)
        r = read_limits(f, step, &ret->limits);
    return r < 0 ? err_wrap(f->err, "in \"%s\"", name) : 0;
}

static int read_environment(const struct file *f, const cJSON *root, struct lang *lang)
{
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(root, "environment"), *item;
    if (!cJSON_IsObject(object))
        return bad(f, "environment", "must be an object of texts");
    lang->env = xcalloc((size_t)cJSON_GetArraySize(object), sizeof *lang->env);
    cJSON_ArrayForEach(item, object)
    {
        if (!cJSON_IsString(item) || !*item->string || strchr(item->string, '='))
            return bad(f, "environment", "must be an object of texts, no name empty or with \"=\"");
        lang->env[lang->env_count++] = xasprintf("%s=%s", item->string, item->valuestring);
    }
    return 0;
}

static bool good_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
    return name[0] >= 'a' && name[0] <= 'z' && name[len] == '\0' && len <= JOB_LANGUAGE_MAX;
}

static int read_identity(const struct file *f, const cJSON *root, struct lang *lang)
{
    const cJSON *schema = cJSON_GetObjectItemCaseSensitive(root, "schema");
    if (!cJSON_IsNumber(schema) || schema->valuedouble < 1 || schema->valuedouble > LANG_SCHEMA)
        return bad(f, "schema", "must be 1");
    int r = read_text(f, root, "name", &lang->name);
    if (r == 0 && !good_name(lang->name))
        r = bad(f, "name", "must match [a-z][a-z0-9]{0,15}");
    if (r == 0)
        r = read_text(f, root, "displayName", &lang->display_name);
    if (r == 0)
        r = read_text(f, root, "description", &lang->description);
    if (r == 0)
        r = read_text(f, root, "example", &lang->example);
    if (r == 0)
        r = read_text(f, root, "sourceFile", &lang->source_file);
    if (r == 0 && strchr(lang->source_file, '/'))
        r = bad(f, "sourceFile", "must be a file's name without a folder");
    return r;
}

/* Puts what a pattern matches in its place: where a runtime has its settings may depend on its version. A pattern that
 * matches nothing stays, and is then a path that is not there. */
static int match_grants(const struct file *f, struct lang *lang)
{
    glob_t found = {0};
    for (size_t i = 0; i < lang->grant_count; i++) {
        const char *path = lang->grants[i];
        if (path[0] != '/' || strstr(path, "/.."))
            return bad(f, "grants", "must be absolute paths");
    }
    for (size_t i = 0; i < lang->grant_count; i++)
        if (glob(lang->grants[i], GLOB_NOCHECK | (i ? GLOB_APPEND : 0), NULL, &found) != 0)
            abort(); /* out of memory */
    strings_free(lang->grants, lang->grant_count);
    lang->grants = xcalloc(found.gl_pathc, sizeof *lang->grants);
    for (lang->grant_count = 0; lang->grant_count < found.gl_pathc; lang->grant_count++)
        lang->grants[lang->grant_count] = xstrdup(found.gl_pathv[lang->grant_count]);
    globfree(&found);
    return 0;
}

/* Objects {"name","pattern"}. */
static int read_policy(const struct file *f, const cJSON *root, struct lang *lang)
{
    static const char *const known[] = {"name", "pattern"};
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "policy"), *item;
    if (!list)
        return 0;
    if (!cJSON_IsArray(list))
        return bad(f, "policy", "must be a list");
    lang->policy = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *lang->policy);
    cJSON_ArrayForEach(item, list)
    {
        struct lang_rule *rule = &lang->policy[lang->policy_count++];
        if (!cJSON_IsObject(item))
            return bad(f, "policy", "must be a list of objects with name and pattern");
        int r = check_keys(f, item, "policy[].", known, ARRAY_LEN(known));
        if (r == 0)
            r = read_text(f, item, "name", &rule->name);
        if (r == 0)
            r = read_text(f, item, "pattern", &rule->pattern);
        if (r < 0)
            return r;
        for (const char *c = rule->name; *c; c++)
            if (*c < 0x20 || *c > 0x7e)
                return bad(f, "policy[].name", "must be printable ASCII");
    }
    return 0;
}

static int read_lang(const struct file *f, const cJSON *root, struct lang *lang)
{
    static const char *const known[] = {
        "$schema", "aliases", "compile",    "description",    "displayName", "environment",
        "example", "grants",  "name",       "normalize",      "packages",    "policy",
        "run",     "schema",  "sourceFile", "sourceSuffixes", "version",
    };
    int r = cJSON_IsObject(root) ? check_keys(f, root, "", known, ARRAY_LEN(known)) : bad(f, "", "must be an object");
    if (r == 0)
        r = read_identity(f, root, lang);
    if (r == 0)
        r = read_list(f, root, "sourceSuffixes", false, &lang->suffixes, &lang->suffix_count);
    if (r == 0)
        r = read_normalize(f, root, lang);
    if (r == 0)
        r = read_policy(f, root, lang);
    if (r == 0)
        r = read_list(f, root, "aliases", false, &lang->aliases, &lang->alias_count);
    if (r == 0)
        r = read_list(f, root, "version", true, &lang->version_argv, &lang->version_argc);
    if (r == 0)
        r = read_list(f, root, "grants", true, &lang->grants, &lang->grant_count);
    if (r == 0)
        r = match_grants(f, lang);
    if (r == 0)
        r = read_environment(f, root, lang);
    lang->compiled = cJSON_HasObjectItem(root, "compile");
    if (r == 0 && lang->compiled)
        r = read_step(f, root, "compile", &lang->compile);
    if (r == 0)
        r = read_step(f, root, "run", &lang->run);
    return r;
}

/* ---- a whole file --------------------------------------------------------------------------------------------- */

static void step_finish(struct lang_step *step)
{
    strings_free(step->argv, step->argc);
    strings_free(step->collect, step->collect_count);
    strings_free(step->out_of_memory, step->out_of_memory_count);
}

void lang_file_finish(struct lang *lang)
{
    free(lang->dir);
    free(lang->name);
    free(lang->display_name);
    free(lang->description);
    free(lang->example);
    free(lang->source_file);
    strings_free(lang->suffixes, lang->suffix_count);
    strings_free(lang->aliases, lang->alias_count);
    strings_free(lang->version_argv, lang->version_argc);
    strings_free(lang->env, lang->env_count);
    for (size_t i = 0; i < lang->policy_count; i++) {
        free(lang->policy[i].name);
        free(lang->policy[i].pattern);
    }
    free(lang->policy);
    strings_free(lang->grants, lang->grant_count);
    step_finish(&lang->compile);
    step_finish(&lang->run);
    *lang = (struct lang){0};
}

int lang_file_load(const char *dir, const char *path, const struct lang_ceilings *ceilings, struct lang *ret_lang,
                   struct err *err)
{
    struct buf text = {0};
    cJSON *root = NULL;
    int r = buf_add_file(&text, path, FILE_MAX, err);
    if (r == 0) {
        r = json_parse(text.data ? text.data : "", text.len, &root, err);
        if (r < 0)
            err_wrap(err, "%s", path);
    }
    buf_finish(&text);
    if (r < 0)
        return r;
    struct err own = {0};
    struct file f = {.path = path, .ceilings = ceilings, .err = err ? err : &own};
    struct lang lang = {.dir = xstrdup(dir), .most = ceilings->most};
    r = read_lang(&f, root, &lang);
    cJSON_Delete(root);
    if (r < 0)
        lang_file_finish(&lang);
    else
        *ret_lang = lang;
    return r;
}
