"""A system call filter that stands before the box: makes calls that it could do without fail, as an older kernel or the
filter of a container does. Written as BPF by hand, so that it needs nothing but Python."""

import ctypes
import errno
import struct

NUMBERS = {
    "clone": 56, "clone3": 435, "close_range": 436, "landlock_add_rule": 445, "landlock_create_ruleset": 444,
    "landlock_restrict_self": 446, "memfd_create": 319, "mount": 165, "mount_setattr": 442, "openat2": 437,
    "pidfd_open": 434, "pidfd_send_signal": 424, "pivot_root": 155, "seccomp": 317, "setns": 308, "umount2": 166,
    "unshare": 272,
}
NAMESPACES = 0x7E020000  # of clone's flags
LOAD, JUMP_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NUMBER_AT, FIRST_ARGUMENT_AT = 0, 16
PR_SET_SECCOMP, MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38


def instruction(code, value, if_true=0, if_false=0):
    return struct.pack("=HBBI", code, if_true, if_false, value)


def program(errors, namespaces=None):
    """`errors`: what each call fails with. `namespaces`: and clone with a flag for a new one."""
    code = [instruction(LOAD, NUMBER_AT)]
    for name, error in errors.items():
        code += [instruction(JUMP_EQUAL, NUMBERS[name], 0, 1), instruction(RETURN, ERROR | error)]
    if namespaces is not None:
        code += [instruction(JUMP_EQUAL, NUMBERS["clone"], 0, 3), instruction(LOAD, FIRST_ARGUMENT_AT),
                 instruction(JUMP_SET, NAMESPACES, 0, 1), instruction(RETURN, ERROR | namespaces)]
    return b"".join([*code, instruction(RETURN, ALLOW)])


def shim(errors, namespaces=None):
    """A function that puts this filter, and no_new_privs, on whoever calls it and on all that it starts."""
    code = program(errors, namespaces)
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)

    def install():
        for option, *arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0), (PR_SET_SECCOMP, MODE_FILTER, head)):
            if libc.prctl(option, *arguments, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl")
        assert buffer

    return install


# What containerd's RuntimeDefault refuses a pod of Pod Security `restricted`, of what a box could ask for.
RUNTIME_DEFAULT = {"clone3": errno.ENOSYS, **dict.fromkeys(("mount", "mount_setattr", "pivot_root", "setns", "umount2",
                                                            "unshare"), errno.EPERM)}
