/* Languages are data: languages/<name>.json, checked against languages/schema.json's rules at start.
 * A table of them is immutable once loaded. */
#ifndef SENTINEL_LANG_H
#define SENTINEL_LANG_H

#include "job.h"

/* Where a box shows the languages' folder, read-only (BOX_LANGUAGES of its protocol). */
#define LANG_DIR_IN_BOX "/languages"

enum { LANG_OVERHEAD_MAX_MB = 512 };

/* How a step is spared the start of its interpreter (box_protocol.h has the ways). */
enum lang_warm {
    LANG_COLD,
    LANG_FORK,     /* run: in a fork of one that is started already */
    LANG_HOLD,     /* run: in one that was started ahead and waits for it */
    LANG_RESIDENT, /* compile: by a compiler that stays */
};

/* A step that runs in a box. argv elements that are exactly {sources}, {flags} or {args} expand to a list; {main} (the
 * entry file's name), {stem} (that without its suffix), {memoryMb}, {dir} (the languages' folder as the box shows it)
 * and {entry} (what the compile step called it) may stand inside an element. argv[0] is an absolute path or starts with
 * "./". */
struct lang_step {
    char **argv;
    size_t argc;
    char **collect; /* compile: files the step must leave behind, handed to each run */
    size_t collect_count;
    struct limits limits;       /* compile: in force; run: the defaults of a submission */
    int64_t memory_overhead_mb; /* what the runtime takes beside the memory that {memoryMb} gives the program */
    bool cache;                 /* compile: what it leaves may serve later submissions of the same files */
    enum lang_warm warm;
    char **out_of_memory; /* texts on stderr by which the runtime says that it ended for want of memory */
    size_t out_of_memory_count;
};

struct lang_rule {
    char *name;    /* what people are told: "import of subprocess" */
    char *pattern; /* PCRE2, of many lines; masters compile it */
};

struct lang {
    char *dir;  /* the languages' folder, absolute */
    char *name; /* canonical */
    char *display_name;
    char *description;
    char *example;     /* a whole program that reads nothing and prints something */
    char *source_file; /* what `code` is called in the box */
    char **suffixes;   /* files with one of these are {sources}; none: the entry alone */
    size_t suffix_count;
    bool strips_bom;  /* sources lose a byte order mark */
    bool strips_crlf; /* and the carriage return of a line's end */
    char **aliases;
    size_t alias_count;
    char **version_argv; /* prints the version; its first line is shown */
    size_t version_argc;
    bool compiled;
    struct lang_step compile; /* valid when `compiled` */
    struct lang_step run;
    char **env; /* "NAME=value" */
    size_t env_count;
    char **grants; /* absolute host paths that the box shows read-only; patterns are what they matched */
    size_t grant_count;
    struct lang_rule *policy; /* what the code policy looks for, where it is on */
    size_t policy_count;
    struct limits most; /* the ceilings that it was loaded under */
};

struct lang_table {
    struct lang *langs; /* by name, ascending */
    size_t count;
};

/* Ceilings that a language file must stay under (settings). */
struct lang_ceilings {
    struct limits most;
};

/* Loads <dir>/<name>.json of each name in `only` (comma-separated; "all" or NULL: every file). EINVAL: the message has
 * file, field (or line) and what is allowed. With `check_paths` every argv[0] and grant must exist (executors);
 * a language whose toolchain is missing is then left out of an "all" table, and an error when it was named. */
int lang_table_load(const char *dir, const char *only, const struct lang_ceilings *ceilings, bool check_paths,
                    struct lang_table *ret_table, struct err *err) MUST_USE;
void lang_table_finish(struct lang_table *table);

/* By canonical name or alias, NULL when there is none. */
const struct lang *lang_find(const struct lang_table *table, const char *name);

/* What the run is allowed: the submission's limits where set, the language's defaults elsewhere, wall 3 × CPU. */
struct limits lang_resolve_limits(const struct lang *lang, const struct limits *asked);

/* Takes out of the sources (the entry, and {sources}) what the language's file says under "normalize". Lines stay
 * lines. */
void lang_normalize(const struct lang *lang, struct submission *s);

/* argv for a step, NULL-terminated, each string and the array owned by the caller (lang_argv_free). `entry`: NULL for
 * what no compile step named. */
char **lang_argv(const struct lang *lang, const struct lang_step *step, const struct submission *s,
                 const struct limits *limits, const char *entry) MUST_USE;
void lang_argv_free(char **argv);

/* The first line that the version command prints, read for at most 5 s; the caller frees it. */
int lang_detect_version(const struct lang *lang, char **ret_version, struct err *err) MUST_USE;

#endif
