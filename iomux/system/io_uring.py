"""io_uring: two rings in memory that this process and the kernel share.

The process writes *entries* (what it wants done) into the submission ring and moves its tail; the kernel takes them
and moves the head. When an operation is over, the kernel writes a *completion* into the other ring and moves that
tail; the process reads it and moves the head. Each index has one writer, so no lock is needed. One system call,
io_uring_enter, hands over any number of entries and waits for completions; under SQPOLL not even that is needed.

*Readiness* means that a call would not wait; *completion* means that it is done. So memory is lent: from submission
to completion a buffer belongs to the kernel, and `Ring` keeps a reference to it.

Cost: some 3 µs of Python for an entry and its completion, and a share of one system call. Sources: io_uring(7),
io_uring_setup(2), io_uring_enter(2); io_uring/io_uring.c; names in capitals: include/uapi/linux/io_uring.h.
"""

import contextlib
import ctypes
import errno
import os
import socket
import threading
from typing import Any

from iomux.system import io_uring_abi as uapi
from iomux.system.io_uring_abi import Lent, lend

Completion = tuple[Any, int, bool]
"""One finished operation, or one client of an accept: the token that was given with the entry; what the system call
would have returned (a negative errno if it failed); whether the entry will complete again. Where the kernel chose the
buffer (`io_uring_buffers`), the token is a pair: the one given, and the buffer's number."""


