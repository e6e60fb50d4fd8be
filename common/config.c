/* The settings table and what is made of it. A value comes from an option, else the variable, else its alias from the
 * documents of 000 to 004, else the default; each is checked the same way. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum type { TYPE_INT, TYPE_TEXT };

struct setting {
    const char *name;  /* the option; SENTINEL_<NAME> is the variable */
    const char *alias; /* another variable, or NULL */
    unsigned programs;
    enum type type;
    size_t offset; /* in struct config */
    const char *fallback;
    int64_t least, most; /* TYPE_INT */
    const char *choices; /* TYPE_TEXT: "a|b|c", or NULL for any */
    const char *help;
};

#define BOTH (PROGRAM_MASTER | PROGRAM_EXECUTOR)
#define INT(member) .type = TYPE_INT, .offset = offsetof(struct config, member)
#define TEXT(member) .type = TYPE_TEXT, .offset = offsetof(struct config, member)
#define RANGE(lo, hi) .least = (lo), .most = (hi)

#ifndef SENTINEL_LANGUAGES_DIR
#define SENTINEL_LANGUAGES_DIR "/usr/share/sentinel/languages"
#endif

static const struct setting table[] = {
    {"redis-url", "REDIS_URL", BOTH, TEXT(redis_url), "redis://127.0.0.1:6379",
     .help =
         "Redis 7 or newer: `redis://[[user][:password]@]host[:port][/db]`, `rediss://…` for TLS, or `unix:///path`; "
         "002's `REDIS_HOST` and `REDIS_PORT` are taken where there is no URL"},
    {"redis-ca-file", NULL, BOTH, TEXT(redis_ca_file), "",
     .help = "`rediss://`: certificates (PEM) that may sign the server's; empty: the system's"},
    {"redis-cert-file", NULL, BOTH, TEXT(redis_cert_file), "",
     .help = "`rediss://`: certificate (PEM) to show to the server, with its chain"},
    {"redis-key-file", NULL, BOTH, TEXT(redis_key_file), "", .help = "`rediss://`: that certificate's key (PEM)"},
    {"redis-server-name", NULL, BOTH, TEXT(redis_server_name), "",
     .help = "`rediss://`: for whom the server's certificate must be; empty: the URL's host"},
    {"redis-verify", NULL, BOTH, TEXT(redis_verify), "true", .choices = "true|false",
     .help = "`rediss://`: `false` takes any certificate, so anybody in between can read and change all"},
    {"prefix", NULL, BOTH, TEXT(prefix), "sentinel", .help = "first part of every key in Redis"},
    {"redis-deadline-ms", NULL, BOTH, INT(redis_deadline_ms), "3000", RANGE(50, 60000),
     .help = "a Redis command without an answer by then ends its connection"},
    {"languages-dir", NULL, BOTH, TEXT(languages_dir), SENTINEL_LANGUAGES_DIR, .help = "folder of the language files"},
    {"languages", NULL, BOTH, TEXT(languages), "all", .help = "`all`, or names with commas between"},
    {"log-level", "LOG_LEVEL", BOTH, TEXT(log_level), "info", .choices = "debug|info|warn|error",
     .help = "least level that is logged; 002's `DEBUG=true` and 001's option `-v` are `debug`"},
    {"log-file", NULL, BOTH, TEXT(log_file), "",
     .help = "where the log goes, opened again on SIGHUP; empty: standard error"},
    {"metrics", "METRICS_ENABLED", BOTH, TEXT(metrics), "true", .choices = "false|true",
     .help = "collect figures, and show them at /metrics"},
    {"result-ttl-s", NULL, BOTH, INT(result_ttl_s), "3600", RANGE(1, 604800),
     .help = "a finished job can be read for this long"},
    {"queue-ttl-s", NULL, BOTH, INT(queue_ttl_s), "3600", RANGE(1, 604800),
     .help = "a job that nobody claims by then is `expired`"},
    {"lease-ms", NULL, BOTH, INT(lease_ms), "15000", RANGE(300, 600000),
     .help = "an executor that is silent for this long loses its jobs to others"},
    {"max-attempts", NULL, BOTH, INT(max_attempts), "3", RANGE(1, 100),
     .help = "a job that was given up on this often is `failed`"},
    {"queue-cap", NULL, BOTH, INT(queue_cap), "10000", RANGE(0, 10000000),
     .help = "jobs that may wait per language, then 503; 0: no cap"},
    {"max-cpu-ms", NULL, BOTH, INT(max_cpu_ms), "120000", RANGE(50, 900000), .help = "ceiling of `limits.cpuTimeMs`"},
    {"max-wall-ms", NULL, BOTH, INT(max_wall_ms), "300000", RANGE(50, 900000),
     .help = "ceiling of `limits.wallTimeMs`"},
    {"max-memory-mb", NULL, BOTH, INT(max_memory_mb), "1024", RANGE(16, 1048576),
     .help = "ceiling of `limits.memoryMb`"},
    {"max-processes", NULL, BOTH, INT(max_processes), "256", RANGE(1, 32768),
     .help = "ceiling of `limits.processes` (processes and threads)"},
    {"max-output-kb", NULL, BOTH, INT(max_output_kb), "4096", RANGE(1, 65536),
     .help = "ceiling of `limits.outputKb` (kept of each stream)"},
    {"max-file-kb", NULL, BOTH, INT(max_file_kb), "102400", RANGE(1, 4194304),
     .help = "ceiling of `limits.fileKb` (one written file)"},
    {"max-cpus-milli", NULL, BOTH, INT(max_cpus_milli), "4000", RANGE(10, 1024000),
     .help = "ceiling of `limits.cpus`, in thousandths"},
    {"host", NULL, PROGRAM_MASTER, TEXT(host), "127.0.0.1", .help = "address to listen on"},
    {"port", "PORT", PROGRAM_MASTER, INT(port), "8080", RANGE(1, 65535),
     .help = "port to listen on; 001's option is `--http-port`"},
    {"mode", NULL, PROGRAM_MASTER, TEXT(mode), "both", .choices = "both|grpc|http",
     .help = "what to listen for; a build without gRPC serves HTTP when it is told both"},
    {"grpc-port", NULL, PROGRAM_MASTER, INT(grpc_port), "50051", RANGE(0, 65535),
     .help = "port of gRPC, without TLS, on the same address; 0: any that is free, which the log tells"},
    {"max-body-kb", NULL, PROGRAM_MASTER, INT(max_body_kb), "8192", RANGE(1, 65536),
     .help = "size of a request's body or gRPC message, then 413"},
    {"max-connections", NULL, PROGRAM_MASTER, INT(max_connections), "10000", RANGE(1, 1000000),
     .help = "open connections, then 503; never more than descriptors are left for"},
    {"max-held-mb", NULL, PROGRAM_MASTER, INT(max_held_mb), "256", RANGE(1, 65536),
     .help = "memory for requests that arrive or wait, and as much again for answers on their way, then 503"},
    {"max-code-bytes", "MAX_CODE_LENGTH", PROGRAM_MASTER, INT(max_code_bytes), "50000", RANGE(1, 8388608),
     .help = "size of all source files together"},
    {"max-tests", "MAX_TEST_CASES", PROGRAM_MASTER, INT(max_tests), "100", RANGE(1, 10000),
     .help = "test cases of a submission"},
    {"max-files", NULL, PROGRAM_MASTER, INT(max_files), "64", RANGE(1, 200), .help = "files of a submission"},
    {"max-wait-s", NULL, PROGRAM_MASTER, INT(max_wait_s), "60", RANGE(1, 600), .help = "longest `?wait=`"},
    {"execute-wait", NULL, PROGRAM_MASTER, INT(execute_wait_s), "0", RANGE(0, 60),
     .help = "`POST /execute` waits this long without being asked (clients of 000 and 004)"},
    {"callback-secret", NULL, PROGRAM_MASTER, TEXT(callback_secret), "",
     .help = "key of the signatures of callbacks, 16 characters or more; empty: `callbackUrl` is refused"},
    {"callback-allow", NULL, PROGRAM_MASTER, TEXT(callback_allow), "",
     .help = "networks (`10.1.0.0/16, ::1`) that callbacks may reach although they are not public"},
    {"callback-attempts", NULL, PROGRAM_MASTER, INT(callback_attempts), "10", RANGE(1, 30),
     .help = "a callback that was not taken this often is given up"},
    {"callback-timeout-ms", NULL, PROGRAM_MASTER, INT(callback_timeout_ms), "10000", RANGE(100, 60000),
     .help = "an attempt that takes longer has failed"},
    {"callback-pause-ms", NULL, PROGRAM_MASTER, INT(callback_pause_ms), "1000", RANGE(10, 600000),
     .help = "between a callback's first two attempts; doubles with each, up to an hour"},
    {"heartbeat-s", NULL, PROGRAM_MASTER, INT(heartbeat_s), "15", RANGE(1, 300),
     .help = "an event stream that has nothing to say says so this often, so that proxies keep it"},
    {"v1-timeout-s", "EXECUTION_TIMEOUT", PROGRAM_MASTER, INT(v1_timeout_s), "30", RANGE(1, 120),
     .help = "CPU and wall time of a run of `/api/v1/execute` that names none"},
    {"request-timeout-s", NULL, PROGRAM_MASTER, INT(request_timeout_s), "30", RANGE(1, 600),
     .help = "a request must arrive by then; also how long an idle connection is kept"},
    {"keys-file", NULL, PROGRAM_MASTER, TEXT(keys_file), "",
     .help = "file of API keys, a line each (OPERATIONS.md); read again on SIGHUP; empty: none"},
    {"api-keys", NULL, PROGRAM_MASTER, TEXT(api_keys), "", .help = "such lines in place of a file, with `;` between"},
    {"allow-open", NULL, PROGRAM_MASTER, TEXT(allow_open), "false", .choices = "false|true",
     .help = "listen on a public address even where there is no API key"},
    {"open-routes", NULL, PROGRAM_MASTER, TEXT(open_routes), "docs,health,languages",
     .help = "of docs, health, languages, load, metrics: what wants no API key"},
    {"log-requests", NULL, PROGRAM_MASTER, TEXT(log_requests), "off", .choices = "off|line|bodies",
     .help = "log each request and its answer: a line, or with the beginnings of their bodies, which hold users' code"},
    {"code-policy", NULL, PROGRAM_MASTER, TEXT(code_policy), "off",
     .help =
         "off, warn or block, and LANGUAGE=one of them, with commas between: what to do about code that a language's "
         "policy matches"},
    {"policy-nesting", NULL, PROGRAM_MASTER, INT(policy_nesting), "0", RANGE(0, 200),
     .help = "code policy: deepest nesting of brackets or indents; 0: any"},
    {"policy-line", NULL, PROGRAM_MASTER, INT(policy_line), "0", RANGE(0, 8388608),
     .help = "code policy: bytes of a line; 0: any"},
    {"policy-tokens", NULL, PROGRAM_MASTER, INT(policy_tokens), "0", RANGE(0, 8388608),
     .help = "code policy: tokens of a file; 0: any"},
    {"trusted-proxies", NULL, PROGRAM_MASTER, TEXT(trusted_proxies), "",
     .help = "addresses and networks with commas between, whose `X-Forwarded-For` is believed"},
    {"cors-origins", NULL, PROGRAM_MASTER, TEXT(cors_origins), "",
     .help = "origins with commas between whose pages may call from a browser, or `*`"},
    {"rate-ip", NULL, PROGRAM_MASTER, INT(rate_ip), "0", RANGE(0, 60000000),
     .help = "requests a minute from one address, over all masters, then 429; 0: no limit"},
    {"rate-ip-burst", NULL, PROGRAM_MASTER, INT(rate_ip_burst), "0", RANGE(0, 1000000),
     .help = "of these, how many at once; 0: a minute's"},
    {"rate-key", NULL, PROGRAM_MASTER, INT(rate_key), "0", RANGE(0, 60000000),
     .help = "requests a minute with one API key, over all masters, then 429; 0: no limit"},
    {"rate-key-burst", NULL, PROGRAM_MASTER, INT(rate_key_burst), "0", RANGE(0, 1000000),
     .help = "of these, how many at once; 0: a minute's"},
    {"executor-id", "HOSTNAME", PROGRAM_EXECUTOR, TEXT(executor_id), "",
     .help = "unique name of this executor; empty: made from language, host and process id"},
    {"metrics-port", NULL, PROGRAM_EXECUTOR, INT(metrics_port), "0", RANGE(0, 65535),
     .help = "port of the executor's `GET /metrics`, `/livez` and `/readyz`; 0: none"},
    {"metrics-host", NULL, PROGRAM_EXECUTOR, TEXT(metrics_host), "127.0.0.1",
     .help = "address of that port; whoever reaches it can read it"},
    {"slots", NULL, PROGRAM_EXECUTOR, INT(slots), "0", RANGE(0, 1024),
     .help = "runs at once; 0: as many as processors"},
    {"box-path", NULL, PROGRAM_EXECUTOR, TEXT(box_path), "",
     .help = "empty: `box/sentinel-box` beside this program, "
             "else `sentinel-box` beside it"},
    {"min-tier", NULL, PROGRAM_EXECUTOR, TEXT(min_tier), "A-", .choices = "A|A-|B",
     .help = "least isolation to serve with; below it the executor stops"},
    {"cgroup", NULL, PROGRAM_EXECUTOR, TEXT(cgroup), "auto",
     .help = "`auto`: beneath the own group; `off`; or the path of a group"},
    {"job-timeout-s", "JOB_TIMEOUT", PROGRAM_EXECUTOR, INT(job_timeout_s), "300", RANGE(1, 900),
     .help = "a job's tests that have not ended by then are `skipped`"},
    {"drain-s", NULL, PROGRAM_EXECUTOR, INT(drain_s), "30", RANGE(0, 900),
     .help = "on SIGTERM: finish for this long, then give jobs back"},
    {"max-jobs", NULL, PROGRAM_EXECUTOR, INT(max_jobs), "0", RANGE(0, 1000000000),
     .help = "take so many jobs, finish them and end; 0: go on"},
    {"idle-exit-s", NULL, PROGRAM_EXECUTOR, INT(idle_exit_s), "0", RANGE(0, 86400),
     .help = "end when there was no job for this long; 0: wait for ever"},
    {"scratch-dir", NULL, PROGRAM_EXECUTOR, TEXT(scratch_dir), "/tmp",
     .help = "folder in which tier B makes each run's directory; best a tmpfs of its own"},
    {"scratch-mb", NULL, PROGRAM_EXECUTOR, INT(scratch_mb), "100", RANGE(1, 16384),
     .help = "work directory of a run, charged to its memory"},
    {"job-output-kb", NULL, PROGRAM_EXECUTOR, INT(job_output_kb), "4096", RANGE(1, 65536),
     .help = "kept output of a job as JSON carries it, shared by its tests"},
    {"program-cache-mb", NULL, PROGRAM_EXECUTOR, INT(program_cache_mb), "64", RANGE(0, 16384),
     .help = "compiled programs that are remembered, in memory; 0: none"},
};

