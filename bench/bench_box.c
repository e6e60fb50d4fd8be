/* Times one program bare, in boxes, and under other sandboxes, in turns:
 *
 *   bench-box LANGUAGES_DIR LANGUAGE SOURCE STREAMS ROUNDS RUNS [--arrivals | -- PEER…]
 *
 * Bare is posix_spawn (a vfork and an exec) and wait by STREAMS processes of their own; a box is driven by the
 * executor's own client, STREAMS boxes on one loop. PEER is the argv of another sandbox, before which the program's own
 * argv is put: it runs as bare does. A round is RUNS runs of each in each stream. Prints a line of JSON a round:
 * microseconds of wall time that its runs took, {"bareUs", "boxUs", "peerUs"}. With --arrivals, of one stream, a run is
 * asked for at half of the rate that bare runs just had, and boxUs is the sum of their latencies.
 *
 * The program reads nothing, and what it prints is thrown away; a run that does not exit with 0 ends the bench. */
#include "box_client.h"
#include "box_command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { STREAMS_MOST = 64 };

struct bench;

struct stream {
    struct bench *bench;
    struct box_client *box;
    char **box_argv;
    int64_t left; /* runs of this round */
};

struct bench {
    struct lang_table langs;
    const struct lang *lang;
    struct submission submission; /* what the command line says */
    struct limits limits;
    char **argv;
    char **env;            /* NULL-terminated */
    struct bundle program; /* what a run is given: the source, or what it compiled to */
    char directory[32];    /* the same for bare runs */
    char **peer;           /* NULL-terminated, or NULL */
    int64_t streams, rounds, runs;
    bool arrivals;
    uv_loop_t loop;
    uv_timer_t arrival;
    struct stream stream[STREAMS_MOST];
    int64_t busy;
    int null_fd;
    posix_spawn_file_actions_t streams_of_bare;
};

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench-box: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- boxes ---------------------------------------------------------------------------------------------------- */

static void begin(struct stream *stream, bool compile);

static void check(const struct box_answer *answer)
{
    if (!answer || answer->reply->status != BOX_OK)
        fail("box", answer ? answer->reply->message : "it died");
    if (answer->reply->exit_code != 0)
        fail("the program in its box", answer->errout);
}

static void on_compiled(void *arg, struct box_answer *answer)
{
    struct stream *stream = arg;
    check(answer);
    bundle_finish(&stream->bench->program);
    stream->bench->program = answer->collected;
    answer->collected = BUNDLE_NONE;
    stream->bench->busy--;
}

static void on_ran(void *arg, struct box_answer *answer)
{
    struct stream *stream = arg;
    check(answer);
    if (--stream->left > 0)
        begin(stream, false);
    else
        stream->bench->busy--;
}

static struct box_limits box_limits(const struct lang_step *step, const struct limits *l)
{
    return (struct box_limits){
        .cpu_us = (uint64_t)l->cpu_ms * 1000,
        .wall_us = (uint64_t)l->wall_ms * 1000,
        .memory_bytes = (uint64_t)(l->memory_mb + step->memory_overhead_mb) << 20,
        .output_bytes = (uint64_t)l->output_kb << 10,
        .file_bytes = (uint64_t)l->file_kb << 10,
        .scratch_bytes = 100 << 20,
        .stack_bytes = 8 << 20,
        .processes = (uint32_t)l->processes,
        .cpus_milli = (uint32_t)l->cpus_milli,
    };
}

static void begin(struct stream *stream, bool compile)
{
    struct bench *b = stream->bench;
    const struct lang_step *step = compile ? &b->lang->compile : &b->lang->run;
    char **argv = compile ? lang_argv(b->lang, step, &b->submission, &step->limits, NULL) : b->argv;
    static const enum box_warm_way ways[] = {
        [LANG_COLD] = BOX_WAY_COLD, [LANG_FORK] = BOX_WAY_FORK, [LANG_HOLD] = BOX_WAY_HOLD};
    struct err err;
    struct box_call call = {
        .profile = compile ? BOX_PROFILE_COMPILE : BOX_PROFILE_RUN,
        .limits = box_limits(step, compile ? &step->limits : &b->limits),
        .argv = argv,
        .env = b->lang->env,
        .env_count = b->lang->env_count,
        .files = &b->program,
        .collect = step->collect,
        .collect_count = step->collect_count,
        .collect_max = 100 << 20,
        .stdin_fd = b->null_fd,
        .warm = ways[step->warm],
    };
    if (box_client_run(stream->box, &call, compile ? on_compiled : on_ran, stream, &err) < 0)
        fail("box", err.msg);
    if (compile)
        lang_argv_free(argv);
}

static void finish_runs(struct bench *b)
{
    while (b->busy > 0)
        uv_run(&b->loop, UV_RUN_ONCE);
}

