/* A bare epoll echo client: the yardstick for the load generator, and the load of servers that it could not fill.
 *
 * usage: epoll_client PORT CONNECTIONS ACTIVE SIZE WARMUP SECONDS SPIN
 *
 * Closed loop on 127.0.0.1: ACTIVE of CONNECTIONS connections, spread evenly, have one request of SIZE bytes in
 * flight. Every reply is compared. It has to be quicker than a server that does as much, so it is told of each reply
 * once (EPOLLET: a level-triggered epoll looks at each socket again at the next call), and reads its clock once for it.
 * SPIN 1: instead of sleeping it asks again and again, so that the server never has to wake it; every few microseconds
 * only, since each look at the ready list takes its cache line from the server, which adds to it.
 *
 * After WARMUP seconds and the last reply it prints "ready" and waits for a line; then it goes on for SECONDS and until
 * the last reply. It prints, in nanoseconds, how long it took to connect, when the first request was sent and when the
 * last reply came, and the processor time that it used between the two, in one line; then each latency, as int64.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
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

enum { MOST = 20000, LARGEST = 65536, ROOM = 1 << 24, BATCH = 1024 };
static const int64_t SECOND = 1000000000, PATIENCE = 2000000000, PAUSE = 5000;
static int64_t started[MOST + 64], *latencies, count;
static uint32_t serial[MOST + 64];
static size_t got[MOST + 64], size;
static char expected[LARGEST], reply[LARGEST];
static int fds[MOST], epoll, spin, flying;

static void fail(const char *what) { perror(what); exit(1); }

static int64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* Each request differs from the one before in its first bytes, so that a stale answer is seen. */
static void ask(int fd, int64_t at) {
    serial[fd]++;
    memcpy(expected, &serial[fd], sizeof serial[fd]);
    got[fd] = 0;
    started[fd] = at;
    flying++;
    if (send(fd, expected, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
}

static int connect_one(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) fail("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
    return fd;
}

/* Take what came; the clock is read once for each reply, and its client's next request begins at that moment. */
static void answer(int fd, int64_t until) {
    ssize_t r = recv(fd, reply, size - got[fd], MSG_DONTWAIT);
    if (r < 0 && errno == EAGAIN) return; /* two pieces of a reply were taken at once, and the second is told of, too */
    if (r <= 0) fail("recv");
    memcpy(expected, &serial[fd], sizeof serial[fd]);
    if (memcmp(reply, expected + got[fd], r)) { fprintf(stderr, "wrong reply\n"); exit(1); }
    if ((got[fd] += r) < size) return;
    int64_t time = now(CLOCK_MONOTONIC);
    if (count < ROOM) latencies[count++] = time - started[fd];
    flying--;
    if (time < until) ask(fd, time);
}

/* Let the active clients send requests for so long, and take the last replies. */
static void exchange(int connections, int active, int64_t nanoseconds) {
    int64_t until = now(CLOCK_MONOTONIC) + nanoseconds;
    struct epoll_event ready[BATCH];
    count = 0;
    for (int i = 0; i < active; i++) ask(fds[(int64_t)i * connections / active], now(CLOCK_MONOTONIC));
    while (flying) {
        int n = epoll_wait(epoll, ready, BATCH, spin ? 0 : 1000);
        for (int i = 0; i < n; i++) answer(ready[i].data.fd, until);
        if (n > 0) continue;
        int64_t asked = now(CLOCK_MONOTONIC);
        if (asked > until + PATIENCE) { fprintf(stderr, "no reply\n"); exit(1); }
        while (spin && now(CLOCK_MONOTONIC) < asked + PAUSE) {}
    }
}

int main(int argc, char **argv) {
    if (argc != 8) { fprintf(stderr, "usage: epoll_client PORT CONNECTIONS ACTIVE SIZE WARMUP SECONDS SPIN\n"); return 2; }
    int port = atoi(argv[1]), connections = atoi(argv[2]), active = atoi(argv[3]);
    size = atoi(argv[4]), spin = atoi(argv[7]);
    if (connections > MOST || active > connections || size < sizeof serial[0] || size > LARGEST) return 2;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (size_t i = 0; i < size; i++) expected[i] = (char)(i * 31 + 7);
    latencies = malloc(ROOM * sizeof *latencies);

    int64_t began = now(CLOCK_MONOTONIC);
    epoll = epoll_create1(0);
    for (int i = 0; i < connections; i++) fds[i] = connect_one(port);
    int64_t connected = now(CLOCK_MONOTONIC);
    exchange(connections, active, atof(argv[5]) * SECOND);
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF) return 1;
    int64_t used = now(CLOCK_PROCESS_CPUTIME_ID), start = now(CLOCK_MONOTONIC);
    exchange(connections, active, atof(argv[6]) * SECOND);
    int64_t end = now(CLOCK_MONOTONIC);
    used = now(CLOCK_PROCESS_CPUTIME_ID) - used;
    printf("%lld %lld %lld %lld\n", (long long)(connected - began), (long long)start, (long long)end, (long long)used);
    fwrite(latencies, sizeof *latencies, count, stdout);
    return 0;
}
