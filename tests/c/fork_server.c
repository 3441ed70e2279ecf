/* An echo server as a C programmer might hand it in: a process for each client.
 *
 * usage: fork_server PORT        listens on 127.0.0.1; serves until killed.
 *
 * Blocking calls only: each client waits in a process of its own, and the kernel looks after the children that end
 * (SIGCHLD ignored, sigaction(2)). tests/test_check.py has it checked by its command line.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[65536];

static void fail(const char *what) { perror(what); exit(1); }

static void converse(int client) {
    ssize_t size;
    while ((size = recv(client, buffer, sizeof buffer, 0)) > 0)
        for (ssize_t sent = 0; sent < size;) {
            ssize_t now = send(client, buffer + sent, size - sent, MSG_NOSIGNAL);
            if (now < 0) return;
            sent += now;
        }
}

int main(int argc, char **argv) {
    if (argc != 2) { fprintf(stderr, "usage: fork_server PORT\n"); return 2; }
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1; /* or connections of its last run keep the port: TIME_WAIT, tcp(7) */
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0) fail("bind");
    if (listen(listener, 128) < 0) fail("listen");
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) continue;
        if (fork() == 0) {
            close(listener);
            converse(client);
            _exit(0);
        }
        close(client);
    }
}