static int64_t time_boxes(struct bench *b, int64_t runs)
{
    int64_t started = now_us();
    b->busy = b->streams;
    for (int64_t i = 0; i < b->streams; i++) {
        b->stream[i].left = runs;
        begin(&b->stream[i], false);
    }
    finish_runs(b);
    return now_us() - started;
}

static void on_arrival(uv_timer_t *timer)
{
    (void)timer;
}

/* A run that would come while the one before is still there comes after it. */
static int64_t time_arrivals(struct bench *b, int64_t runs, int64_t gap_us)
{
    int64_t latency_us = 0, next_us = now_us();
    for (int64_t i = 0; i < runs; i++) {
        for (int64_t now; (now = now_us()) < next_us;) {
            uv_update_time(&b->loop);
            uv_timer_start(&b->arrival, on_arrival, (uint64_t)(next_us - now) / 1000 + 1, 0);
            uv_run(&b->loop, UV_RUN_ONCE);
        }
        next_us += gap_us;
        latency_us += time_boxes(b, 1);
    }
    return latency_us;
}

static void on_box_change(void *arg)
{
    (void)arg;
}

static void start_boxes(struct bench *b, const struct config *config)
{
    struct box_client_options options = {.on_change = on_box_change};
    struct err err;
    uv_loop_init(&b->loop);
    uv_timer_init(&b->loop, &b->arrival);
    for (int64_t i = 0; i < b->streams; i++) {
        struct stream *stream = &b->stream[i];
        stream->bench = b;
        if (box_command_make(config, &b->langs, (size_t)i, &stream->box_argv, &err) < 0)
            fail("box", err.msg);
        options.argv = stream->box_argv;
        stream->box = box_client_create(&b->loop, &options);
    }
    for (int64_t i = 0; i < b->streams; i++)
        while (!box_client_idle(b->stream[i].box))
            uv_run(&b->loop, UV_RUN_ONCE);
}

/* ---- bare, and others' sandboxes ------------------------------------------------------------------------------ */

static void run_bare(const struct bench *b, char **argv)
{
    pid_t pid;
    int status = 0, r = posix_spawn(&pid, argv[0], &b->streams_of_bare, NULL, argv, b->env);
    if (r != 0)
        fail(argv[0], strerror(r));
    if (waitpid(pid, &status, 0) < 0)
        fail(argv[0], strerror(errno));
    if (status != 0)
        fail(argv[0], "did not exit with 0");
}

static int64_t time_bare(const struct bench *b, char **argv, int64_t runs)
{
    int64_t started = now_us();
    for (int64_t i = 0; i < b->streams; i++) {
        if (fork() != 0)
            continue;
        signal(SIGCHLD, SIG_DFL); /* the loop's handler would tell the loop of the parent */
        for (int64_t k = 0; k < runs; k++)
            run_bare(b, argv);
        _exit(0);
    }
    for (int64_t i = 0; i < b->streams; i++) {
        int status = 0;
        if (wait(&status) < 0 || status != 0)
            fail("bare", "a stream failed");
    }
    return now_us() - started;
}

/* PEER… and then the program's argv. */
static char **peer_argv(const struct bench *b)
{
    size_t peer = 0, own = 0;
    while (b->peer[peer])
        peer++;
    while (b->argv[own])
        own++;
    char **argv = xcalloc(peer + own + 1, sizeof *argv);
    memcpy(argv, b->peer, peer * sizeof *argv);
    memcpy(argv + peer, b->argv, own * sizeof *argv);
    return argv;
}

/* The folder of a file's name, "" when it has none. */
static void folder_of(const char *name, char folder[NAME_MAX + 1])
{
    const char *slash = strrchr(name, '/');
    snprintf(folder, NAME_MAX + 1, "%.*s", slash ? (int)(slash - name) : 0, name);
}

/* The bundle's files, where bare runs find them; none is more than one folder deep. */
static void unpack(struct bench *b)
{
    const char *name = b->program.names;
    off_t at = 0;
    strcpy(b->directory, "/tmp/bench-XXXXXX");
    if (!mkdtemp(b->directory) || chdir(b->directory) < 0)
        fail(b->directory, strerror(errno));
    for (uint32_t i = 0; i < b->program.count; i++, name += strlen(name) + 1) {
        char folder[NAME_MAX + 1];
        folder_of(name, folder);
        if (*folder && mkdir(folder, 0700) < 0 && errno != EEXIST)
            fail(folder, strerror(errno));
        cleanup_fd int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
        size_t size = b->program.files[i].size;
        cleanup_free char *data = xmalloc(size + 1);
        if (fd < 0 || pread(b->program.fd, data, size, at) != (ssize_t)size || write(fd, data, size) != (ssize_t)size)
            fail(name, "cannot be unpacked");
        at += (off_t)size;
    }
}

static void remove_unpacked(const struct bench *b)
{
    const char *name = b->program.names;
    for (uint32_t i = 0; i < b->program.count; i++, name += strlen(name) + 1) {
        char folder[NAME_MAX + 1];
        folder_of(name, folder);
        unlink(name);
        if (*folder)
            rmdir(folder); /* it goes with its last file */
    }
    if (chdir("/") < 0 || rmdir(b->directory) < 0)
        fprintf(stderr, "bench-box: %s stays behind\n", b->directory);
}

