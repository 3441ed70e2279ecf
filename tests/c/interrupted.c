/* A server by fork whose handler of SIGCHLD has no SA_RESTART: the accept that it interrupts fails with EINTR
 * (signal(7); Stevens, UNIX Network Programming, 5.9), and the server takes that for the end. WRONG, for tests. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <arpa/inet.h>

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
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[argc - 1]))};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    memset(&action, 0, sizeof action);
    action.sa_handler = reap;
    sigaction(SIGCHLD, &action, NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        perror("bind");
        return 1;
    }
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
