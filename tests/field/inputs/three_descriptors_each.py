"""Right: three descriptors for each client, as one with a pipe or a backend has; how many is its own affair."""

import os
import select
import socket
import sys
import time


def answered(client):
    try:
        data = client.recv(65536)
        client.sendall(data)
    except OSError:
        return False
    return bool(data)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
    poller, clients = select.epoll(), {}
    poller.register(listener, select.EPOLLIN)
    while True:
        for fd, _ in poller.poll():
            if fd == listener.fileno():
                try:
                    client = listener.accept()[0]
                    clients[client.fileno()] = (client, os.pipe())
                    poller.register(client, select.EPOLLIN)
                except OSError:
                    time.sleep(0.05)
            elif not answered(clients[fd][0]):
                client, pipe = clients.pop(fd)
                client.close()
                os.close(pipe[0])
                os.close(pipe[1])
