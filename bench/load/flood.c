/* One client that sends more than its budget: queries over kept connections, subscriptions that begin and end over WebSockets.
 * flood PORT CONNECTIONS QUERIES_PER_S SOCKETS SUBSCRIPTIONS_PER_S QUERIES MESSAGES
 * QUERIES has one JSON body per line, MESSAGES one subscribe message per line with `"id":"@"`. `########` in a line becomes another
 * number each time, so that its document is a new one. Both are sent at their rates whether answers come or not: a connection that is
 * not read fills up, and what it does not take any more is counted as held. All connections have the first key (measure.h).
 * It prints `ready` once a query was refused, or without queries subscriptions wait, and what it saw as JSON when it is told to end (SIGTERM). */
#include "frames.h"
#include <signal.h>

#define CHUNK (64 * 1024)
#define REQUEST (8 * 1024)
#define BEHIND_S 0.1
#define NUMBER "########"

enum state { CONNECTING, UPGRADING, INITIALISING, OPEN };

struct connection {
    int fd, is_socket, running;
    enum state state;
    long operation;
    size_t filled, rest;
    /* What is left of a request that the socket took in part. */
    char unsent[REQUEST], *buffer;
};

static char **queries, **messages;
static int query_count, message_count, port, poll_fd;
static long sent, held, answered, refused, begun, kept, started, denied, lost;
static volatile sig_atomic_t has_ended;

static void end(int signal) { has_ended = 1; }

static void open_one(struct connection *each) {
    struct epoll_event wanted = {.events = EPOLLOUT, .data.ptr = each};
    each->fd = open_connection(port, 0);
    each->state = CONNECTING;
    each->filled = each->rest = each->running = 0;
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, each->fd, &wanted);
}

static void reopen(struct connection *each) {
    lost++;
    close(each->fd);
    open_one(each);
}

/* Sends a whole request, or the part of it that the socket takes. Returns 0 if it takes nothing. */
static int send_some(struct connection *each, const char *data, size_t length) {
    if (each->rest) {
        ssize_t went = send(each->fd, each->unsent, each->rest, MSG_NOSIGNAL);
        errno = 0;
        if (went > 0) memmove(each->unsent, each->unsent + went, each->rest -= went);
        if (each->rest) return 0;
    }
    ssize_t went = send(each->fd, data, length, MSG_NOSIGNAL);
    errno = 0;
    if (went <= 0) return 0;
    memcpy(each->unsent, data + went, each->rest = length - went);
    return 1;
}

/* Writes a line with another number for `########`. */
static size_t write_line(char *out, const char *line) {
    static unsigned number;
    char digits[sizeof NUMBER];
    size_t length = strlen(line);
    if (length >= REQUEST - 1024) fail("line too long");
    memcpy(out, line, length + 1);
    char *at = strstr(out, NUMBER);
    if (at) {
        snprintf(digits, sizeof digits, "%08u", number++ % 100000000);
        memcpy(at, digits, sizeof digits - 1);
    }
    return length;
}