/* "redis-url" → "SENTINEL_REDIS_URL" */
static void variable_name(const struct setting *s, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "SENTINEL_%s", s->name);
    for (char *c = out; n && *c; c++)
        *c = (char)(*c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
}

/* ---- values --------------------------------------------------------------------------------------------------- */

/* The choice that `value` names, whatever its case (002 writes LOG_LEVEL=INFO), as the table spells it; or NULL. */
static char *find_choice(const char *choices, const char *value)
{
    for (const char *at = choices; *at;) {
        size_t len = strcspn(at, "|");
        if (strlen(value) == len && strncasecmp(at, value, len) == 0)
            return xstrndup(at, len);
        at += at[len] ? len + 1 : len;
    }
    return NULL;
}

static int set_int(const struct setting *s, int64_t *slot, const char *source, const char *value, struct err *err)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno || end == value || *end || number < s->least || number > s->most)
        return err_set_field(err, EINVAL, source,
                             "%s is \"%.64s\": must be a whole number from %" PRId64 " to %" PRId64, source, value,
                             s->least, s->most);
    *slot = number;
    return 0;
}

static int set_text(const struct setting *s, char **slot, const char *source, const char *value, struct err *err)
{
    char *text = s->choices ? find_choice(s->choices, value) : xstrdup(value);
    if (!text)
        return err_set_field(err, EINVAL, source, "%s is \"%.64s\": must be one of %s", source, value, s->choices);
    free(*slot);
    *slot = text;
    return 0;
}

