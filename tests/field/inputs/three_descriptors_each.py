"""Right: three descriptors for each client, as one with a pipe or a backend has; how many is its own affair."""

import os
import select
import socket
import sys
import time


def turn(client, owed):
    """Send what is owed, or read; return whether the client stays."""
    try:
        if owed:
            del owed[: client.send(owed)]
            return True
        data = client.recv(65536)
        owed += data
        return bool(data)
    except BlockingIOError:
        return True
    except OSError:
        return False


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
    poller, clients = select.epoll(), {}
    poller.register(listener, select.EPOLLIN)
    while True:
        for fd, _ in poller.poll():
            if fd == listener.fileno():
                try:
                    client = listener.accept()[0]
                    client.setblocking(False)
                    clients[client.fileno()] = (client, os.pipe(), bytearray())
                    poller.register(client, select.EPOLLIN)
                except OSError:
                    time.sleep(0.05)
                continue
            client, pipe, owed = clients[fd]
            if turn(client, owed):
                poller.modify(fd, select.EPOLLOUT if owed else select.EPOLLIN)
                continue
            del clients[fd]
            client.close()
            os.close(pipe[0])
            os.close(pipe[1])
