/* Settings: one table for both programs, from which options, variables, --help and the README's table come. */
#ifndef SENTINEL_CONFIG_H
#define SENTINEL_CONFIG_H

#include "err.h"

enum program { PROGRAM_MASTER = 1, PROGRAM_EXECUTOR = 2 };

/* All values are set: given, or the table's default. Strings are owned by the struct. */
struct config {
    /* both */
    char *redis_url;
    char *redis_ca_file; /* these four: "" is none */
    char *redis_cert_file;
    char *redis_key_file;
    char *redis_server_name;
    char *redis_verify; /* "true" or "false" */
    char *prefix;
    char *languages_dir;
    char *languages; /* "all" or names */
    char *log_level;
    char *log_file; /* "": standard error */
    char *metrics;  /* "true": they are collected and shown */
    int64_t redis_deadline_ms;
    int64_t result_ttl_s;
    int64_t queue_ttl_s;
    int64_t lease_ms;
    int64_t max_attempts;
    int64_t queue_cap;
    int64_t max_cpu_ms; /* ceilings of a submission's limits */
    int64_t max_wall_ms;
    int64_t max_memory_mb;
    int64_t max_processes;
    int64_t max_output_kb;
    int64_t max_file_kb;
    int64_t max_cpus_milli;
    /* master */
    char *host;
    int64_t port;
    char *mode;        /* "both", "grpc" or "http" */
    int64_t grpc_port; /* 0: any free one */
    int64_t max_body_kb;
    int64_t max_connections;
    int64_t max_held_mb;
    int64_t max_code_bytes;
    int64_t max_tests;
    int64_t max_files;
    int64_t max_wait_s;
    int64_t execute_wait_s; /* POST /execute waits this long without being asked (clients of 000 and 004); 0: not */
    char *keys_file;        /* "" is none */
    char *api_keys;         /* the same lines as the file's, ";" between */
    char *allow_open;       /* "true": a public address may be served without keys */
    char *open_routes;
    char *callback_secret; /* "": no callbacks */
    char *callback_allow;
    int64_t callback_attempts;
    int64_t callback_timeout_ms;
    int64_t callback_pause_ms; /* before the second attempt */
    int64_t heartbeat_s;       /* of an event stream */
    int64_t v1_timeout_s;      /* of a run that the v1 dialect gives none */
    char *log_requests;        /* "off", "line" or "bodies" */
    char *code_policy;
    int64_t policy_nesting; /* 0: no limit, as the next two */
    int64_t policy_line;
    int64_t policy_tokens;
    char *trusted_proxies;
    char *cors_origins;
    int64_t rate_ip; /* requests a minute; 0: no limit */
    int64_t rate_ip_burst;
    int64_t rate_key;
    int64_t rate_key_burst;
    int64_t request_timeout_s; /* of reading a request; and the keep-alive's idle time */
    /* executor */
    int64_t metrics_port; /* 0: none */
    char *metrics_host;
    char *executor_id; /* "" makes one from the first language and the host's name */
    int64_t slots;     /* 0: as many as processors */
    char *box_path;    /* "" is sentinel-box beside this program */
    char *min_tier;
    char *cgroup; /* "auto", "off", or a path beneath which to make groups */
    int64_t job_timeout_s;
    int64_t drain_s;     /* on SIGTERM: finish for this long, then give back */
    int64_t max_jobs;    /* end after so many; 0: never */
    int64_t idle_exit_s; /* end when there was no job for this long; 0: never */
    char *scratch_dir;   /* tier B's */
    int64_t scratch_mb;
    int64_t job_output_kb; /* kept output of a whole job */
    int64_t program_cache_mb;
};

enum config_action { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_SETTINGS };

/* Options over variables over defaults. EINVAL: the message has the setting's name, the value and what is allowed.
 * *ret_action: what to do instead of running; on HELP, VERSION and SETTINGS the text has been printed. */
int config_load(struct config *ret_config, enum program program, int argc, char **argv, enum config_action *ret_action,
                struct err *err) MUST_USE;
void config_finish(struct config *config);

#endif
