/* Starts that are spared, by warm servers and by programs that are started ahead of their files (way_ahead.c). A server
 * is the very command of a run, exec'd ahead of it by the launcher, with a library (door/) that stops it at the door:
 * the first call by which the interpreter touches its script. There it has started completely and has read nothing of
 * the user's. For each request it then forks an init, which is the cold run's (init.c), and the
 * program that this forks goes on from the door. A server runs no byte of a user's and holds nothing of a request. */
#ifndef SENTINEL_BOX_WARM_H
#define SENTINEL_BOX_WARM_H

#include "confine.h"

/* A server's own descriptors, out of the interpreter's way. Nothing of these reaches a program. */
enum {
    OUTCOME_FD = 199, /* in a program on its way to the door: tells its init how far it came */
    SERVER_SOCKET_FD, /* requests, from the keeper */
    SERVER_HANDOVER_FD,
    SERVER_LIBRARY_FD,
    SERVER_FENCE_FD,
    SERVER_SCRATCH_FD,
};

#define SERVER_PRELOAD "/proc/self/fd/202" /* SERVER_LIBRARY_FD */
#define SERVER_PRELOAD_VARIABLE "LD_PRELOAD=" SERVER_PRELOAD

/* What a server has of its launcher: a sealed memfd with this, the filters' code, and as strings the folder of
 * languages
 * ("": none) and the grants. Pointers are the server's to set. */
struct handover {
    struct config config;
    struct confinement confinement;
    char script[BOX_NAME_MAX + 1];              /* by whose first touch the interpreter is at the door */
    char absolute[PATH_MAX + BOX_NAME_MAX + 8]; /* likewise */
};

/* The library, as it is linked into sentinel-box. */
extern const unsigned char warm_library[];
extern const size_t warm_library_size;

void warm_preload(struct request *r); /* the last in its environment, so that the door can take it off */

/* Whether the request can be a server's, or have one started for it. */
bool warm_suits(const struct request *r);

/* The launcher's, for requests that are no plain runs. Without descriptors: starts a server that is like the request;
 * NOTE_SERVER or NOTE_FAILED goes to the keeper. Else makes the init of a program that is started ahead (way_ahead),
 * which waits beside us. */
launcher_other warm_begin;

/* Of a program that is exec'd, with the library, before there are its files and input: a second request brings them,
 * over the report's socket. */
extern const struct way way_ahead;

#endif
