/* Owns the box and the loop that it is waited for in. Every descendant of this process is seen, also one whose parents
 * are dead: it is the reaper of orphans. Only processes are waited for with a bound of their own; a run has the box
 * client's. */
#include "selftest_box.h"
#include "checks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>

enum {
    PATIENCE_MS = 10000, /* for the last process to be gone */
    GRACE_MS = 1000,     /* an answer comes within the wall limit and this */
    BUSY_MS = 14000,     /* on a busy machine; the client gives the box up at 15 s */
    LITTER_KEY = 4711,   /* of probe_files.c */
};

static const struct box_limits step_limits = {
    .cpu_us = 5000000,
    .wall_us = 15000000,
    .memory_bytes = 128 << 20,
    .output_bytes = 64 << 10,
    .file_bytes = 16 << 20,
    .scratch_bytes = 32 << 20,
    .stack_bytes = 8 << 20,
    .processes = 32,
    .cpus_milli = 1000,
};

/* ---- a hand outside ------------------------------------------------------------------------------------------- */

struct process {
    pid_t pid, parent;
    char state;
};

static bool read_process(const char *pid, struct process *ret_process)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *rest = strrchr(text, ')'); /* the name before it is the program's own: "17 (name) S 1 …" */
    if (!rest || strlen(rest) < 5)
        return false;
    ret_process->state = rest[2];
    ret_process->pid = (pid_t)strtol(pid, NULL, 10);
    ret_process->parent = (pid_t)strtol(rest + 4, NULL, 10);
    return true;
}

static size_t read_processes(struct process **ret_list)
{
    size_t count = 0, room = 256;
    struct process *list = xmalloc(room * sizeof *list);
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        if (count == room)
            list = xrealloc(list, (room *= 2) * sizeof *list);
        count += read_process(entry->d_name, &list[count]);
    }
    if (proc)
        closedir(proc);
    *ret_list = list;
    return count;
}

static bool has(const struct pids *pids, pid_t pid)
{
    for (size_t i = 0; i < pids->count; i++)
        if (pids->list[i] == pid)
            return true;
    return false;
}

/* Living descendants of this process; zombies are dead. */
static void find_descendants(struct pids *ret_pids)
{
    cleanup_free struct process *all = NULL;
    size_t count = read_processes(&all);
    bool grew = true;
    ret_pids->count = 0;
    while (grew) {
        grew = false;
        for (size_t i = 0; i < count; i++) {
            const struct process *p = &all[i];
            if (p->state == 'Z' || p->state == 'X' || ret_pids->count == PIDS_MAX || has(ret_pids, p->pid) ||
                !(p->parent == getpid() || has(ret_pids, p->parent)))
                continue;
            ret_pids->list[ret_pids->count++] = p->pid;
            grew = true;
        }
    }
}

static bool same_pids(const struct pids *a, const struct pids *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (!has(b, a->list[i]))
            return false;
    return a->count == b->count;
}

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *dir = opendir(path);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static size_t keeper_fds(const struct selftest *t)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)t->idle.list[0]);
    return count_entries(path);
}

/* What processes of ours waited for a processor, in ms: nobody's promise holds for that time. */
static int64_t waited_ms(const struct selftest *t)
{
    int64_t sum = 0;
    for (size_t i = 0; i <= t->idle.count; i++) {
        char path[64], text[128], *second;
        snprintf(path, sizeof path, "/proc/%d/schedstat", i == t->idle.count ? (int)getpid() : (int)t->idle.list[i]);
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (n <= 0)
            continue;
        text[n] = '\0';
        strtoull(text, &second, 10);
        sum += (int64_t)(strtoull(second, NULL, 10) / 1000000);
    }
    return sum;
}

/* ---- the box -------------------------------------------------------------------------------------------------- */

static int64_t patience_ms(const struct selftest *t)
{
    return (int64_t)(PATIENCE_MS * t->slow);
}

static void on_change(void *arg)
{
    ((struct selftest *)arg)->changed = true;
}

static void serve_for_ms(struct selftest *t, unsigned ms)
{
    uv_run(&t->loop, UV_RUN_NOWAIT);
    usleep(ms * 1000);
}

