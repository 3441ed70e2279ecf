/* An echo server as a C programmer might hand it in: a process for each client.
 *
 * usage: fork_server PORT        listens on 127.0.0.1; serves until killed.
 *
 * Blocking calls only: each client waits in a process of its own, and the kernel looks after the children that end
 * (SIGCHLD ignored, sigaction(2)). tests/test_check.py has it checked by its command line.
 */
#include <signal.h>
#include <unistd.h>

#include "listening.h"

static char buffer[65536];

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
    int listener = listening(argv[1]);
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
