/* The table of languages, and what a step's argv becomes for a submission: decided here and nowhere else. */
#include "lang.h"
#include "json.h"
#include "lang_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { VERSION_TIMEOUT_MS = 5000 };

/* ---- a table of files ----------------------------------------------------------------------------------------- */

/* Every path that the language needs is there; ENOENT names the first that is not. */
static int check_paths(const struct lang *lang, struct err *err)
{
    const struct {
        const char *field, *path;
    } programs[] = {
        {"version", lang->version_argv[0]},
        {"compile.argv", lang->compiled ? lang->compile.argv[0] : "./"},
        {"run.argv", lang->run.argv[0]},
    };
    for (size_t i = 0; i < ARRAY_LEN(programs); i++)
        if (programs[i].path[0] == '/' && access(programs[i].path, X_OK) != 0)
            return err_set_field(err, ENOENT, programs[i].field, "language %s: %s: %s is not on this machine",
                                 lang->name, programs[i].field, programs[i].path);
    for (size_t i = 0; i < lang->grant_count; i++)
        if (access(lang->grants[i], F_OK) != 0)
            return err_set_field(err, ENOENT, "grants", "language %s: grants: %s is not on this machine", lang->name,
                                 lang->grants[i]);
    return 0;
}

/* Whether `name` is one of the comma-separated names. */
static bool is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; *at;) {
        size_t word = strcspn(at, ",");
        if (word == len && strncmp(at, name, len) == 0)
            return true;
        at += at[word] ? word + 1 : word;
    }
    return false;
}

static int by_lang_name(const void *a, const void *b)
{
    return strcmp(((const struct lang *)a)->name, ((const struct lang *)b)->name);
}

static int check_names(const struct lang_table *table, struct err *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct lang *lang = &table->langs[i];
        for (size_t k = 0; k <= lang->alias_count; k++) {
            const char *name = k == lang->alias_count ? lang->name : lang->aliases[k];
            const struct lang *found = lang_find(table, name);
            if (found != lang)
                return err_set_field(err, EINVAL, "aliases", "languages %s and %s are both called \"%s\"", found->name,
                                     lang->name, name);
        }
    }
    return 0;
}

/* Adds one file's language unless it was not asked for, or (with "all") its toolchain is not here. */
static int table_add(struct lang_table *table, const char *dir, const char *file, const char *only,
                     const struct lang_ceilings *ceilings, bool paths, struct err *err)
{
    cleanup_free char *name = xstrndup(file, strlen(file) - strlen(".json"));
    bool all = !only || strcmp(only, "all") == 0;
    if (!all && !is_listed(only, name))
        return 0;
    cleanup_free char *path = xasprintf("%s/%s", dir, file);
    struct lang lang;
    int r = lang_file_load(dir, path, ceilings, &lang, err);
    if (r < 0)
        return r;
    assert(lang.name); /* read_lang saw to it */
    if (strcmp(lang.name, name) != 0)
        r = err_set_field(err, EINVAL, "name", "%s: field \"name\" must be \"%s\", as the file is called", path, name);
    if (r == 0 && paths)
        r = check_paths(&lang, err);
    if (r < 0) {
        lang_file_finish(&lang);
        return r == -ENOENT && all ? 0 : r;
    }
    table->langs = xrealloc(table->langs, (table->count + 1) * sizeof lang);
    table->langs[table->count++] = lang;
    return 0;
}

static int check_asked(const struct lang_table *table, const char *only, const char *dir, struct err *err)
{
    if (table->count == 0)
        return err_set_field(err, EINVAL, "languages", "no language to serve in %s (languages: %s)", dir,
                             only ? only : "all");
    if (!only || strcmp(only, "all") == 0)
        return 0;
    for (const char *at = only; *at;) {
        size_t len = strcspn(at, ",");
        bool found = false;
        for (size_t i = 0; i < table->count && !found; i++)
            found = strlen(table->langs[i].name) == len && strncmp(table->langs[i].name, at, len) == 0;
        if (!found)
            return err_set_field(err, EINVAL, "languages", "language \"%.*s\" has no file in %s", (int)len, at, dir);
        at += at[len] ? len + 1 : len;
    }
    return 0;
}

