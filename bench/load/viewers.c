/* Viewers over graphql-transport-ws that come back with their cursor whenever their connection ends.
 * viewers PORT COUNT FILE
 * FILE has one subscribe message per line, with `"after":null` for the cursor; connections use them in turn. Prints `ready` when all
 * have had an event, then counts from a line on standard input until the next one or its end, and prints what it saw as JSON.
 * A viewer whose connection ends waits up to a second before it connects again, and twice as long after each failure. */
#include "frames.h"
#include <poll.h>

#define BUFFER (64 * 1024)
#define CURSOR 1024
#define FIRST_DELAY_S 1.0
#define LONGEST_DELAY_S 8.0
/* Of a connection attempt, up to its first event. */
#define PATIENCE_S 10.0
#define OPENED_AT_ONCE 64

enum state { WAITING, CONNECTING, UPGRADING, INITIALISING, SUBSCRIBING, WATCHING };

struct viewer {
    int fd, failures, gaps, unproved, resumed;
    enum state state;
    const char *message;
    double due, last, longest;
    size_t filled;
    char cursor[CURSOR], buffer[BUFFER];
};

static struct viewer *all;
static int count, port, poll_fd, watching;
static long events, ends, failed, closed_with[5000];
static double counting_from = 1e18;

static double jitter(void) { return rand() / (RAND_MAX + 1.0); }

static void come_back_later(struct viewer *each) {
    double delay = FIRST_DELAY_S;
    if (each->state == WATCHING) watching--, each->failures = 0;
    else each->failures++, failed++;
    for (int i = 0; i < each->failures && delay < LONGEST_DELAY_S; i++) delay *= 2;
    close(each->fd);
    each->state = WAITING;
    each->due = now_s() + jitter() * delay;
}

static void write_text(struct viewer *each, int opcode, const char *text, size_t length) {
    static char frame[BUFFER];
    if (length > sizeof frame - 14) fail("message too long");
    length = write_frame(frame, opcode, text, length);
    if (send(each->fd, frame, length, MSG_NOSIGNAL) != (ssize_t)length) errno = 0, come_back_later(each);
}

static void start(struct viewer *each) {
    struct epoll_event wanted = {.events = EPOLLOUT, .data.ptr = each};
    each->fd = open_connection(port, 0);
    each->state = CONNECTING;
    each->filled = 0;
    each->due = now_s() + PATIENCE_S;
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, each->fd, &wanted);
}

static void upgrade(struct viewer *each) {
    char text[512];
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = each};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, each->fd, &wanted);
    each->state = UPGRADING;
    int length = snprintf(text, sizeof text,
                          "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
                          port);
    if (send(each->fd, text, length, MSG_NOSIGNAL) != length) errno = 0, come_back_later(each);
}

/* The subscribe message with the cursor of the last event. */
static void subscribe(struct viewer *each) {
    static char text[BUFFER];
    const char *null = strstr(each->message, "\"after\":null");
    if (!null) fail("no \"after\":null in the message");
    int length = each->cursor[0] ? snprintf(text, sizeof text, "%.*s\"after\":\"%s\"%s", (int)(null - each->message), each->message,
                                            each->cursor, null + 12)
                                 : snprintf(text, sizeof text, "%s", each->message);
    each->state = SUBSCRIBING;
    write_text(each, 1, text, length);
}

static void take_event(struct viewer *each, const char *text, size_t length) {
    static const char key[] = "\"cursor\":\"";
    double now = now_s();
    const char *at = memmem(text, length, key, sizeof key - 1), *end;
    if (each->state == SUBSCRIBING) {
        each->state = WATCHING;
        watching++;
        each->resumed += each->cursor[0] != 0;
        if (each->cursor[0] && !memmem(text, length, "\"recovered\":true", 16)) each->unproved++;
    }
    if (memmem(text, length, "\"kind\":\"GAP\"", 12)) each->gaps++;
    if (at) at += sizeof key - 1;
    if (at && (end = memchr(at, '"', text + length - at)) && end - at < CURSOR) {
        memcpy(each->cursor, at, end - at);
        each->cursor[end - at] = 0;
    }
    if (now >= counting_from) {
        double from = each->last > counting_from ? each->last : counting_from;
        if (now - from > each->longest) each->longest = now - from;
        events++;
    }
    each->last = now;
}

static void take_text(struct viewer *each, const char *text, size_t length) {
    if (memmem(text, length < 40 ? length : 40, "\"next\"", 6)) {
        take_event(each, text, length);
    } else if (each->state == INITIALISING && memmem(text, length, "connection_ack", 14)) {
        subscribe(each);
    } else if (memmem(text, length, "\"error\"", 7) || memmem(text, length, "\"complete\"", 10)) {
        fprintf(stderr, "a final message: %.*s\n", (int)(length < 400 ? length : 400), text);
        exit(1);
    }
}

