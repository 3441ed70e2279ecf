/* A bare epoll echo client: the yardstick for the load generator.
 *
 * usage: epoll_client PORT CONNECTIONS ACTIVE SIZE SECONDS
 *
 * Closed loop on 127.0.0.1: `ACTIVE` of `CONNECTIONS` connections, spread evenly, have one request of SIZE
 * bytes in flight. A tenth of SECONDS is warm-up. Every reply is compared. Prints one line:
 * requests, requests per second, median latency in nanoseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 20000, LARGEST = 65536 };
static int64_t started[MOST + 64];
static uint32_t serial[MOST + 64];
static size_t got[MOST + 64];
static char expected[LARGEST], reply[LARGEST];

static void fail(const char *what) { perror(what); exit(1); }

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Each request differs from the one before in its first bytes, so that a stale answer is seen. */
static void ask(int fd, size_t size) {
    serial[fd]++;
    memcpy(expected, &serial[fd], size < sizeof serial[fd] ? size : sizeof serial[fd]);
    got[fd] = 0;
    started[fd] = now();
    if (send(fd, expected, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
}

static int connect_one(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) fail("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 6) { fprintf(stderr, "usage: epoll_client PORT CONNECTIONS ACTIVE SIZE SECONDS\n"); return 2; }
    int port = atoi(argv[1]), connections = atoi(argv[2]), active = atoi(argv[3]);
    size_t size = atoi(argv[4]);
    double seconds = atof(argv[5]);
    if (connections > MOST || active > connections || size < 4 || size > LARGEST) return 2;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (size_t i = 0; i < size; i++) expected[i] = (char)(i * 31 + 7);

    int epoll = epoll_create1(0), *fds = malloc(connections * sizeof *fds);
    for (int i = 0; i < connections; i++) {
        fds[i] = connect_one(port);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) < 0) fail("epoll_ctl");
    }
    int64_t begin = now(), from = begin + seconds * 1e8, until = begin + seconds * 1e9, count = 0, room = 1 << 24;
    int64_t *latencies = malloc(room * sizeof *latencies);
    for (int i = 0; i < active; i++) ask(fds[(int64_t)i * connections / active], size);
    struct epoll_event ready[1024];
    int64_t time = begin;
    while (time < until) {
        int n = epoll_wait(epoll, ready, 1024, 1000);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            ssize_t r = recv(fd, reply, size - got[fd], MSG_DONTWAIT);
            if (r <= 0) fail("recv");
            memcpy(expected, &serial[fd], sizeof serial[fd]);
            if (memcmp(reply, expected + got[fd], r)) { fprintf(stderr, "wrong reply\n"); return 1; }
            if ((got[fd] += r) < size) continue;
            time = now();
            if (time >= from && count < room) latencies[count++] = time - started[fd];
            ask(fd, size);
        }
        time = now();
    }
    if (!count) { fprintf(stderr, "no replies\n"); return 1; }
    qsort(latencies, count, sizeof *latencies, by_value);
    printf("%lld %.1f %lld\n", (long long)count, count / ((time - from) / 1e9), (long long)latencies[count / 2]);
    return 0;
}