static int set_value(struct config *c, const struct setting *s, const char *source, const char *value, struct err *err)
{
    void *slot = (char *)c + s->offset;
    return s->type == TYPE_INT ? set_int(s, slot, source, value, err) : set_text(s, slot, source, value, err);
}

/* ---- sources -------------------------------------------------------------------------------------------------- */

/* 002 names the parts of the URL. A port that is none is what Kubernetes tells each pod of a Service named redis:
 * "tcp://10.0.0.1:6379". */
static char *redis_url_of_parts(void)
{
    const char *host = getenv("REDIS_HOST"), *port = getenv("REDIS_PORT");
    if (!host || !*host)
        return NULL;
    if (!port || !*port || port[strspn(port, "0123456789")])
        port = "6379";
    return xasprintf(strchr(host, ':') ? "redis://[%s]:%s" : "redis://%s:%s", host, port);
}

static bool is_true(const char *value)
{
    return value && (strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0);
}

/* What the documents' variables come to where neither the variable nor its alias is there; the caller frees it. */
static char *derived_value(const struct setting *s)
{
    if (strcmp(s->name, "redis-url") == 0)
        return redis_url_of_parts();
    if (strcmp(s->name, "log-level") == 0 && is_true(getenv("DEBUG")))
        return xstrdup("debug");
    return NULL;
}