/* Handles one frame or the answer to the upgrade. Returns the length of it, or 0 if it is incomplete or the viewer is gone. */
static size_t take_one(struct viewer *each, const char *data, size_t length) {
    static const char init[] = "{\"type\":\"connection_init\"}";
    size_t head, size;
    if (each->state == UPGRADING) {
        const char *end = memmem(data, length, "\r\n\r\n", 4);
        if (!end) return 0;
        if (strncmp(data, "HTTP/1.1 101", 12)) { come_back_later(each); return 0; }
        each->state = INITIALISING;
        write_text(each, 1, init, sizeof init - 1);
        return each->state == WAITING ? 0 : end + 4 - data;
    }
    if (!read_frame(data, length, &head, &size)) return 0;
    switch (data[0] & 15) {
    case 1: take_text(each, data + head, size); break;
    case 9: write_text(each, 10, data + head, size); break;
    case 8:
        if (size >= 2) closed_with[(((unsigned char)data[head] << 8) | (unsigned char)data[head + 1]) % 5000]++;
        ends++;
        come_back_later(each);
    }
    return each->state == WAITING ? 0 : head + size;
}

static void receive(struct viewer *each) {
    ssize_t got = recv(each->fd, each->buffer + each->filled, BUFFER - each->filled, 0);
    if (got < 0 && errno == EAGAIN) { errno = 0; return; }
    if (got <= 0) {
        errno = 0;
        if (each->state == WATCHING) closed_with[1006]++, ends++;
        come_back_later(each);
        return;
    }
    each->filled += got;
    size_t at = 0, taken;
    while (at < each->filled && (taken = take_one(each, each->buffer + at, each->filled - at))) at += taken;
    if (each->state == WAITING) return;
    memmove(each->buffer, each->buffer + at, each->filled -= at);
    if (each->filled == BUFFER) fail("an event is too long");
}

static void poll_once(void) {
    struct epoll_event ready[512];
    int got = epoll_wait(poll_fd, ready, 512, 10), opening = 0;
    for (int i = 0; i < got; i++) {
        struct viewer *each = ready[i].data.ptr;
        if (each->state == WAITING) continue;
        if (ready[i].events & EPOLLIN) receive(each);
        else if (ready[i].events & (EPOLLERR | EPOLLHUP)) come_back_later(each);
        else if (ready[i].events & EPOLLOUT) upgrade(each);
    }
    double now = now_s();
    for (int i = 0; i < count; i++) {
        struct viewer *each = &all[i];
        if (each->state == WATCHING || each->due > now) continue;
        if (each->state != WAITING) come_back_later(each);
        else if (opening++ < OPENED_AT_ONCE) start(each);
    }
}

/* Whether a line or the end of standard input has come. */
static int has_input(void) {
    char text[64];
    struct pollfd input = {.fd = 0, .events = POLLIN};
    if (poll(&input, 1, 0) <= 0) return 0;
    if (read(0, text, sizeof text) < 0) fail("standard input");
    return 1;
}

int main(int argc, char **argv) {
    int message_count;
    if (argc != 4) fail("viewers PORT COUNT FILE");
    port = atoi(argv[1]), count = atoi(argv[2]);
    char **messages = read_lines(argv[3], &message_count);
    all = calloc(count, sizeof *all);
    poll_fd = epoll_create1(0);
    double began = now_s();
    for (int i = 0; i < count; i++) {
        all[i].message = messages[i % message_count];
        /* Not all at once: they are to be spread over both gateways, and that is not what is measured. */
        all[i].due = began + i / 500.0;
    }
    while (watching < count) poll_once();
    printf("ready\n");
    fflush(stdout);
    while (!has_input()) poll_once();
    counting_from = now_s();
    double own = own_cpu_s();
    failed = ends = 0;
    memset(closed_with, 0, sizeof closed_with);
    for (int i = 0; i < count; i++) all[i].gaps = all[i].unproved = all[i].resumed = 0;
    while (!has_input()) poll_once();
    for (double limit = now_s() + 3 * PATIENCE_S; watching < count && now_s() < limit;) poll_once();
    double now = now_s(), longest = 0;
    long never_resumed = 0, gaps = 0, unproved = 0, resumed = 0, beyond = 0;
    own = own_cpu_s() - own;
    for (int i = 0; i < count; i++) {
        struct viewer *each = &all[i];
        double from = each->last > counting_from ? each->last : counting_from;
        if (now - from > each->longest) each->longest = now - from;
        if (each->longest > longest) longest = each->longest;
        beyond += each->longest > 5;
        never_resumed += !each->resumed;
        gaps += each->gaps, unproved += each->unproved, resumed += each->resumed;
    }
    printf("{\"viewers\": %d, \"watching\": %d, \"events\": %ld, \"ends\": %ld, \"resumed\": %ld, \"never_resumed\": %ld, \"failed\": %ld, \"gaps\": %ld, "
           "\"unproved\": %ld, \"longest_s\": %.3f, \"beyond_5_s\": %ld, \"seconds\": %.3f, \"own_cpu_s\": %.3f, \"codes\": {",
           count, watching, events, ends, resumed, never_resumed, failed, gaps, unproved, longest, beyond, now - counting_from, own);
    for (int code = 0, first = 1; code < 5000; code++)
        if (closed_with[code]) printf("%s\"%d\": %ld", first ? "" : ", ", code, closed_with[code]), first = 0;
    printf("}}\n");
    return 0;
}