int lang_table_load(const char *given_dir, const char *only, const struct lang_ceilings *ceilings, bool check,
                    struct lang_table *ret_table, struct err *err)
{
    cleanup_free char *dir = realpath(given_dir, NULL);
    DIR *folder = dir ? opendir(dir) : NULL;
    if (!folder)
        return err_set_errno(err, errno, "languages' folder %s", given_dir);
    struct lang_table table = {0};
    int r = 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(folder));) {
        size_t len = strlen(entry->d_name);
        if (len <= 5 || strcmp(entry->d_name + len - 5, ".json") != 0 || strcmp(entry->d_name, "schema.json") == 0)
            continue;
        r = table_add(&table, dir, entry->d_name, only, ceilings, check, err);
    }
    closedir(folder);
    if (table.count)
        qsort(table.langs, table.count, sizeof *table.langs, by_lang_name);
    if (r == 0)
        r = check_asked(&table, only, dir, err);
    if (r == 0)
        r = check_names(&table, err);
    if (r < 0)
        lang_table_finish(&table);
    else
        *ret_table = table;
    return r;
}

void lang_table_finish(struct lang_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        lang_file_finish(&table->langs[i]);
    free(table->langs);
    *table = (struct lang_table){0};
}

const struct lang *lang_find(const struct lang_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct lang *lang = &table->langs[i];
        if (strcmp(lang->name, name) == 0)
            return lang;
        for (size_t k = 0; k < lang->alias_count; k++)
            if (strcmp(lang->aliases[k], name) == 0)
                return lang;
    }
    return NULL;
}

/* ---- what a submission gets ------------------------------------------------------------------------------------ */

struct placeholder {
    const char *name, *value;
};

/* A copy of the text with each placeholder's value in its place; the caller frees it. */
static char *expand(const char *text, const struct placeholder *places, size_t count)
{
    struct buf b = {0};
    while (*text) {
        size_t i = 0;
        while (i < count && strncmp(text, places[i].name, strlen(places[i].name)) != 0)
            i++;
        if (i < count) {
            buf_add_str(&b, places[i].value);
            text += strlen(places[i].name);
        } else {
            buf_add_char(&b, *text++);
        }
    }
    return buf_steal(&b);
}

struct limits lang_resolve_limits(const struct lang *lang, const struct limits *asked)
{
    struct limits l = lang->run.limits;
    if (asked->cpu_ms) {
        l.cpu_ms = asked->cpu_ms;
        l.wall_ms = asked->cpu_ms * 3 < lang->most.wall_ms ? asked->cpu_ms * 3 : lang->most.wall_ms;
    }
    if (asked->wall_ms)
        l.wall_ms = asked->wall_ms;
    if (asked->memory_mb)
        l.memory_mb = asked->memory_mb;
    if (asked->processes)
        l.processes = asked->processes;
    if (asked->output_kb)
        l.output_kb = asked->output_kb;
    if (asked->file_kb)
        l.file_kb = asked->file_kb;
    if (asked->cpus_milli)
        l.cpus_milli = asked->cpus_milli;
    return l;
}

struct argv {
    char **items;
    size_t count, cap;
};

static void argv_add(struct argv *a, char *owned)
{
    if (a->count + 1 >= a->cap) {
        a->cap = a->cap ? a->cap * 2 : 16;
        a->items = xrealloc(a->items, a->cap * sizeof *a->items);
    }
    a->items[a->count++] = owned;
    a->items[a->count] = NULL;
}

static bool has_suffix(const struct lang *lang, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < lang->suffix_count; i++) {
        size_t suffix = strlen(lang->suffixes[i]);
        if (len > suffix && strcmp(name + len - suffix, lang->suffixes[i]) == 0)
            return true;
    }
    return false;
}

/* A file's name must not be read as an option or, by compilers, as a list of them. */
static const char *guard(const char *name)
{
    return name[0] == '-' || name[0] == '@' ? "./" : "";
}

static void add_sources(struct argv *a, const struct lang *lang, const struct submission *s)
{
    for (size_t i = 0; i < s->file_count; i++)
        if (lang->suffix_count ? has_suffix(lang, s->files[i].name) : i == 0)
            argv_add(a, xasprintf("%s%s", guard(s->files[i].name), s->files[i].name));
}

/* A file's name without its suffix. */
static char *stem_of(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *dot = strrchr(base, '.');
    return xstrndup(name, dot && dot != base ? (size_t)(dot - name) : strlen(name));
}

