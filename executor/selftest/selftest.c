/* The command: its options, the order of cases, progress, and the report. */
#include "selftest.h"
#include "box_command.h"
#include "checks.h"
#include "json.h"
#include "log.h"
#include "result.h"
#include "selftest_box.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

enum { CASES_MAX = 256, PROGRESS_MS = 5000 };

enum outcome {
    OUTCOME_HELD,
    OUTCOME_BROKEN,
    OUTCOME_BEYOND,    /* this tier cannot express it */
    OUTCOME_ABSENT,    /* its toolchain is not here */
    OUTCOME_ELSEWHERE, /* not the box's matter */
    OUTCOME_COUNT,
};

static const char *const outcome_names[] = {"held", "broken", "beyond", "absent", "elsewhere"};

struct row {
    const struct abuse *abuse;
    enum outcome outcome;
    char why[WHY_SIZE];
    int64_t ms;
};

struct options {
    const char *tier; /* NULL: the best that there is */
    const char *only[CASES_MAX];
    size_t only_count;
    bool json, list;
    double slow;
    const char *warm;
    int rest_argc; /* settings */
    char **rest;
};

/* ---- the order ------------------------------------------------------------------------------------------------ */

static bool wanted(const struct options *o, const char *name)
{
    for (size_t i = 0; i < o->only_count; i++)
        if (strcmp(o->only[i], name) == 0)
            return true;
    return o->only_count == 0;
}

static size_t choose(const struct options *o, struct row *rows)
{
    const struct {
        const struct abuse *list;
        size_t count;
    } tables[] = {{abuses_of_limits, abuses_of_limits_count},
                  {abuses_of_walls, abuses_of_walls_count},
                  {abuses_of_languages, abuses_of_languages_count}};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        for (size_t k = 0; k < tables[i].count && count < CASES_MAX; k++)
            if (wanted(o, tables[i].list[k].name))
                rows[count++].abuse = &tables[i].list[k];
    return count;
}

static bool applies(const struct step *step, enum box_tier tier)
{
    return step->tiers == 0 || step->tiers & 1u << tier;
}

/* A server is of the probe; what is a language's, or not a run's, is as in cold runs. */
static bool is_for_warm(const struct abuse *a)
{
    bool verbs = false;
    for (size_t i = 0; i < a->step_count; i++)
        verbs |= a->steps[i].verb != NULL;
    return verbs;
}

/* Whether the tier can express it at all; what stays HELD is to be run. */
static enum outcome expectation(const struct abuse *a, enum box_tier tier)
{
    if (a->elsewhere)
        return OUTCOME_ELSEWHERE;
    if (a->act)
        return a->act_tiers == 0 || a->act_tiers & 1u << tier ? OUTCOME_HELD : OUTCOME_BEYOND;
    for (size_t i = 0; i < a->step_count; i++)
        if (applies(&a->steps[i], tier))
            return OUTCOME_HELD;
    return OUTCOME_BEYOND;
}

static void run_steps(struct selftest *t, struct row *row)
{
    size_t ran = 0;
    int r = 0;
    for (size_t i = 0; i < row->abuse->step_count && r >= 0; i++) {
        if (!applies(&row->abuse->steps[i], t->tier) || (t->warm && !row->abuse->steps[i].verb))
            continue;
        r = selftest_step(t, &row->abuse->steps[i], row->why);
        ran += r == 0;
    }
    row->outcome = r < 0 ? OUTCOME_BROKEN : ran == 0 ? OUTCOME_ABSENT : OUTCOME_HELD;
}

static void run_act(struct selftest *t, struct row *row)
{
    row->outcome = row->abuse->act(t, row->why) < 0 ? OUTCOME_BROKEN : OUTCOME_HELD;
    if (row->outcome == OUTCOME_HELD)
        row->why[0] = '\0'; /* the run that was killed has said something */
}

static void run_case(struct selftest *t, struct row *row)
{
    const struct abuse *a = row->abuse;
    int64_t started = now_mono_ms();
    row->outcome = expectation(a, t->tier);
    if (row->outcome == OUTCOME_HELD && t->warm && !is_for_warm(a)) {
        row->outcome = OUTCOME_BEYOND;
        snprintf(row->why, WHY_SIZE, "no verb of the probe");
        return;
    }
    if (row->outcome == OUTCOME_HELD && a->act)
        run_act(t, row);
    else if (row->outcome == OUTCOME_HELD)
        run_steps(t, row);
    else
        snprintf(row->why, WHY_SIZE, "%s", a->elsewhere ? a->elsewhere : a->beyond);
    if (row->outcome == OUTCOME_HELD && selftest_look(t, row->why) < 0)
        row->outcome = OUTCOME_BROKEN;
    row->ms = now_mono_ms() - started;
}

