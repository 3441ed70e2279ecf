/* A server by fork whose handler of SIGCHLD has no SA_RESTART: the accept that it interrupts fails with EINTR
 * (signal(7); Stevens, UNIX Network Programming, 5.9), and the server takes that for the end. WRONG, for tests. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listening.h"

static void reap(int number) {
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static void talk(int client) {
    char data[65536];
    ssize_t count;
    while ((count = read(client, data, sizeof data)) > 0)
        for (ssize_t sent = 0, now; sent < count; sent += now)
            if ((now = write(client, data + sent, count - sent)) < 0)
                _exit(0);
    _exit(0);
}

int main(int argc, char **argv) {
    struct sigaction action;
    int listener = listening(argv[argc - 1]);
    memset(&action, 0, sizeof action);
    action.sa_handler = reap;
    sigaction(SIGCHLD, &action, NULL);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            perror("accept");
            return 1;
        }
        if (fork() == 0) {
            close(listener);
            talk(client);
        }
        close(client);
    }
}
