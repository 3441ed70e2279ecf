"""A TUN device: a network interface whose cable ends in a descriptor of a program, in whole IP packets.

What the kernel sends out of the device is read from the descriptor, one packet a read; what is written to the
descriptor arrives at the device. It belongs to the network namespace of the process that makes it, is gone when the
descriptor is closed, and needs CAP_NET_ADMIN there. What the program has not read yet waits in the device's queue, of
500 packets unless it is made longer; then the kernel drops in silence, and counts that in /proc/net/dev.

Cost: a system call for each packet, some 2 µs; in the one that writes, the kernel does the receiver's TCP as well.
Sources: Documentation/networking/tuntap.rst, netdevice(7), net/core/dev_ioctl.c, rtnetlink(7).
"""

import errno
import fcntl
import os
import socket
import struct
from pathlib import Path

from iomux.system.network.namespaces import Forbidden

DEVICE = "/dev/net/tun"
NAME = "tun0"
MTU = 1500
"""The most bytes a packet has, as on an Ethernet."""
QUEUE_PACKETS = 10_000
"""How many packets wait in the device for the program, at most."""
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x4004_54CA, 0x1, 0x1000  # linux/if_tun.h
_SET_FLAGS, _SET_ADDRESS, _SET_NETMASK, _SET_MTU = 0x8914, 0x8916, 0x891C, 0x8922  # linux/sockios.h
_UP_AND_RUNNING = 0x1 | 0x40  # linux/if.h
_NEWLINK, _REQUEST_AND_ACK, _TXQLEN = 16, 0x1 | 0x4, 13  # linux/rtnetlink.h, netlink.h, if_link.h
_MESSAGE, _INTERFACE, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BxHiII"), struct.Struct("=HHI")


def make(address: str, netmask: str) -> int:
    """Make a device with this address in the namespace of this process; return its nonblocking descriptor.

    Its network is what address and netmask say, and loopback is up as well. Raises Forbidden.
    """
    try:
        tun = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Forbidden(error.errno, _why(error)) from None
    try:
        fcntl.ioctl(tun, _TUNSETIFF, _request(struct.pack("=H", _IFF_TUN | _IFF_NO_PI)))
        _set_up(address, netmask)
    except OSError as error:
        os.close(tun)
        raise Forbidden(error.errno, f"{DEVICE} makes no device here: {error.strerror}") from None
    return tun


def _set_up(address: str, netmask: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for call, value in (
            (_SET_ADDRESS, _internet(address)),
            (_SET_NETMASK, _internet(netmask)),
            (_SET_MTU, struct.pack("=i", MTU)),
        ):
            fcntl.ioctl(any_socket, call, _request(value))
        set_queue(NAME, QUEUE_PACKETS)
        for name in ("lo", NAME):
            fcntl.ioctl(any_socket, _SET_FLAGS, _request(struct.pack("=H", _UP_AND_RUNNING), name))


def _request(value: bytes, name: str = NAME) -> bytes:
    """A struct ifreq: the name of a device, and a value (netdevice(7))."""
    return struct.pack("=16s24s", name.encode(), value)


def _internet(address: str) -> bytes:
    """A struct sockaddr_in without a port (ip(7))."""
    return struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_aton(address))


def set_queue(name: str, packets: int) -> None:
    """Set how many packets wait in a device, by netlink: the ioctl for this asks for the rights of the real root."""
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size, _TXQLEN, packets)
    body = _INTERFACE.pack(socket.AF_UNSPEC, 0, socket.if_nametoindex(name), 0, 0) + attribute
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.send(_MESSAGE.pack(_MESSAGE.size + len(body), _NEWLINK, _REQUEST_AND_ACK, 1, 0) + body)
        (number,) = struct.unpack_from("=i", kernel.recv(4096), _MESSAGE.size)  # struct nlmsgerr
    if number:
        raise OSError(-number, os.strerror(-number))


def dropped(name: str = NAME) -> int:
    """How many packets this namespace's device has dropped because its queue was full (proc_net(5), net/core/dev.c)."""
    for line in Path("/proc/self/net/dev").read_text().splitlines():
        device, _, counts = line.partition(":")
        if device.strip() == name:
            return int(counts.split()[11])
    return 0


def _why(error: OSError) -> str:
    causes = {
        errno.ENOENT: "a container may hide it: start it with --device /dev/net/tun",
        errno.EACCES: "this user may not open it (chmod 0666 /dev/net/tun, as root, allows it)",
        errno.EPERM: "a container's rules forbid it: start it with --device /dev/net/tun",
        errno.ENODEV: "the kernel has no TUN driver: modprobe tun, as root",
        errno.ENXIO: "the kernel has no TUN driver: modprobe tun, as root",
    }
    said = causes.get(error.errno or 0, "the system says no more")
    return f"{DEVICE} can't be opened ({error.strerror}): {said}"