/* ---- the report ----------------------------------------------------------------------------------------------- */

static void show_progress(size_t at, size_t count, const char *name)
{
    static int64_t shown;
    int64_t now = now_mono_ms();
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%zu of %zu: %s", at, count, name);
    else if (shown == 0 || now - shown >= PROGRESS_MS) {
        fprintf(stderr, "selftest: %zu of %zu: %s\n", at, count, name);
        shown = now;
    }
}

static void end_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static void numbers_of(const struct abuse *a, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < NUMBERS_MAX && a->numbers[i] && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%d", i ? " " : "", a->numbers[i]);
}

static void count_outcomes(const struct row *rows, size_t count, size_t ret_counts[OUTCOME_COUNT])
{
    memset(ret_counts, 0, OUTCOME_COUNT * sizeof *ret_counts);
    for (size_t i = 0; i < count; i++)
        ret_counts[rows[i].outcome]++;
}

static void print_table(const struct selftest *t, const struct row *rows, size_t count, int64_t ms)
{
    size_t counts[OUTCOME_COUNT];
    struct utsname name;
    printf("%-12s %-21s %-10s %6s  %s\n", "no.", "case", "", "ms", "");
    for (size_t i = 0; i < count; i++) {
        char numbers[64];
        const struct row *r = &rows[i];
        numbers_of(r->abuse, numbers, sizeof numbers);
        printf("%-12s %-21s %-10s %6lld  %s\n", numbers, r->abuse->name, outcome_names[r->outcome], (long long)r->ms,
               *r->why ? r->why : r->abuse->what);
    }
    count_outcomes(rows, count, counts);
    uname(&name);
    printf(
        "tier %s, Linux %s, user %d: %zu held, %zu broken, %zu beyond this tier, %zu without their toolchain, %zu not "
        "the box's; %.1f s\n",
        result_tier_name(t->tier), name.release, (int)getuid(), counts[OUTCOME_HELD], counts[OUTCOME_BROKEN],
        counts[OUTCOME_BEYOND], counts[OUTCOME_ABSENT], counts[OUTCOME_ELSEWHERE], (double)ms / 1000);
}

static void put_abuse(struct json_writer *w, const struct abuse *a)
{
    static const enum box_tier tiers[] = {BOX_TIER_A, BOX_TIER_A_MINUS, BOX_TIER_B};
    json_open(w, "numbers", '[');
    for (size_t i = 0; i < NUMBERS_MAX && a->numbers[i]; i++)
        json_put_int(w, NULL, a->numbers[i]);
    json_close(w, ']');
    json_put_str(w, "name", a->name);
    json_put_str(w, "what", a->what);
    json_open(w, "tiers", '[');
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++)
        if (expectation(a, tiers[i]) == OUTCOME_HELD)
            json_put_str(w, NULL, result_tier_name(tiers[i]));
    json_close(w, ']');
    json_put_str(w, "beyond", a->beyond);
    json_put_str(w, "elsewhere", a->elsewhere);
}