/* Until the box is idle; the client gives up on one that does not come up and starts another. */
static bool wait_for_box(struct selftest *t, int64_t ms)
{
    int64_t end = now_mono_ms() + ms;
    while (!box_client_idle(t->box) && box_client_starts(t->box) < 3 && now_mono_ms() < end)
        serve_for_ms(t, 2);
    return box_client_idle(t->box);
}

/* Until two looks in a row see the same processes and descriptors: a box that has just come up may still have a file
 * open that it only reads. The keeper, our only child of then, stands first. */
static void see_idle(struct selftest *t)
{
    struct pids again;
    int64_t end = now_mono_ms() + patience_ms(t);
    do {
        find_descendants(&t->idle);
        t->idle_fds = t->idle.count ? keeper_fds(t) : 0;
        serve_for_ms(t, 20);
        find_descendants(&again);
    } while ((!same_pids(&t->idle, &again) || (t->idle.count && keeper_fds(t) != t->idle_fds)) && now_mono_ms() < end);
}

int selftest_open(struct selftest *t, struct err *err)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    uv_loop_init(&t->loop);
    t->box = box_client_create(&t->loop,
                               &(struct box_client_options){.argv = t->box_argv, .on_change = on_change, .arg = t});
    if (!wait_for_box(t, 3 * patience_ms(t)))
        return err_set(err, EPROTO, "%s does not start", t->box_argv[0]);
    t->tier = box_client_hello(t->box)->tier;
    see_idle(t);
    char why[WHY_SIZE];
    static const struct step first = {.verb = "look", .exited = EXITED(0)};
    if (t->warm && selftest_step(t, &first, why) < 0)
        return err_set(err, EPROTO, "no warm server of %s: %.300s", t->warm, why);
    see_idle(t); /* and the server's */
    return 0;
}

void selftest_close(struct selftest *t)
{
    if (!t->box)
        return;
    box_client_destroy(t->box, NULL, NULL);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    uv_loop_close(&t->loop);
}

/* ---- a run ---------------------------------------------------------------------------------------------------- */

static void on_answer(void *arg, struct box_answer *answer)
{
    struct selftest *t = arg;
    t->running = false;
    if (!answer)
        snprintf(t->why, WHY_SIZE, "the box died");
    t->failed = !answer || (t->step && step_complaint(t->step, answer, t->slow, t->why));
    if (answer && !t->failed && t->asked_warm && answer->reply->warm == BOX_COLD) {
        snprintf(t->why, WHY_SIZE, "it ran cold");
        t->failed = true;
    }
}

static double slow_of(const struct selftest *t, const struct step *step)
{
    return ends_by_time(step) ? 1 : t->slow;
}

static uint64_t scaled_us(unsigned ms, uint64_t standard_us, double slow)
{
    double us = (double)(ms ? (uint64_t)ms * 1000 : standard_us) * slow, most_us = SELFTEST_MOST_MS * 1000.0;
    return (uint64_t)(us < most_us ? us : most_us);
}

static struct box_limits limits_of(const struct step_limits *l, double slow)
{
    struct box_limits b = step_limits;
    b.cpu_us = scaled_us(l->cpu_ms, b.cpu_us, slow);
    b.wall_us = scaled_us(l->wall_ms, b.wall_us, slow);
    if (l->memory_mb)
        b.memory_bytes = (uint64_t)l->memory_mb << 20;
    if (l->output_bytes)
        b.output_bytes = l->output_bytes;
    if (l->file_mb)
        b.file_bytes = (uint64_t)l->file_mb << 20;
    if (l->scratch_mb)
        b.scratch_bytes = (uint64_t)l->scratch_mb << 20;
    if (l->processes)
        b.processes = l->processes;
    if (l->cpus_milli)
        b.cpus_milli = l->cpus_milli;
    return b;
}

