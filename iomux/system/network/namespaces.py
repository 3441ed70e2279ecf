"""Network namespaces: each has devices, addresses, routes, ports and sockets of its own (network_namespaces(7)).

A process makes one by unshare(2) and enters one by setns(2); its children stay inside, and a socket stays in the
namespace that it was made in, whichever process holds it. A namespace has no name here: it lives as long as a process
is in it, or a descriptor or a socket of it is open, so nothing of it can be left behind.

unshare(CLONE_NEWNET) needs CAP_SYS_ADMIN. Without that right a process first makes a *user* namespace, in which it has
every right, over what belongs to that namespace only (user_namespaces(7)); many systems allow this to any user, some
do not. A process with several threads can't enter a user namespace: it is entered by a new process, at its start.

Cost: an unshare takes some 10 ms, because the kernel builds a network for each; a setns takes 20 µs.
"""

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator

_NEWUSER, _NEWNET = 0x1000_0000, 0x4000_0000  # linux/sched.h
_MINE = "/proc/self/ns/net"


class Forbidden(OSError):
    """This machine does not allow it; the message says what, and why."""

    def __str__(self) -> str:
        return str(self.strerror)


def join(descriptors: Iterable[int]) -> None:
    """Enter the namespaces that these descriptors stand for, in their order, and close them. Raises OSError."""
    for descriptor in descriptors:
        _call("setns", descriptor, 0)
        os.close(descriptor)


@contextlib.contextmanager
def inside(descriptor: int) -> Iterator[None]:
    """Be in another network namespace meanwhile; for a process with one thread, and CAP_SYS_ADMIN in both of them."""
    mine = os.open(_MINE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", descriptor, _NEWNET)
        yield
    finally:
        _call("setns", mine, _NEWNET)
        os.close(mine)


def new_network() -> int:
    """Move this process to a new, empty network namespace; return a descriptor of it. Raises Forbidden."""
    try:
        _call("unshare", _NEWNET)
    except OSError as error:
        raise _forbidden("net", error) from None
    return os.open(_MINE, os.O_RDONLY | os.O_CLOEXEC)


def new_user() -> int:
    """Move this process to a new user namespace, where it has every right; return a descriptor. Raises Forbidden.

    It keeps its user and group ids in it, and there are no others.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        _call("unshare", _NEWUSER)
        for name, text in (("uid_map", f"{user} {user} 1"), ("setgroups", "deny"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # in this order: user_namespaces(7)
                file.write(text)
    except OSError as error:
        raise _forbidden("user", error) from None
    return os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)


def _forbidden(kind: str, error: OSError) -> Forbidden:
    causes = {
        errno.EPERM: "a container's seccomp filter, AppArmor or a setting of the kernel forbids it",
        errno.EACCES: "AppArmor or another security module forbids it",
        errno.ENOSPC: f"/proc/sys/user/max_{kind}_namespaces allows no more of them",
        errno.ENOSYS: "the kernel was built without them, or a container hides them",
        errno.EINVAL: "the kernel was built without them",
    }
    said = causes.get(error.errno or 0, "the system says no more")
    name = {"net": "network"}.get(kind, kind)
    return Forbidden(error.errno, f"no {name} namespace can be made here ({error.strerror}): {said}")


def _call(name: str, *arguments: int) -> None:
    """One system call by its C function: Python has os.unshare and os.setns since 3.12."""
    import ctypes  # not at the top: each server's process imports this file, and few enter a namespace

    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        raise OSError(errno.ENOSYS, f"this system has no {name}")
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
