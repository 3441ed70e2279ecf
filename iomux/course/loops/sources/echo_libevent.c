/* Echo on libevent: a bufferevent for each client, called back by event_base_dispatch.
 *
 * usage: echo_libevent PORT        listens on 127.0.0.1; serves until killed.
 *
 * libevent reads, keeps what send did not take, and calls back; this program says when to stop reading and when to
 * close. Source: "Fast portable non-blocking network programming with Libevent", R6 and R8.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>

enum { HIGH_WATER = 256 * 1024, BACKLOG = 4096 };

static void answer(struct bufferevent *client, void *unused) {
    struct evbuffer *owed = bufferevent_get_output(client);
    evbuffer_add_buffer(owed, bufferevent_get_input(client)); /* moves the memory: nothing is copied */
    if (evbuffer_get_length(owed) >= HIGH_WATER) bufferevent_disable(client, EV_READ);
}

static void all_sent(struct bufferevent *client, void *unused) { bufferevent_enable(client, EV_READ); }

static void close_it(struct bufferevent *client, void *unused) { bufferevent_free(client); }

static void over(struct bufferevent *client, short what, void *unused) {
    if ((what & BEV_EVENT_EOF) && evbuffer_get_length(bufferevent_get_output(client)))
        bufferevent_setcb(client, NULL, close_it, over, NULL); /* half-close: the rest is sent first */
    else
        close_it(client, NULL);
}

static void admit(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int size, void *base) {
    struct bufferevent *client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(client, answer, all_sent, over, NULL);
    bufferevent_enable(client, EV_READ);
}

static void again(evutil_socket_t fd, short what, void *listener) { evconnlistener_enable(listener); }

static void none_left(struct evconnlistener *listener, void *base) { /* EMFILE: watched, it would call at once again */
    struct timeval second = {.tv_sec = 1};
    evconnlistener_disable(listener);
    event_base_once(base, -1, EV_TIMEOUT, again, listener, &second);
}

int main(int argc, char **argv) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[argc - 1]))};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    signal(SIGPIPE, SIG_IGN);
    struct event_base *base = event_base_new();
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, admit, base, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, BACKLOG, (struct sockaddr *)&here, sizeof here);
    if (!listener) return 1;
    evconnlistener_set_error_cb(listener, none_left);
    return event_base_dispatch(base);
}
