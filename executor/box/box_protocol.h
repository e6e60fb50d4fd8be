/* The words between an executor and a sentinel-box, over one SOCK_SEQPACKET pair (the box's descriptor 3).
 *
 *   box → executor   struct box_hello, once, with one descriptor: the output area (a memfd, see below)
 *   executor → box   struct box_request + tables + strings, with two descriptors: stdin, and the bundle of input files
 *   box → executor   struct box_reply for that request, with one descriptor when files were collected
 *   executor → box   struct box_cancel, at any time: the run with that id is killed and answered
 *
 * One run at a time. Either side's end of file ends the box and all it started. Fixed-width host-order integers: both
 * ends are the same build on the same machine, which `magic` and `version` check.
 *
 * A request's bytes:  struct box_request
 *                     struct box_file   × file_count      what to write into the work directory, in order
 *                     argv, env, file names, collect names: NUL-terminated strings, in this order, back to back
 * The bundle descriptor holds the files' contents back to back, in order. stdin is a memfd after box_seal(), or
 * /dev/null, or what BOX_WAY_RESIDENT says.
 *
 * The executor starts it as (one value an option, each given; --grant once for each path):
 *   sentinel-box --slot N --max-cpu-ms N --max-wall-ms N --max-memory-mb N --max-processes N --max-output-kb N
 *                --max-file-kb N --max-scratch-mb N --max-cpus-milli N --cgroup auto|off|PATH --grant PATH…
 *                [--languages PATH] [--scratch PATH] [--tier best|A|A-|B]
 *
 * The output area has 2 × output_max bytes: what was kept of stdout from 0, of stderr from output_max. It is valid from
 * the reply until the next request. */
#ifndef SENTINEL_BOX_PROTOCOL_H
#define SENTINEL_BOX_PROTOCOL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>

#define BOX_MAGIC 0x53424f58u /* "SBOX" */
#define BOX_VERSION 2u

#define BOX_LANGUAGES "/languages" /* where a box shows the folder that --languages names, read-only */

enum {
    BOX_FD = 3,                   /* the socket, in the box */
    BOX_MESSAGE_MAX = 128 * 1024, /* bytes of one request; both ends set SO_SNDBUF for it */
    BOX_FILES_MAX = 256,
    BOX_COLLECT_MAX = 256,
    BOX_ARGS_MAX = 1024, /* of argv and of env, each */
    BOX_NAME_MAX = 255,
    BOX_TIME_MAX_MS = 86400000, /* the largest ceiling of time that it can be started with */
};

enum box_type { BOX_TYPE_HELLO = 1, BOX_TYPE_REQUEST, BOX_TYPE_REPLY, BOX_TYPE_CANCEL };

/* Filters: what a step may call. A compiler may start processes; a run may as its language says (limits.processes). */
enum box_profile { BOX_PROFILE_RUN, BOX_PROFILE_COMPILE };

enum box_tier { BOX_TIER_NONE, BOX_TIER_B, BOX_TIER_A_MINUS, BOX_TIER_A };

/* Each is probed by doing; `off` in the hello's detail says why it is not there. */
enum box_mechanism {
    BOX_MECH_USER_NS,
    BOX_MECH_PID_NS,
    BOX_MECH_MOUNT_NS,
    BOX_MECH_NET_NS,
    BOX_MECH_IPC_NS,
    BOX_MECH_UTS_NS,
    BOX_MECH_CGROUP_NS,
    BOX_MECH_SECCOMP,
    BOX_MECH_LANDLOCK,
    BOX_MECH_CGROUP_MEMORY,
    BOX_MECH_CGROUP_PIDS,
    BOX_MECH_CGROUP_CPU,
    BOX_MECH_COUNT,
};

struct box_hello {
    uint32_t magic;
    uint32_t version;
    uint32_t type;           /* BOX_TYPE_HELLO */
    uint32_t tier;           /* enum box_tier */
    uint64_t output_max;     /* bytes per stream in the output area */
    uint32_t landlock_abi;   /* 0: none */
    uint32_t cgroup_version; /* 0: none, 1, 2 */
    struct {
        uint8_t on;
        char detail[95]; /* why it is off, or a figure; NUL-terminated */
    } mechanism[BOX_MECH_COUNT];
    uint64_t memory_bytes; /* tier B: all of the container that its runs are in; 0: no limit is known */
};

/* Each is checked against the ceiling that the box was started with; above it the request is refused and logged. */
struct box_limits {
    uint64_t cpu_us;
    uint64_t wall_us;
    uint64_t memory_bytes;
    uint64_t output_bytes;  /* kept of each stream; a stream past it ends the run */
    uint64_t file_bytes;    /* RLIMIT_FSIZE */
    uint64_t scratch_bytes; /* size of the work tmpfs, /tmp has the same; in tier B of all together */
    uint64_t stack_bytes;   /* RLIMIT_STACK */
    uint32_t processes;     /* processes and threads; 1: may not create any */
    uint32_t cpus_milli;
};

struct box_file {
    uint64_t size;
    uint32_t executable; /* 0: mode 0444, 1: 0555; of a collected file: it has such a mode, or is an ELF file */
    uint32_t reserved;
};

