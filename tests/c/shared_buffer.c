/* A server with a thread for each client and one buffer for all of them, since it is static. WRONG, for tests. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "listening.h"

static char data[65536];

static void *talk(void *argument) {
    int client = (int)(intptr_t)argument;
    ssize_t count;
    while ((count = read(client, data, sizeof data)) > 0)
        for (ssize_t sent = 0, now; sent < count; sent += now)
            if ((now = write(client, data + sent, count - sent)) < 0)
                goto over;
over:
    close(client);
    return NULL;
}

int main(int argc, char **argv) {
    int listener = listening(argv[argc - 1]);
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        pthread_t thread;
        pthread_attr_t attributes;
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            usleep(50000);
            continue;
        }
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, 65536);
        if (pthread_create(&thread, &attributes, talk, (void *)(intptr_t)client))
            close(client);
        pthread_attr_destroy(&attributes);
    }
}