/* Begins a run; its end is on_answer. */
static int begin(struct selftest *t, const struct box_call *call, const struct source_file *files, size_t count,
                 const struct bytes *input)
{
    struct bundle bundle = BUNDLE_NONE;
    cleanup_fd int stdin_fd = -1;
    struct box_call whole = *call;
    struct err err;
    if (!box_client_idle(t->box)) { /* the run before was its end */
        if (!wait_for_box(t, 3 * patience_ms(t))) {
            snprintf(t->why, WHY_SIZE, "the box does not come up again");
            return -1;
        }
        see_idle(t);
    }
    int r = bundle_of_sources(files, count, &bundle, &err);
    if (r == 0 && call->argv[0][0] == '.')
        bundle.files[0].executable = 1;
    if (r == 0 && call->warm)
        bundle.files[1].executable = 1;
    if (r == 0)
        r = memfd_of_bytes(input->data, input->len, &stdin_fd, &err);
    whole.files = &bundle;
    whole.stdin_fd = stdin_fd;
    t->running = r == 0;
    t->asked_warm = call->warm;
    if (r == 0)
        r = box_client_run(t->box, &whole, on_answer, t, &err);
    bundle_finish(&bundle);
    if (r < 0) {
        t->running = false;
        snprintf(t->why, WHY_SIZE, "%.300s", err.msg);
    }
    return r < 0 ? -1 : 0;
}

/* Who has more to run than processors gives the box's no promise; what hangs is still told from what is late. */
static int64_t grace_ms(const struct selftest *t)
{
    double load = 0;
    bool busy = getloadavg(&load, 1) == 1 && load > uv_available_parallelism();
    return (int64_t)((busy ? BUSY_MS : GRACE_MS) * t->slow);
}

static int finish(struct selftest *t, const struct box_limits *limits)
{
    int64_t started = now_mono_ms(), waited = waited_ms(t);
    while (t->running)
        uv_run(&t->loop, UV_RUN_ONCE);
    int64_t late = now_mono_ms() - started - (int64_t)(limits->wall_us / 1000) - (waited_ms(t) - waited);
    if (!t->failed && late > grace_ms(t)) {
        snprintf(t->why, WHY_SIZE, "the answer came %lld ms after the wall limit", (long long)late);
        t->failed = true;
    }
    return t->failed ? -1 : 0;
}

static size_t split(char *text, char **ret_words, size_t most)
{
    size_t count = 0;
    for (char *rest = text, *word; count < most && (word = strsep(&rest, " "));)
        if (*word)
            ret_words[count++] = word;
    return count;
}

/* "a % c" with `word` in place of "%". */
static char *filled(const char *text, const char *word)
{
    const char *hole = word ? strchr(text, '%') : NULL;
    return hole ? xasprintf("%.*s%s%s", (int)(hole - text), text, word, hole + 1) : xstrdup(text);
}

static int run_verb(struct selftest *t, const struct step *step, const char *word, enum box_profile profile)
{
    char program[] = "./probe", path[] = "PATH=/usr/bin:/bin", name[] = "probe", own[] = "mine\n", script[] = "verb";
    char *argv[32] = {program}, *collect[8] = {NULL}, *env[] = {path};
    cleanup_free char *verb = filled(step->verb, word), *names = xstrdup(step->collect ? step->collect : "");
    struct source_file files[] = {{.name = script, .content = {verb, strlen(verb)}},
                                  {.name = name, .content = t->probe},
                                  {.name = (char *)step->file, .content = {own, strlen(own)}}};
    struct bytes input = input_of(step);
    bool warm = t->warm && profile == BOX_PROFILE_RUN;
    if (warm) {
        argv[0] = (char *)t->warm;
        argv[1] = script;
    } else {
        split(verb, argv + 1, ARRAY_LEN(argv) - 2);
    }
    struct box_call call = {
        .profile = profile,
        .limits = limits_of(&step->limits, slow_of(t, step)),
        .argv = argv,
        .env = env,
        .env_count = 1,
        .collect = collect,
        .collect_count = split(names, collect, ARRAY_LEN(collect)),
        .collect_max = 8 << 20,
        .warm = warm,
    };
    int r = begin(t, &call, warm ? files : files + 1, (step->file ? 2 : 1) + warm, &input);
    bytes_finish(&input);
    return r < 0 ? r : finish(t, &call.limits);
}

static void name_run(const struct step *step, const char *word, enum box_profile profile, char *why)
{
    char what[WHY_SIZE];
    cleanup_free char *verb = filled(step->verb ? step->verb : step->language, word);
    snprintf(what, sizeof what, "%.100s%s: %.280s", verb, profile == BOX_PROFILE_COMPILE ? " (compile)" : "", why);
    memcpy(why, what, sizeof what);
}