static int load_environment(struct config *c, enum program program, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct setting *s = &table[i];
        char name[64];
        variable_name(s, name, sizeof name);
        const char *source = name, *value = getenv(name);
        if (!value && s->alias) {
            source = s->alias;
            value = getenv(s->alias);
        }
        cleanup_free char *derived = value ? NULL : derived_value(s);
        if (!value) {
            source = s->name;
            value = derived ? derived : s->fallback;
        }
        if (s->programs & program) {
            int r = set_value(c, s, source, value, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* Not settings: what the tests tell each other, and the links that Kubernetes sets in every pod for a Service whose
 * name begins with "sentinel" (SENTINEL_MASTER_SERVICE_PORT=tcp://…). */
static bool is_foreign(const char *name, size_t len)
{
    static const char *const ours[] = {"SENTINEL_MUST_SANDBOX", "SENTINEL_BUILD", "SENTINEL_BOX", "SENTINEL_PROBE"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strlen(ours[i]) == len && strncmp(ours[i], name, len) == 0)
            return true;
    return strncmp(name, "SENTINEL_TEST_", 14) == 0 || memmem(name, len, "_SERVICE_", 9) ||
           memmem(name, len, "_TCP", 4);
}

static bool is_setting(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char known[64];
        variable_name(&table[i], known, sizeof known);
        if (strlen(known) == len && strncmp(known, name, len) == 0)
            return true;
    }
    return false;
}

/* A misspelt SENTINEL_ variable would be a setting silently at its default. The other program's are let through. */
static int check_variables(struct err *err)
{
    for (char **entry = environ; entry && *entry; entry++) {
        size_t len = strcspn(*entry, "=");
        if (strncmp(*entry, "SENTINEL_", 9) != 0 || is_foreign(*entry, len) || is_setting(*entry, len))
            continue;
        return err_set_field(err, EINVAL, *entry, "unknown setting %.*s; --help lists what there is", (int)len, *entry);
    }
    return 0;
}

static const struct setting *find_option(const char *name, size_t len, enum program program)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if ((table[i].programs & program) && strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0)
            return &table[i];
    return NULL;
}

/* 001's own spellings: its options have one dash, as Go's flags do. */
static const char *spelling_of(const char *option)
{
    static const char *const others[][2] = {
        {"-grpc-port", "--grpc-port"}, {"-http-port", "--port"}, {"--http-port", "--port"},
        {"-mode", "--mode"},           {"-v", "--log-level"},
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strncmp(option, others[i][0], strcspn(option, "=")) == 0 && !others[i][0][strcspn(option, "=")])
            return others[i][1];
    return option;
}

static int load_options(struct config *c, enum program program, int argc, char **argv, struct err *err)
{
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *spelling = spelling_of(option);
        const char *given = strchr(option, '=');
        size_t len = strncmp(spelling, "--", 2) == 0 ? strcspn(spelling + 2, "=") : 0;
        const struct setting *s = find_option(spelling + 2, len, program);
        if (len == 0 || !s)
            return err_set_field(err, EINVAL, option, "unknown option \"%.64s\"; --help lists what there is", option);
        bool verbose = strcspn(option, "=") == 2; /* -v, -v=2: the number says nothing here */
        const char *value = verbose ? "debug" : given ? given + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (!value)
            return err_set_field(err, EINVAL, s->name, "option --%s wants a value", s->name);
        int r = set_value(c, s, s->name, value, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- text ----------------------------------------------------------------------------------------------------- */

static void print_allowed(const struct setting *s)
{
    if (s->type == TYPE_INT)
        printf("%" PRId64 "–%" PRId64, s->least, s->most);
    else
        printf("%s", s->choices ? s->choices : "text");
}

static void print_help(enum program program)
{
    printf("usage: %s [--OPTION VALUE]…\n\nEvery option is also a variable: --redis-url is SENTINEL_REDIS_URL.\n"
           "--help, --version, and --settings (this table as Markdown) print and stop.\n\n",
           program == PROGRAM_MASTER ? "sentinel-master" : "sentinel-executor");
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct setting *s = &table[i];
        if (!(s->programs & program))
            continue;
        printf("  --%-20s %s (", s->name, s->help);
        print_allowed(s);
        printf("; default %s)\n", *s->fallback ? s->fallback : "empty");
    }
}

static void print_settings(void)
{
    printf("| variable | of | default | allowed | what |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct setting *s = &table[i];
        char name[64];
        variable_name(s, name, sizeof name);
        printf("| `%s`", name);
        if (s->alias)
            printf(" (`%s`)", s->alias);
        printf(" | %s | ", s->programs == BOTH ? "both" : s->programs == PROGRAM_MASTER ? "master" : "executor");
        printf(*s->fallback ? "`%s` | " : "%s | ", s->fallback);
        for (const char *c = s->choices; c && *c; c++)
            printf(*c == '|' ? ", " : "%c", *c);
        if (!s->choices)
            print_allowed(s);
        printf(" | %s |\n", s->help);
    }
}

int config_load(struct config *ret_config, enum program program, int argc, char **argv, enum config_action *ret_action,
                struct err *err)
{
    *ret_action = CONFIG_RUN;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(program);
            *ret_action = CONFIG_HELP;
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("%s\n", SENTINEL_VERSION);
            *ret_action = CONFIG_VERSION;
            return 0;
        }
        if (strcmp(argv[i], "--settings") == 0) {
            print_settings();
            *ret_action = CONFIG_SETTINGS;
            return 0;
        }
    }
    struct config c = {0};
    int r = check_variables(err);
    if (r == 0)
        r = load_environment(&c, program, err);
    if (r == 0)
        r = load_options(&c, program, argc, argv, err);
    if (r < 0)
        config_finish(&c);
    else
        *ret_config = c;
    return r;
}

void config_finish(struct config *config)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].type == TYPE_TEXT)
            free(*(char **)(void *)((char *)config + table[i].offset));
    *config = (struct config){0};
}
