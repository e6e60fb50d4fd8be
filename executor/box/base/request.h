/* What the box is told: its options, once, and by them a request. */
#ifndef SENTINEL_BOX_REQUEST_H
#define SENTINEL_BOX_REQUEST_H

#include "box_protocol.h"
#include "util.h"

enum { BOX_GRANTS_MAX = 64 };

/* Fixed once the options are read. */
struct config {
    struct box_limits most;
    uint32_t slot;
    uint32_t uid_base;
    const char *grants[BOX_GRANTS_MAX];
    size_t grant_count;
    const char *languages; /* the folder that programs see as BOX_LANGUAGES, our working directory too; NULL: none */
    const char *cgroup;    /* "auto", "off" or a path in the hierarchy */
    const char *scratch;   /* the folder in which tier B makes directories */
    uint32_t tier;         /* that was asked for by name, BOX_TIER_NONE: the best there is */
    bool probe, sweep;
    bool two_ids; /* the keeper is root; else the launcher and the program share its id */
};

/* The limits, as requests and as the options that set their ceilings have them. */
struct limit_field {
    const char *name;
    size_t offset, size; /* in struct box_limits */
    uint64_t least;
    const char *option, *help; /* NULL: no option */
    uint64_t unit, standard, largest;
};
enum { LIMIT_FIELDS = 9 };
extern const struct limit_field limit_fields[LIMIT_FIELDS];
void limit_set(struct box_limits *l, const struct limit_field *f, uint64_t value);

/* A request taken apart; the pointers lead into the message's bytes. */
struct request {
    struct box_request head;
    const struct box_file *files;
    char *argv[BOX_ARGS_MAX + 1];
    char *env[BOX_ARGS_MAX + 2]; /* room for one that the box adds */
    char *names[BOX_FILES_MAX];
    char *collect[BOX_COLLECT_MAX];
};

/* NULL, or what is wrong with the message (good until the next call). `bytes` is aligned for struct box_request. */
const char *request_parse(char *bytes, size_t len, const struct box_limits *most, struct request *ret_request) MUST_USE;
/* The run's stdin, reopened for reading: the program gets an offset of its own and no way to write to what other runs
 * will read. -1: it is neither /dev/null nor sealed; and no socket, where the request says that it is one. */
int request_open_stdin(const struct request *r, int fd);
bool request_bundle_is_whole(const struct request *r, int fd);

/* Writes the request's files into the work directory; or, ahead of them, makes the folders that they will be in. 0 or
 * -errno, and `step` names what failed. */
int request_make_folders(const struct request *r, int work_fd, char step[128]) MUST_USE;
int request_write_files(const struct request *r, int work_fd, int bundle_fd, char step[128]) MUST_USE;

/* Tier B, where names are the host's: moves /work and /tmp in the environment into `scratch`, and BOX_LANGUAGES in
 * environment and arguments to where it is. Arguments are else left: they may be data. */
void request_move_words(struct request *r, const struct config *config, const char *scratch);

#endif