class Ring:
    """An io_uring: queue operations, submit them, collect their completions; close it, or use contextlib.closing.

    entries: room in the submission ring; the kernel rounds it up to a power of two. completions: room in the
    completion ring, by default twice as much. setup: SETUP_SQPOLL lets a kernel thread take the entries; it falls
    asleep after `idle_ms` without any, and with SETUP_SQ_AFF runs on the core `cpu`. SETUP_COOP_TASKRUN lets the
    kernel finish its work at our next system call instead of interrupting us. Raises OSError where io_uring
    is missing or forbidden.

    Example:
    >>> from iomux.system.io_uring import Ring
    >>> ring = Ring(8)
    >>> ring.nop("a token"), ring.wait(), ring.close()
    (1, [('a token', 0, False)], [])
    """

    def __init__(
        self, entries: int = 256, completions: int = 0, setup: int = 0, idle_ms: int = 1000, cpu: int = 0
    ) -> None:
        self.sqpoll = bool(setup & uapi.SETUP_SQPOLL)
        setup |= uapi.SETUP_CQSIZE if completions else 0
        params = bytearray(uapi.PARAMS.pack(0, completions, setup, cpu, idle_ms, *[0] * 16))
        self.fd = uapi.call(uapi.SETUP, entries, uapi.address_of(params)[0])
        self.entries, self.size, _, _, _, features, _, *offsets = uapi.PARAMS.unpack(params)
        self.enters = self._queued = self._numbers = 0
        self._pending: dict[int, tuple[Any, Any]] = {}
        self._early: list[Completion] = []
        self._fence = threading.Lock()
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(os.close, self.fd)
            if not features & uapi.FEAT_SINGLE_MMAP or not features & uapi.FEAT_NODROP:
                raise OSError(errno.ENOSYS, "this kernel's io_uring is older than Linux 5.5")
            mapped = uapi.map_rings(self.fd, self.entries, self.size, offsets[:7], offsets[7:])
            self.rings, self.sqes, sq, cq, self._cqes = mapped
            self._sq_head, self._sq_tail, self._sq_flags = sq
            self._cq_head, self._cq_tail = cq
            on_failure.pop_all()
        _open.add(self)

    def queue(
        self, opcode: int, fd: int, memory: Lent, token: Any,
        flags: int = 0, ioprio: int = 0, offset: int = 0, op_flags: int = 0, group: int = 0,
    ) -> int:  # fmt: skip
        """Write one entry; nothing happens before `submit`. Returns its number, for `cancel`.

        memory: what the kernel reads or writes; kept until the completion. token: returned with it. A full ring is
        submitted first. group: the number of provided buffers.
        """
        while (self._queued - self._sq_head.value) & uapi.WORD >= self.entries:
            self._enter(0, uapi.ENTER_SQ_WAIT)
        self._numbers = number = self._numbers + 1
        slot = uapi.SQE.size * (self._queued & (self.entries - 1))
        address, size, _ = memory
        uapi.SQE.pack_into(self.sqes, slot, opcode, flags, ioprio, fd, offset, address, size, op_flags, number, group)
        self._pending[number] = token, memory  # after packing: an entry that could not be written would never complete
        self._queued = (self._queued + 1) & uapi.WORD
        return number

    def nop(self, token: Any = None) -> int:
        """Queue an operation that does nothing; completes with 0."""
        return self.queue(uapi.OP_NOP, -1, uapi.NOTHING, token)

    def accept(self, listener: int, token: Any = None) -> int:
        """Accept clients (multishot, Linux 5.19): each completes with its descriptor, the last one without `more`."""
        quiet = socket.SOCK_CLOEXEC
        return self.queue(uapi.OP_ACCEPT, listener, uapi.NOTHING, token, 0, uapi.ACCEPT_MULTISHOT, 0, quiet)

    def recv(self, fd: int, memory: Lent, token: Any = None, flags: int = 0, msg_flags: int = 0) -> int:
        """Receive; completes with the number of bytes, often less than there is room for; 0 at the stream's end."""
        return self.queue(uapi.OP_RECV, fd, memory, token, flags, 0, 0, msg_flags)

    def send(self, fd: int, data: bytes, token: Any = None, skip: int = 0, flags: int = 0, msg_flags: int = 0) -> int:
        """Send what follows the first `skip` bytes; completes with the number of bytes taken, maybe not all."""
        if not 0 <= skip <= len(data):
            raise ValueError(f"skip is {skip}: choose from 0 to {len(data)}, as many bytes as there are")
        keep = ctypes.c_char_p(data)
        memory = Lent(ctypes.c_size_t.from_buffer(keep).value + skip, len(data) - skip, keep)
        return self.queue(uapi.OP_SEND, fd, memory, token, flags, 0, 0, socket.MSG_NOSIGNAL | msg_flags)

    def timeout(self, seconds: float, token: Any = None, linked: bool = False) -> int:
        """Complete with -ETIME after `seconds`, at least 0; `linked` also ends the entry before it (IOSQE_IO_LINK)."""
        if not seconds >= 0:
            raise ValueError(f"seconds is {seconds}: choose 0 or more")
        when = lend(bytearray(uapi.TIMESPEC.pack(int(seconds), int(seconds % 1 * 1e9))))
        return self.queue(uapi.OP_LINK_TIMEOUT if linked else uapi.OP_TIMEOUT, -1, when._replace(size=1), token)

    def cancel(self, number: int, token: Any = None) -> int:
        """End operation `number` with -ECANCELED; completes with 0, or if too late with -ENOENT or -EALREADY."""
        return self.queue(uapi.OP_ASYNC_CANCEL, -1, Lent(number, 0, None), token)

    def submit(self) -> None:
        """Hand over what is queued: one system call; none under SQPOLL while the kernel's thread is awake."""
        self._enter(0, 0)

    def wait(self, count: int = 1) -> list[Completion]:
        """Submit what is queued, wait until `count` operations are over, and return all that are."""
        found: list[Completion] = []
        while True:
            if not self._pending and not self._early:
                raise ValueError(f"only {len(found)} operations were under way: waiting for {count} would never end")
            missing = min(count - len(found) - len(self._early), len(self._pending))
            self._enter(max(0, missing), uapi.ENTER_GETEVENTS)
            found += self.completions()
            if len(found) >= count:
                return found

    def completions(self) -> list[Completion]:
        """The completions so far. No system call, unless the kernel holds some for which the ring had no room."""
        found, self._early = self._early + self._reap(), []
        while self._sq_flags.value & uapi.SQ_CQ_OVERFLOW:
            self.enters += 1
            uapi.call(uapi.ENTER, self.fd, 0, 0, uapi.ENTER_GETEVENTS)
            found += self._reap()
        return found

    def _enter(self, completions: int, flags: int) -> None:
        self._sq_tail.value = self._queued
        while True:
            if self.sqpoll:
                with self._fence:  # taking a lock is a memory barrier: the tail is out before the flag is read
                    flags |= uapi.ENTER_SQ_WAKEUP if self._sq_flags.value & uapi.SQ_NEED_WAKEUP else 0
                if not flags:
                    return
            count = (self._queued - self._sq_head.value) & uapi.WORD
            self.enters += 1
            try:
                if uapi.call(uapi.ENTER, self.fd, count, completions, flags) == count:
                    return  # if not, it stopped at a faulty entry, which completes with its error: continue after it
            except OSError as error:
                if error.errno not in (errno.EBUSY, errno.EAGAIN) or not (early := self._reap()):
                    raise
                self._early += early  # the kernel accepts no entries until we have taken some completions

    def _reap(self) -> list[Completion]:
        found = []
        head, tail = self._cq_head.value, self._cq_tail.value
        while head != tail:
            slot = self._cqes + uapi.CQE.size * (head & (self.size - 1))
            number, result, flags = uapi.CQE.unpack_from(self.rings, slot)
            more = bool(flags & uapi.CQE_F_MORE)
            token, _ = self._pending[number] if more else self._pending.pop(number)
            token = (token, flags >> uapi.CQE_BUFFER_SHIFT) if flags & uapi.CQE_F_BUFFER else token
            found.append((token, result, more))
            head = (head + 1) & uapi.WORD
        self._cq_head.value = head
        return found

    def close(self) -> list[Completion]:
        """Cancel all operations, wait for their end (their memory is the kernel's until then), and free the ring.

        Returns what completed meanwhile: the caller still has to close a client that was accepted just then.
        """
        found: list[Completion] = []
        if self.fd >= 0:
            for number in list(self._pending):
                self.cancel(number)
            while self._pending:
                found += self.wait()
            del self._sq_head, self._sq_tail, self._sq_flags, self._cq_head, self._cq_tail  # they hold the mappings
            self.rings.close()
            self.sqes.close()
            os.close(self.fd)
            self.fd = -1
            _open.discard(self)
        return found


_open: set[Ring] = set()  # a Ring is never collected unless closed: the kernel may still write to lent memory
