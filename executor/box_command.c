/* Builds argv for sentinel-box (box/box_protocol.h has its options). Owns no state. */
#include "box_command.h"
#include "box/box_protocol.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

struct list {
    char **items; /* NULL-terminated */
    size_t count;
};

static void add(struct list *list, char *item)
{
    list->items = xrealloc(list->items, (list->count + 2) * sizeof *list->items);
    list->items[list->count++] = item;
    list->items[list->count] = NULL;
}

static void add_number(struct list *list, const char *option, int64_t value)
{
    add(list, xstrdup(option));
    add(list, xasprintf("%" PRId64, value));
}

/* Each path once, whatever number of languages asks for it. */
static void add_grant(struct list *list, const char *path)
{
    for (size_t i = 0; i + 1 < list->count; i++)
        if (strcmp(list->items[i], "--grant") == 0 && strcmp(list->items[i + 1], path) == 0)
            return;
    add(list, xstrdup("--grant"));
    add(list, xstrdup(path));
}

/* The box stands in its build folder beside this program, or beside it where they are installed. */
static int find_box(const struct config *config, char **ret_path, struct err *err)
{
    static const char *const places[] = {"box/sentinel-box", "sentinel-box"};
    char self[PATH_MAX];
    if (*config->box_path) {
        if (access(config->box_path, X_OK) < 0)
            return err_set_errno(err, errno, "box-path %s", config->box_path);
        *ret_path = xstrdup(config->box_path);
        return 0;
    }
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0)
        return err_set_errno(err, errno, "/proc/self/exe");
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char *path = xasprintf("%s/%s", self, places[i]);
        if (access(path, X_OK) == 0) {
            *ret_path = path;
            return 0;
        }
        free(path);
    }
    return err_set(err, ENOENT, "no sentinel-box beside %s; box-path can say where it is", self);
}

/* The most that a runtime of these languages takes beside its program's limit. */
static int64_t most_overhead_mb(const struct lang_table *langs)
{
    int64_t most = 0;
    for (size_t i = 0; i < langs->count; i++) {
        const struct lang *l = &langs->langs[i];
        most = l->run.memory_overhead_mb > most ? l->run.memory_overhead_mb : most;
        most = l->compile.memory_overhead_mb > most ? l->compile.memory_overhead_mb : most;
    }
    return most;
}

/* With ceilings of time for a run, or for a compiler that stays. */
static int make(const struct config *config, const struct lang_table *langs, size_t slot, bool stays, char ***ret_argv,
                struct err *err)
{
    struct list argv = {0};
    char *path = NULL;
    int r = find_box(config, &path, err);
    if (r < 0)
        return r;
    add(&argv, path);
    add_number(&argv, "--slot", (int64_t)slot);
    add_number(&argv, "--max-cpu-ms", stays ? BOX_TIME_MAX_MS : config->max_cpu_ms);
    add_number(&argv, "--max-wall-ms", stays ? BOX_TIME_MAX_MS : config->max_wall_ms);
    add_number(&argv, "--max-memory-mb", config->max_memory_mb + most_overhead_mb(langs));
    add_number(&argv, "--max-processes", config->max_processes);
    add_number(&argv, "--max-output-kb", config->max_output_kb);
    add_number(&argv, "--max-file-kb", config->max_file_kb);
    add_number(&argv, "--max-scratch-mb", config->scratch_mb);
    add_number(&argv, "--max-cpus-milli", config->max_cpus_milli);
    add(&argv, xstrdup("--cgroup"));
    add(&argv, xstrdup(config->cgroup));
    add(&argv, xstrdup("--scratch"));
    add(&argv, xstrdup(config->scratch_dir));
    if (langs->count) {
        add(&argv, xstrdup("--languages"));
        add(&argv, xstrdup(langs->langs[0].dir));
    }
    for (size_t i = 0; i < langs->count; i++)
        for (size_t k = 0; k < langs->langs[i].grant_count; k++)
            add_grant(&argv, langs->langs[i].grants[k]);
    *ret_argv = argv.items;
    return 0;
}

int box_command_make(const struct config *config, const struct lang_table *langs, size_t slot, char ***ret_argv,
                     struct err *err)
{
    return make(config, langs, slot, false, ret_argv, err);
}

int box_command_make_resident(const struct config *config, const struct lang_table *langs, size_t slot,
                              char ***ret_argv, struct err *err)
{
    return make(config, langs, slot, true, ret_argv, err);
}

void box_command_free(char **argv)
{
    for (size_t i = 0; argv && argv[i]; i++)
        free(argv[i]);
    free(argv);
}