/* A language's sources as its file has them compiled, or run where it does not compile. */
static int run_language(struct selftest *t, const struct step *step, const struct lang *lang)
{
    const struct lang_step *how = lang->compiled ? &lang->compile : &lang->run;
    struct source_file file = {.name = lang->source_file, .content = {(char *)step->source, strlen(step->source)}};
    char *flags[] = {(char *)step->flags, NULL};
    struct submission s = {.language = lang->name,
                           .files = &file,
                           .file_count = 1,
                           .compile_flags = flags,
                           .compile_flag_count = step->flags ? 1 : 0};
    struct step_limits l = step->limits;
    l.cpu_ms = l.cpu_ms ? l.cpu_ms : (unsigned)how->limits.cpu_ms;
    l.wall_ms = l.wall_ms ? l.wall_ms : 3 * l.cpu_ms;
    l.memory_mb = (l.memory_mb ? l.memory_mb : (unsigned)how->limits.memory_mb) + (unsigned)how->memory_overhead_mb;
    l.processes = l.processes ? l.processes : (unsigned)how->limits.processes;
    l.file_mb = l.file_mb ? l.file_mb : (unsigned)how->limits.file_kb / 1024;
    char **argv = lang_argv(lang, how, &s, &how->limits, NULL);
    struct bytes input = {0};
    struct box_call call = {
        .profile = lang->compiled ? BOX_PROFILE_COMPILE : BOX_PROFILE_RUN,
        .limits = limits_of(&l, slow_of(t, step)),
        .argv = argv,
        .env = lang->env,
        .env_count = lang->env_count,
        .collect = how->collect,
        .collect_count = how->collect_count,
        .collect_max = 32 << 20,
    };
    call.limits.scratch_bytes = 96 << 20;
    int r = begin(t, &call, &file, 1, &input);
    lang_argv_free(argv);
    return r < 0 ? r : finish(t, &call.limits);
}

/* In an emulated machine each takes its time; and a warm server is replaced after a thousand. */
static unsigned times(const struct selftest *t, const struct step *step)
{
    unsigned count = step->repeat ? step->repeat : 1;
    return (t->slow > 1 || t->warm) && count > 20 ? 20 : count;
}

static int run_profiles(struct selftest *t, const struct step *step, const char *word)
{
    unsigned profiles = step->profiles ? step->profiles : 1u << BOX_PROFILE_RUN;
    for (enum box_profile p = BOX_PROFILE_RUN; p <= BOX_PROFILE_COMPILE; p++)
        for (unsigned i = 0; profiles & 1u << p && i < times(t, step); i++)
            if (run_verb(t, step, word, p) < 0) {
                name_run(step, word, p, t->why);
                return -1;
            }
    return 0;
}

int selftest_step(struct selftest *t, const struct step *step, char why[WHY_SIZE])
{
    t->step = step;
    t->why = why;
    if (step->language) {
        const struct lang *lang = lang_find(&t->langs, step->language);
        if (!lang) {
            snprintf(why, WHY_SIZE, "%s is not installed here", step->language);
            return 1;
        }
        if (run_language(t, step, lang) == 0)
            return 0;
        name_run(step, NULL, BOX_PROFILE_RUN, why);
        return -1;
    }
    if (!step->each)
        return run_profiles(t, step, NULL);
    char *words[STEPS_MAX];
    cleanup_free char *text = xstrdup(step->each);
    size_t count = split(text, words, ARRAY_LEN(words));
    for (size_t i = 0; i < count; i++)
        if (run_profiles(t, step, words[i]) < 0)
            return -1;
    return 0;
}

/* ---- afterwards ----------------------------------------------------------------------------------------------- */

static int wait_for_silence(struct selftest *t, char why[WHY_SIZE])
{
    struct pids now, again;
    int64_t end = now_mono_ms() + patience_ms(t);
    for (unsigned rest_ms = 1;; rest_ms = rest_ms < 50 ? 2 * rest_ms : rest_ms) {
        find_descendants(&now);
        if (same_pids(&now, &t->idle)) {
            find_descendants(&again);
            if (same_pids(&again, &t->idle))
                return 0;
        }
        if (now_mono_ms() > end)
            break;
        serve_for_ms(t, rest_ms);
    }
    snprintf(why, WHY_SIZE, "there are other processes than before (%zu, %zu were)", now.count, t->idle.count);
    see_idle(t); /* for the next case */
    return -1;
}