static void add_expanded(struct argv *a, const char *element, const struct submission *s, const struct limits *limits,
                         const char *entry)
{
    cleanup_free char *main_file = xasprintf("%s%s", guard(s->files[0].name), s->files[0].name);
    cleanup_free char *memory = xasprintf("%lld", (long long)limits->memory_mb);
    cleanup_free char *stem = stem_of(main_file);
    const struct placeholder places[] = {{"{main}", main_file},
                                         {"{stem}", stem},
                                         {"{memoryMb}", memory},
                                         {"{dir}", LANG_DIR_IN_BOX},
                                         {"{entry}", entry ? entry : ""}};
    argv_add(a, expand(element, places, ARRAY_LEN(places)));
}

char **lang_argv(const struct lang *lang, const struct lang_step *step, const struct submission *s,
                 const struct limits *limits, const char *entry)
{
    struct argv a = {0};
    for (size_t i = 0; i < step->argc; i++) {
        const char *element = step->argv[i];
        if (strcmp(element, "{sources}") == 0)
            add_sources(&a, lang, s);
        else if (strcmp(element, "{flags}") == 0)
            for (size_t k = 0; k < s->compile_flag_count; k++)
                argv_add(&a, xstrdup(s->compile_flags[k]));
        else if (strcmp(element, "{args}") == 0)
            for (size_t k = 0; k < s->arg_count; k++)
                argv_add(&a, xstrdup(s->args[k]));
        else
            add_expanded(&a, element, s, limits, entry);
    }
    return a.items;
}

void lang_argv_free(char **argv)
{
    for (char **at = argv; at && *at; at++)
        free(*at);
    free(argv);
}

/* ---- sources --------------------------------------------------------------------------------------------------- */

static void strip_bom(struct bytes *text)
{
    static const char bom[] = "\xef\xbb\xbf";
    size_t len = sizeof bom - 1;
    if (text->len < len || memcmp(text->data, bom, len) != 0)
        return;
    text->len -= len;
    memmove(text->data, text->data + len, text->len);
}

static void strip_crlf(struct bytes *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] != '\r' || i + 1 == text->len || text->data[i + 1] != '\n')
            text->data[kept++] = text->data[i];
    text->len = kept;
}

void lang_normalize(const struct lang *lang, struct submission *s)
{
    for (size_t i = 0; i < s->file_count; i++) {
        if (i > 0 && !has_suffix(lang, s->files[i].name))
            continue;
        if (lang->strips_bom)
            strip_bom(&s->files[i].content);
        if (lang->strips_crlf)
            strip_crlf(&s->files[i].content);
    }
}

/* ---- version --------------------------------------------------------------------------------------------------- */

/* The version command's output (stdout and stderr: older javac uses the latter), until it ends or time is up. */
static pid_t start_version(const struct lang *lang, int *ret_fd)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    char **argv = xcalloc(lang->version_argc + 1, sizeof *argv);
    memcpy(argv, lang->version_argv, lang->version_argc * sizeof *argv);
    static char path[] = "PATH=/usr/bin:/bin", locale[] = "LANG=C.UTF-8", home[] = "HOME=/tmp";
    char *const env[] = {path, locale, home, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execve(argv[0], argv, env);
        _exit(127);
    }
    free(argv);
    close(ends[1]);
    if (pid < 0)
        close(ends[0]);
    else
        *ret_fd = ends[0];
    return pid;
}

int lang_detect_version(const struct lang *lang, char **ret_version, struct err *err)
{
    cleanup_fd int fd = -1;
    pid_t pid = start_version(lang, &fd);
    if (pid < 0)
        return err_set_errno(err, -pid, "%s: version", lang->name);
    char text[512];
    size_t len = 0;
    int64_t end = now_mono_ms() + VERSION_TIMEOUT_MS;
    while (len < sizeof text - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = end - now_mono_ms();
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            break;
        ssize_t got = read(fd, text + len, sizeof text - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    text[len] = '\0';
    kill(-pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    text[strcspn(text, "\r\n")] = '\0';
    if (!*text || !utf8_valid(text, strlen(text)))
        return err_set(err, EIO, "%s: %s printed no version", lang->name, lang->version_argv[0]);
    *ret_version = xstrdup(text);
    return 0;
}
