/* A bare epoll echo server: the yardstick for what Python adds.
 *
 * usage: epoll_server FD         FD is a bound, listening TCP socket; serves until killed.
 *
 * Level-triggered, one recv and one send a turn, no handling of partial sends: it is used with messages
 * that fit into every buffer, and its client compares each byte.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[65536];

static void fail(const char *what) { perror(what); exit(1); }

static void watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}

int main(int argc, char **argv) {
    if (argc != 2) { fprintf(stderr, "usage: epoll_server FD\n"); return 2; }
    int listener = atoi(argv[1]), epoll = epoll_create1(0);
    struct epoll_event ready[1024];
    fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK);
    watch(epoll, listener);
    for (;;) {
        int n = epoll_wait(epoll, ready, 1024, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                int client;
                while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) watch(epoll, client);
                continue;
            }
            ssize_t got = recv(fd, buffer, sizeof buffer, 0);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0 || send(fd, buffer, got, MSG_NOSIGNAL) != got) close(fd);
        }
    }
}