struct box_request {
    uint32_t magic;
    uint32_t version;
    uint32_t type;    /* BOX_TYPE_REQUEST */
    uint32_t profile; /* enum box_profile */
    uint64_t id;
    struct box_limits limits;
    uint32_t argc;
    uint32_t envc;
    uint32_t file_count;
    uint32_t collect_count; /* wanted from the work directory when the program exited 0: a file's path, or a
                             * directory's path with "/" behind it for every regular file beneath; what is not there,
                             * not regular, or linked twice is left out */
    uint64_t collect_max;   /* bytes of all collected files together */
    uint32_t warm;          /* enum box_warm_way */
    uint32_t servers;       /* 0; between the box's own processes: how many interpreters live that runs are forks of */
    uint32_t ahead; /* 0; between the box's own processes: 1 when files and input are to come in a second request */
    uint32_t reserved;
};

/* How a run may be spared the start of its interpreter, where that can be had. */
enum box_warm_way {
    BOX_WAY_COLD,
    BOX_WAY_FORK, /* argv is an interpreter's whose script is the first file: in a fork of one that is started already
                   */
    BOX_WAY_TAKE, /* in a process that was started ahead for a request like this one */
    BOX_WAY_HOLD, /* likewise; and when it is answered, the next such process is started. Not in tier B */
    BOX_WAY_RESIDENT, /* cold; it is a compiler that stays, and its stdin is a stream socket to who asks for it */
};

struct box_cancel {
    uint32_t magic;
    uint32_t version;
    uint32_t type; /* BOX_TYPE_CANCEL */
    uint32_t reserved;
    uint64_t id;
};

enum box_status {
    BOX_OK = 0,  /* it ran; `cause` and the figures tell how it ended */
    BOX_REFUSED, /* above a ceiling or malformed: `message` says what; nothing ran */
    BOX_FAILED,  /* the box could not set the run up: `message` names the step; the program never ran */
};

/* Whose start the run was spared. */
enum box_warmth {
    BOX_COLD,         /* nobody's: argv was exec'd */
    BOX_WARM,         /* the interpreter's */
    BOX_WARM_STARTED, /* likewise, and the interpreter was started for it first */
};

/* Who ended the run. */
enum box_cause {
    BOX_CAUSE_SELF = 0, /* it exited, or died of a signal that was not ours */
    BOX_CAUSE_CPU,
    BOX_CAUSE_WALL,
    BOX_CAUSE_MEMORY, /* the memory cgroup killed something, or the poll did; of the container's: `message` says so */
    BOX_CAUSE_OUTPUT,
    BOX_CAUSE_CANCEL,    /* with BOX_OK and figures of zero when the program had not begun yet */
    BOX_CAUSE_SCRATCH,   /* tier B: its files became more than scratch_bytes, or too many */
    BOX_CAUSE_PROCESSES, /* tier B: it was seen to have more than `processes` */
};

struct box_reply {
    uint32_t magic;
    uint32_t version;
    uint32_t type;   /* BOX_TYPE_REPLY */
    uint32_t status; /* enum box_status */
    uint64_t id;
    uint32_t cause;     /* enum box_cause */
    int32_t exit_code;  /* of the program, -1 when it did not exit */
    int32_t signal;     /* that ended it, 0 when none */
    uint32_t collected; /* files: struct box_file × collected stand behind this struct, then their names as strings;
                         * the descriptor that comes along is a sealed memfd of their contents back to back, so it can
                         * be the bundle of a later request as it is */
    uint64_t cpu_us;
    uint64_t wall_us;
    uint64_t runqueue_us;       /* time its threads waited for a processor; known when cause is wall, else 0. Of those
                                 * that are dead by then only with cgroup v2 */
    uint64_t memory_peak_bytes; /* the box's own baseline taken off */
    uint64_t oom_kills;
    uint64_t stdout_kept;
    uint64_t stdout_total; /* bytes read from it, kept or not */
    uint64_t stderr_kept;
    uint64_t stderr_total;
    uint32_t setup_us;   /* from the request to the program's exec */
    uint32_t cleanup_us; /* from the program's end to the reply */
    uint32_t warm;       /* enum box_warmth */
    uint32_t reserved;
    char message[256];
};

/* Seals a memfd that nobody has mapped, for good. 0 or -errno.
 *
 * F_SEAL_WRITE fails with EBUSY when something else holds one of the pages: the kernel cannot tell a passing reference
 * of its own (compaction, a batch on its way to a list of pages) from I/O that still writes, and gives the holder 150
 * ms. F_SEAL_FUTURE_WRITE does not ask, and forbids the same to all but existing mappings, of which there are none. It
 * is not the first choice because kernels that do not know it (gVisor) may take it and do nothing. */
static inline int box_seal(int fd)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    if (fcntl(fd, F_ADD_SEALS, seals | F_SEAL_WRITE) == 0)
        return 0;
    if (errno == EBUSY && fcntl(fd, F_ADD_SEALS, seals | F_SEAL_FUTURE_WRITE) == 0)
        return 0;
    return -errno;
}

/* Whether it was. */
static inline bool box_is_sealed(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS), size = F_SEAL_SHRINK | F_SEAL_GROW;
    return seals >= 0 && (seals & size) == size && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0;
}

#endif