static void print_json(const struct selftest *t, const struct row *rows, size_t count, int64_t ms)
{
    struct json_writer w = {0};
    size_t counts[OUTCOME_COUNT];
    struct utsname name;
    count_outcomes(rows, count, counts);
    uname(&name);
    json_open(&w, NULL, '{');
    json_put_str(&w, "version", SENTINEL_VERSION);
    json_put_str(&w, "tier", result_tier_name(t->tier));
    json_put_str(&w, "kernel", name.release);
    json_put_int(&w, "user", getuid());
    json_put_int(&w, "milliseconds", ms);
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        json_put_int(&w, outcome_names[i], (int64_t)counts[i]);
    json_open(&w, "cases", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(&w, NULL, '{');
        put_abuse(&w, rows[i].abuse);
        json_put_str(&w, "outcome", outcome_names[rows[i].outcome]);
        json_put_str(&w, "why", *rows[i].why ? rows[i].why : NULL);
        json_put_int(&w, "milliseconds", rows[i].ms);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    cleanup_free char *text = buf_steal(&w.buf);
    puts(text);
}

static void print_list(const struct row *rows, size_t count, bool json)
{
    struct json_writer w = {0};
    json_open(&w, NULL, '[');
    for (size_t i = 0; i < count; i++) {
        char numbers[64];
        numbers_of(rows[i].abuse, numbers, sizeof numbers);
        if (!json)
            printf("%-12s %-21s %s\n", numbers, rows[i].abuse->name, rows[i].abuse->what);
        json_open(&w, NULL, '{');
        put_abuse(&w, rows[i].abuse);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    cleanup_free char *text = buf_steal(&w.buf);
    if (json)
        puts(text);
}

/* ---- the beginning -------------------------------------------------------------------------------------------- */

static void usage(void)
{
    puts("usage: sentinel-executor selftest [OPTION]…\n"
         "Runs the abuse catalogue on the installed box. Status 0 when all that the tier can express held.\n\n"
         "  --tier A|A-|B  the isolation to test (the best that this machine gives)\n"
         "  --case NAME    this case alone; may be given again\n"
         "  --json         the report as JSON\n"
         "  --list         prints the cases and runs none\n"
         "  --warm PATH    the probe as boxes show it (beneath /usr, or in the languages' folder): runs are forks of "
         "it\n"
         "  --slow N       times are multiplied by N, for an emulated machine (1)\n"
         "  --help\n\n"
         "Other options are the executor's settings: --languages-dir, --box-path, --cgroup, …");
}

/* The word behind the i-th; NULL and *err when there is none. */
static const char *option_value(char **argv, int *i, struct err *err)
{
    const char *value = argv[*i + 1];
    if (value)
        ++*i;
    else
        err_set(err, EINVAL, "%s wants a value", argv[*i]);
    return value;
}

static int parse_slow(const char *text, double *ret_slow, struct err *err)
{
    char *end;
    *ret_slow = strtod(text, &end);
    if (end == text || *end || !(*ret_slow >= 1 && *ret_slow <= 1000))
        return err_set(err, EINVAL, "--slow is \"%.40s\", allowed: 1 to 1000", text);
    return 0;
}

static int parse_value(const char *option, const char *value, struct options *o, struct err *err)
{
    if (strcmp(option, "--slow") == 0)
        return parse_slow(value, &o->slow, err);
    if (strcmp(option, "--warm") == 0 && value[0] != '/')
        return err_set(err, EINVAL, "--warm is \"%.40s\", allowed: an absolute path", value);
    if (strcmp(option, "--warm") == 0) {
        o->warm = value;
        return 0;
    }
    if (strcmp(option, "--case") == 0 && o->only_count == CASES_MAX)
        return err_set(err, EINVAL, "--case is given more than %d times", CASES_MAX);
    if (strcmp(option, "--case") == 0)
        o->only[o->only_count++] = value;
    else if (strcmp(value, "A") == 0 || strcmp(value, "A-") == 0 || strcmp(value, "B") == 0)
        o->tier = value;
    else
        return err_set(err, EINVAL, "--tier is \"%.40s\", allowed: A, A-, B", value);
    return 0;
}

static int parse(int argc, char **argv, struct options *o, struct err *err)
{
    int r = 0;
    for (int i = 1; i < argc && r == 0; i++) {
        const char *option = argv[i];
        if (strcmp(option, "--json") == 0) {
            o->json = true;
        } else if (strcmp(option, "--list") == 0) {
            o->list = true;
        } else if (strcmp(option, "--tier") == 0 || strcmp(option, "--case") == 0 || strcmp(option, "--slow") == 0 ||
                   strcmp(option, "--warm") == 0) {
            const char *value = option_value(argv, &i, err);
            r = value ? parse_value(option, value, o, err) : -EINVAL;
        } else {
            o->rest[o->rest_argc++] = argv[i];
        }
    }
    return r;
}

static int check_names(const struct options *o, const struct row *rows, size_t count, struct err *err)
{
    for (size_t i = 0; i < o->only_count; i++) {
        bool known = false;
        for (size_t k = 0; k < count; k++)
            known |= rows[k].abuse && strcmp(rows[k].abuse->name, o->only[i]) == 0;
        if (!known)
            return err_set(err, EINVAL, "there is no case \"%.60s\"; --list names them", o->only[i]);
    }
    return 0;
}

/* The program stands where the box does: beside it, or in the build folder next to the box's. */
static int read_probe(const char *box, struct bytes *ret_probe, struct err *err)
{
    static const char *const places[] = {"sentinel-probe", "../selftest/sentinel-probe"};
    const char *slash = strrchr(box, '/');
    cleanup_fd int fd = -1;
    struct stat st;
    for (size_t i = 0; i < ARRAY_LEN(places) && fd < 0; i++) {
        cleanup_free char *path = xasprintf("%.*s/%s", (int)(slash - box), box, places[i]);
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set_errno(err, errno, "sentinel-probe beside %s", box);
    struct bytes probe = {.data = xmalloc((size_t)st.st_size + 1)};
    for (ssize_t n; (n = read(fd, probe.data + probe.len, (size_t)st.st_size - probe.len)) > 0;)
        probe.len += (size_t)n;
    *ret_probe = probe;
    return 0;
}

static void add_word(char ***argv, const char *word)
{
    size_t count = 0;
    while ((*argv)[count])
        count++;
    *argv = xrealloc(*argv, (count + 2) * sizeof **argv);
    (*argv)[count] = xstrdup(word);
    (*argv)[count + 1] = NULL;
}

/* The box as an executor would start it, with room for scaled times. */
static int prepare(struct selftest *t, struct config *config, const struct options *o, struct err *err)
{
    struct limits most = {
        .cpu_ms = SELFTEST_MOST_MS,
        .wall_ms = SELFTEST_MOST_MS,
        .memory_mb = config->max_memory_mb,
        .processes = config->max_processes,
        .output_kb = config->max_output_kb,
        .file_kb = config->max_file_kb,
        .cpus_milli = config->max_cpus_milli,
    };
    struct lang_ceilings ceilings = {most};
    config->max_cpu_ms = config->max_wall_ms = SELFTEST_MOST_MS;
    if (access(config->languages_dir, F_OK) == 0) {
        int r = lang_table_load(config->languages_dir, config->languages, &ceilings, true, &t->langs, err);
        if (r < 0)
            return r;
    }
    int r = box_command_make(config, &t->langs, 0, &t->box_argv, err);
    if (r < 0)
        return r;
    if (o->tier) {
        add_word(&t->box_argv, "--tier");
        add_word(&t->box_argv, o->tier);
    }
    return read_probe(t->box_argv[0], &t->probe, err);
}

static int run_all(struct selftest *t, const struct options *o, struct row *rows, size_t count)
{
    int64_t started = now_mono_ms();
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        show_progress(i + 1, count, rows[i].abuse->name);
        run_case(t, &rows[i]);
        good &= rows[i].outcome != OUTCOME_BROKEN;
    }
    end_progress();
    (o->json ? print_json : print_table)(t, rows, count, now_mono_ms() - started);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int complain(const struct err *err)
{
    fprintf(stderr, "sentinel-executor selftest: %s\n", err->msg);
    return EXIT_FAILURE;
}

static int run(struct selftest *t, struct config *config, const struct options *o, struct row *rows, size_t count)
{
    struct err err;
    int r = prepare(t, config, o, &err);
    if (r == 0)
        r = selftest_open(t, &err);
    int status = r < 0 ? complain(&err) : run_all(t, o, rows, count);
    selftest_close(t);
    box_command_free(t->box_argv);
    bytes_finish(&t->probe);
    lang_table_finish(&t->langs);
    return status;
}

int selftest_main(int argc, char **argv)
{
    static struct row rows[CASES_MAX];
    static struct selftest t;
    cleanup_free char **rest = xcalloc((size_t)argc + 1, sizeof *rest);
    struct options options = {.slow = 1, .rest = rest, .rest_argc = 1};
    enum config_action action;
    struct config config;
    struct err err;
    rest[0] = argv[0];
    log_init(LOG_WARN, "selftest", NULL);
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            usage();
            return EXIT_SUCCESS;
        }
    int r = parse(argc, argv, &options, &err);
    size_t count = choose(&options, rows);
    if (r == 0)
        r = check_names(&options, rows, count, &err);
    if (r < 0)
        return complain(&err);
    if (options.list) {
        print_list(rows, count, options.json);
        return EXIT_SUCCESS;
    }
    if (config_load(&config, PROGRAM_EXECUTOR, options.rest_argc, options.rest, &action, &err) < 0)
        return complain(&err);
    t.slow = options.slow;
    t.warm = options.warm;
    int status = action == CONFIG_RUN ? run(&t, &config, &options, rows, count) : EXIT_SUCCESS;
    config_finish(&config);
    return status;
}
