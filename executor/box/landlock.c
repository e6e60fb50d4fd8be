/* Landlock, which in tier A is a second wall: one prebuilt ruleset against TCP, and against signals and abstract
 * sockets that lead outside. No rule about files: a ruleset that has one also refuses every rename between directories,
 * and the mount namespace says it all. Debian 12's headers end at version 2 of the interface, so the constants are
 * here. */
#include "box.h"

#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

enum {
    CREATE_RULESET_VERSION = 1 << 0,
    NET_BIND_TCP = 1 << 0,               /* from version 4 */
    NET_CONNECT_TCP = 1 << 1,            /* from version 4 */
    SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, /* from version 6 */
    SCOPE_SIGNAL = 1 << 1,               /* from version 6 */
};

struct ruleset {
    uint64_t handled_fs, handled_net, scoped;
};

int landlock_prepare(uint32_t *ret_abi)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    *ret_abi = abi > 0 ? (uint32_t)abi : 0;
    if (abi < 4)
        return -1;
    struct ruleset rules = {.handled_net = NET_BIND_TCP | NET_CONNECT_TCP};
    if (abi >= 6)
        rules.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
    /* An older kernel refuses a struct with bytes set that it does not know; zeroes are fine. */
    return (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
}