/* ---- the beginning -------------------------------------------------------------------------------------------- */

static struct bytes read_file(const char *path)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        fail(path, strerror(errno));
    struct bytes bytes = {.data = xmalloc((size_t)st.st_size + 1), .len = (size_t)st.st_size};
    if (read(fd, bytes.data, bytes.len) != (ssize_t)bytes.len)
        fail(path, "cannot be read whole");
    return bytes;
}

static void prepare(struct bench *b, char **args)
{
    char dir_option[] = "--languages-dir", languages_option[] = "--languages";
    char *config_argv[] = {args[0], dir_option, args[1], languages_option, args[2], NULL};
    enum config_action action;
    struct config config;
    struct err err;
    if (config_load(&config, PROGRAM_EXECUTOR, 5, config_argv, &action, &err) < 0)
        fail("settings", err.msg);
    const struct lang_ceilings ceilings = {
        {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX}};
    if (lang_table_load(config.languages_dir, config.languages, &ceilings, true, &b->langs, &err) < 0)
        fail(args[1], err.msg);
    b->lang = &b->langs.langs[0];
    b->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (posix_spawn_file_actions_init(&b->streams_of_bare) != 0 ||
        posix_spawn_file_actions_adddup2(&b->streams_of_bare, b->null_fd, 0) != 0 ||
        posix_spawn_file_actions_adddup2(&b->streams_of_bare, b->null_fd, 1) != 0)
        fail("posix_spawn", "has no file actions");
    b->submission = (struct submission){.files = xcalloc(1, sizeof *b->submission.files), .file_count = 1};
    b->submission.files[0] = (struct source_file){.name = xstrdup(b->lang->source_file), .content = read_file(args[3])};
    b->limits = b->lang->run.limits;
    b->env = xcalloc(b->lang->env_count + 1, sizeof *b->env);
    memcpy(b->env, b->lang->env, b->lang->env_count * sizeof *b->env);
    if (bundle_of_sources(b->submission.files, 1, &b->program, &err) < 0)
        fail("bundle", err.msg);
    start_boxes(b, &config);
    config_finish(&config);
    if (b->lang->compiled) {
        b->busy = 1;
        begin(&b->stream[0], true);
        finish_runs(b);
    }
    b->argv = lang_argv(b->lang, &b->lang->run, &b->submission, &b->limits, bundle_entry(&b->program));
    unpack(b);
}

static void on_closed(void *arg)
{
    (void)arg;
}

static void finish(struct bench *b)
{
    remove_unpacked(b);
    uv_close((uv_handle_t *)&b->arrival, NULL);
    for (int64_t i = 0; i < b->streams; i++)
        box_client_destroy(b->stream[i].box, on_closed, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    uv_loop_close(&b->loop);
    for (int64_t i = 0; i < b->streams; i++)
        box_command_free(b->stream[i].box_argv);
    lang_argv_free(b->argv);
    free(b->env);
    bundle_finish(&b->program);
    submission_finish(&b->submission);
    lang_table_finish(&b->langs);
    posix_spawn_file_actions_destroy(&b->streams_of_bare);
    close(b->null_fd);
}

static void measure(struct bench *b)
{
    cleanup_free char **peer = b->peer ? peer_argv(b) : NULL;
    for (int64_t i = 0; i < b->rounds; i++) {
        int64_t bare = time_bare(b, b->argv, b->runs);
        int64_t boxes = b->arrivals ? time_arrivals(b, b->runs, 2 * bare / b->runs) : time_boxes(b, b->runs);
        int64_t others = peer ? time_bare(b, peer, b->runs) : 0;
        printf("{\"bareUs\":%" PRId64 ",\"boxUs\":%" PRId64 ",\"peerUs\":%" PRId64 "}\n", bare, boxes, others);
        fflush(stdout); /* or the next round's streams would print it again */
    }
}

static int64_t number(const char *text, int64_t most)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 1 || value > most)
        fail(text, "is no number that can be");
    return value;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    bench.arrivals = argc == 8 && strcmp(argv[7], "--arrivals") == 0;
    if (argc < 7 || (argc > 7 && !bench.arrivals && strcmp(argv[7], "--") != 0))
        fail("usage", "LANGUAGES_DIR LANGUAGE SOURCE STREAMS ROUNDS RUNS [--arrivals | -- PEER…]");
    bench.streams = number(argv[4], STREAMS_MOST);
    if (bench.arrivals && bench.streams != 1)
        fail("--arrivals", "are those of one stream");
    bench.rounds = number(argv[5], 1000);
    bench.runs = number(argv[6], 1000000);
    bench.peer = argc > 8 ? argv + 8 : NULL;
    prepare(&bench, argv);
    measure(&bench);
    finish(&bench);
    return 0;
}