/* What `sentinel-probe litter` would have left on the host, had it been there. */
static int look_at_the_host(char why[WHY_SIZE])
{
    static const char *const dirs[] = {"/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/usr", "/work", "."};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/sentinel-litter", dirs[i]);
        if (access(path, F_OK) == 0) {
            snprintf(why, WHY_SIZE, "the host has %s", path);
            return -1;
        }
    }
    if (shmget(LITTER_KEY, 4096, 0) < 0)
        return 0;
    snprintf(why, WHY_SIZE, "the host has the run's shared memory");
    return -1;
}

int selftest_look(struct selftest *t, char why[WHY_SIZE])
{
    static const struct step looks = {.verb = "look", .exited = EXITED(0), .out = ""};
    if (wait_for_silence(t, why) < 0 || look_at_the_host(why) < 0)
        return -1;
    if (selftest_step(t, &looks, why) < 0 || wait_for_silence(t, why) < 0)
        return -1;
    size_t fds = keeper_fds(t);
    if (fds <= t->idle_fds)
        return 0;
    snprintf(why, WHY_SIZE, "the box's keeper holds %zu descriptors where it held %zu", fds, t->idle_fds);
    return -1;
}

/* ---- acts ----------------------------------------------------------------------------------------------------- */

/* Starts a run of the probe that nobody waits for, until `least` processes more are there. */
static int start_and_see(struct selftest *t, const char *verb, size_t least, char why[WHY_SIZE])
{
    char program[] = "./probe", name[] = "probe";
    char *argv[] = {program, (char *)verb, NULL};
    struct source_file file = {.name = name, .content = t->probe};
    struct box_call call = {.limits = limits_of(&(struct step_limits){.wall_ms = 60000, .cpu_ms = 60000}, t->slow),
                            .argv = argv};
    struct bytes input = {0};
    struct pids now;
    int64_t end = now_mono_ms() + patience_ms(t);
    t->step = NULL;
    t->why = why;
    if (begin(t, &call, &file, 1, &input) < 0)
        return -1;
    do {
        serve_for_ms(t, 2);
        find_descendants(&now);
    } while (now.count < t->idle.count + least && now_mono_ms() < end);
    if (now.count >= t->idle.count + least)
        return 0;
    snprintf(why, WHY_SIZE, "%s: %zu processes, not %zu more than %zu", verb, now.count, least, t->idle.count);
    return -1;
}

/* Every process of `before` is gone, and another box stands with as many as the first had. */
static int see_reborn(struct selftest *t, const struct pids *before, char why[WHY_SIZE])
{
    size_t had = t->idle.count;
    struct pids now;
    int64_t end = now_mono_ms() + patience_ms(t);
    while (t->running)
        uv_run(&t->loop, UV_RUN_ONCE);
    for (bool alive = true; alive && now_mono_ms() < end; serve_for_ms(t, 2)) {
        find_descendants(&now);
        alive = false;
        for (size_t i = 0; i < before->count; i++)
            alive |= has(&now, before->list[i]);
        if (!alive && wait_for_box(t, patience_ms(t))) {
            see_idle(t);
            if (t->idle.count == had)
                return 0;
        }
    }
    snprintf(why, WHY_SIZE, "%zu processes are there, %zu were", t->idle.count, had);
    return -1;
}

int act_keeper_dies(struct selftest *t, char why[WHY_SIZE])
{
    struct pids before;
    if (start_and_see(t, "forkbomb", 5, why) < 0)
        return -1;
    find_descendants(&before);
    kill(t->idle.list[0], SIGKILL);
    return see_reborn(t, &before, why);
}

int act_launcher_dies(struct selftest *t, char why[WHY_SIZE])
{
    if (start_and_see(t, "sleep", 2, why) < 0)
        return -1;
    struct pids before;
    find_descendants(&before);
    for (size_t i = 0; i < before.count; i++)
        if (before.list[i] == t->idle.list[0])
            before.list[i] = 0; /* the keeper lives on */
    kill(t->idle.list[1], SIGKILL);
    return see_reborn(t, &before, why);
}