static void send_query(struct connection *each) {
    static int next;
    char body[REQUEST], request[REQUEST];
    size_t length = write_line(body, queries[next++ % query_count]);
    int size = snprintf(request, sizeof request,
                        "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%sContent-Type: application/json\r\n"
                        "Accept: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        port, key_header(0), length, body);
    if (size >= REQUEST) fail("request too long");
    if (each->state == OPEN && send_some(each, request, size)) sent++;
    else held++;
}

/* Begins a subscription, or ends the one that it began before. */
static void send_operation(struct connection *each) {
    static int next;
    char text[REQUEST], frame[REQUEST];
    size_t length;
    if (each->state != OPEN) { kept++; return; }
    if (each->running) {
        length = snprintf(text, sizeof text, "{\"id\":\"%ld\",\"type\":\"complete\"}", each->operation);
        if (send_some(each, frame, write_frame(frame, 1, text, length))) each->running = 0;
        return;
    }
    char line[REQUEST];
    write_line(line, messages[next++ % message_count]);
    char *at = strstr(line, "\"@\"");
    if (!at) fail("no \"@\" for the id in the message");
    length = snprintf(text, sizeof text, "%.*s\"%ld\"%s", (int)(at - line), line, ++each->operation, at + 3);
    if (send_some(each, frame, write_frame(frame, 1, text, length))) begun++, each->running = 1;
    else kept++;
}

static void upgrade(struct connection *each) {
    char text[1024];
    each->state = UPGRADING;
    int length = snprintf(text, sizeof text,
                          "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                          "%sSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n", port, key_header(0));
    send_all(each->fd, text, length);
}

/* Counts the answers in the heads that begin in `data`; one that is split between two reads is not counted. */
static void count_answers(const char *data, size_t length) {
    static const char head[] = "HTTP/1.1 ";
    const char *at = data, *last = data + length;
    while ((at = memmem(at, last - at, head, sizeof head - 1))) {
        at += sizeof head - 1;
        if (last - at < 3) return;
        if (!memcmp(at, "200", 3)) answered++;
        else if (!memcmp(at, "429", 3)) refused++;
        else { fprintf(stderr, "expected 200 or 429, saw %.*s\n", (int)(last - at < 200 ? last - at : 200), at); exit(1); }
    }
}

static size_t take_frame(struct connection *each, const char *data, size_t length) {
    char frame[REQUEST];
    size_t head, size;
    if (!read_frame(data, length, &head, &size)) return 0;
    int opcode = data[0] & 15;
    const char *text = data + head;
    if (opcode == 9 && size < 126) send_some(each, frame, write_frame(frame, 10, text, size));
    if (opcode == 1 && memmem(text, size, "connection_ack", 14)) each->state = OPEN;
    else if (opcode == 1 && memmem(text, size < 64 ? size : 64, "\"next\"", 6)) started++;
    else if (opcode == 1 && memmem(text, size < 64 ? size : 64, "\"error\"", 7)) denied++, each->running = 0;
    return head + size;
}

static void receive_frames(struct connection *each, size_t got) {
    static const char init[] = "{\"type\":\"connection_init\"}";
    char frame[64];
    size_t at = 0, taken;
    each->filled += got;
    if (each->state == UPGRADING) {
        const char *end = memmem(each->buffer, each->filled, "\r\n\r\n", 4);
        if (!end) return;
        if (strncmp(each->buffer, "HTTP/1.1 101", 12)) fail("expected HTTP/1.1 101");
        at = end + 4 - each->buffer;
        each->state = INITIALISING;
        send_all(each->fd, frame, write_frame(frame, 1, init, sizeof init - 1));
    }
    while (at < each->filled && (taken = take_frame(each, each->buffer + at, each->filled - at))) at += taken;
    memmove(each->buffer, each->buffer + at, each->filled -= at);
    if (each->filled == CHUNK) fail("an event is too long");
}

static void receive(struct connection *each) {
    ssize_t got = recv(each->fd, each->buffer + each->filled, CHUNK - each->filled, 0);
    if (got < 0 && errno == EAGAIN) { errno = 0; return; }
    if (got <= 0) { errno = 0; reopen(each); return; }
    if (each->is_socket) receive_frames(each, got);
    else count_answers(each->buffer, got);
}

static void poll_once(void) {
    struct epoll_event ready[256];
    int got = epoll_wait(poll_fd, ready, 256, 1);
    for (int i = 0; i < got; i++) {
        struct connection *each = ready[i].data.ptr;
        if (ready[i].events & EPOLLIN) receive(each);
        else if (ready[i].events & (EPOLLERR | EPOLLHUP)) reopen(each);
        else if (each->state == CONNECTING) {
            struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = each};
            epoll_ctl(poll_fd, EPOLL_CTL_MOD, each->fd, &wanted);
            if (each->is_socket) upgrade(each);
            else each->state = OPEN;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 8) fail("flood PORT CONNECTIONS QUERIES_PER_S SOCKETS SUBSCRIPTIONS_PER_S QUERIES MESSAGES");
    port = atoi(argv[1]);
    int connections = atoi(argv[2]), sockets = atoi(argv[4]), is_ready = 0;
    double queries_per_s = atof(argv[3]), operations_per_s = 2 * atof(argv[5]);
    queries = read_lines(argv[6], &query_count);
    messages = read_lines(argv[7], &message_count);
    struct connection *all = calloc(connections + sockets, sizeof *all);
    poll_fd = epoll_create1(0);
    signal(SIGTERM, end);
    for (int i = 0; i < connections + sockets; i++) {
        all[i].is_socket = i >= connections;
        all[i].buffer = malloc(CHUNK);
        open_one(&all[i]);
    }
    double began = now_s(), due_queries = began, due_operations = began;
    for (long query = 0, operation = 0; !has_ended;) {
        poll_once();
        double now = now_s();
        /* What it missed because it had no core is not sent in one burst. */
        if (due_queries < now - BEHIND_S) due_queries = now - BEHIND_S;
        if (due_operations < now - BEHIND_S) due_operations = now - BEHIND_S;
        for (; connections && due_queries <= now; due_queries += 1 / queries_per_s) send_query(&all[query++ % connections]);
        for (; sockets && due_operations <= now; due_operations += 1 / operations_per_s)
            send_operation(&all[connections + operation++ % sockets]);
        if (!is_ready && (connections ? refused : denied || begun - started > 20 * sockets)) {
            printf("ready\n");
            fflush(stdout);
            is_ready = 1;
        }
    }
    printf("{\"seconds\": %.3f, \"sent\": %ld, \"held\": %ld, \"answered\": %ld, \"refused\": %ld, \"begun\": %ld, \"kept\": %ld, "
           "\"started\": %ld, \"denied\": %ld, \"lost\": %ld, \"own_cpu_s\": %.3f}\n",
           now_s() - began, sent, held, answered, refused, begun, kept, started, denied, lost, own_cpu_s());
    return 0;
}
