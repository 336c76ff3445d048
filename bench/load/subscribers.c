/* Subscribes over graphql-transport-ws and counts deliveries.
 * subscribers PORT COUNT STALLED WARMUP_S SECONDS PID FILE REQUEST_FD WINDOW [STORM RATE | POOL RATE OPEN]
 * FILE has one subscribe message per line; connections use them in turn. The last STALLED connections stop reading after
 * their first event. A line with a number on REQUEST_FD makes the writer publish. With WINDOW 0 one line starts the writer, which
 * then keeps its own rate. Otherwise at most WINDOW publications are in flight to the slowest subscriber: the server is always
 * busy, and its queues stay short. A price is `PUBLICATION.MICROSECONDS`: the requested number, and the wall clock at the write.
 * With STORM, that many more clients connect after the warm-up, RATE per second, and disconnect at once when the last has its first
 * event. Measured are the delivery latencies of the first COUNT meanwhile, and for SECONDS after the disconnect.
 * With POOL, the last line of FILE is a subscription after a cursor. For another SECONDS, POOL more clients send it RATE times per
 * second together and end it with its first event, which must prove that nothing was missed. With OPEN 1 their sockets stay open,
 * with 0 each time is a new connection.
 * It parses only frame headers and prices. */
#include "frames.h"

#define CHUNK (256 * 1024)
#define IN_FLIGHT 64
/* In a storm. The kernel resets connections beyond its accept queue. */
#define STORM_IN_FLIGHT 512
#define SLOTS 64
#define SETTLE_S 1.0
#define STUCK_S 15.0
#define CONNECT_LIMIT_S 400.0

enum state { CONNECTING, UPGRADING, INITIALISING, SUBSCRIBING, READY, IDLE, ENDED };

struct connection {
    int fd, number;
    enum state state;
    long last;
    char *carry;
    size_t carried;
    double resumed_at;
};

static struct connection *all;
static char **messages;
static int message_count, port, count, stalled, poll_fd, request_fd, window, opened, ready_count, storm, connect_next = 1;
static long requested, complete, reached[SLOTS], events, items, frame_bytes;
static double counting_from = 1e18, progress_at;

static int pool, stays_open, idle_count;
static struct connection **idle;
static long resumed;
static double resume_s;

static void request_publication(long number) {
    char line[32];
    int length = snprintf(line, sizeof line, "%ld\n", number);
    if (write(request_fd, line, length) != length) fail("the writer has ended");
}

static void send_frame(struct connection *each, int opcode, const char *text, size_t length) {
    char frame[16 * 1024];
    if (length > sizeof frame - 14) fail("message too long");
    send_all(each->fd, frame, write_frame(frame, opcode, text, length));
}

static void open_socket(struct connection *each) {
    each->state = CONNECTING;
    each->fd = open_connection(port, stalled && each->number < count && each->number >= count - stalled ? 4096 : 0);
    struct epoll_event wanted = {.events = EPOLLOUT, .data.ptr = each};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, each->fd, &wanted);
}

static void open_next(void) {
    all[opened].number = opened;
    open_socket(&all[opened++]);
}

static void subscribe(struct connection *each, const char *message) {
    each->state = SUBSCRIBING;
    send_frame(each, 1, message, strlen(message));
}

static void mark_idle(struct connection *each) {
    each->state = IDLE;
    idle[idle_count++] = each;
}

/* The messages of a client that resumes. Updates of the subscription before may still arrive. */
static void read_resumed(struct connection *each, const char *text, size_t length) {
    static const char complete[] = "{\"id\":\"1\",\"type\":\"complete\"}";
    if (each->state == INITIALISING && memmem(text, length, "connection_ack", 14)) {
        if (stays_open) mark_idle(each);
        else subscribe(each, messages[message_count]);
        return;
    }
    if (each->state != SUBSCRIBING || memmem(text, length, "\"UPDATE\"", 8)) return;
    if (!memmem(text, length, "\"recovered\":true", 16)) {
        fprintf(stderr, "expected a proof that nothing was missed, saw %.*s\n", (int)(length < 400 ? length : 400), text);
        exit(1);
    }
    resumed++;
    resume_s += now_s() - each->resumed_at;
    if (stays_open) {
        send_frame(each, 1, complete, sizeof complete - 1);
        mark_idle(each);
    } else {
        each->state = ENDED;
    }
}

static void mark_ready(struct connection *each) {
    each->state = READY;
    ready_count++;
    if (stalled && each->number >= count - stalled) epoll_ctl(poll_fd, EPOLL_CTL_DEL, each->fd, NULL);
    if (connect_next && opened < count) open_next();
}

/* Records the newest publication that this subscriber has received; when all have received one, requests the next. */
static void record_publication(struct connection *each, long number) {
    if (!window || number <= each->last || number > requested) return;
    for (long each_number = (each->last > complete ? each->last : complete) + 1; each_number <= number; each_number++)
        reached[each_number % SLOTS]++;
    each->last = number;
    while (complete < requested && reached[(complete + 1) % SLOTS] == count - stalled) {
        reached[++complete % SLOTS] = 0;
        progress_at = now_s();
        request_publication(++requested);
    }
}

static void read_prices(struct connection *each, const char *text, size_t length) {
    const char *end = text + length, *at = text;
    int64_t now = wall_us();
    long newest = 0, found = 0;
    while ((at = memmem(at, end - at, "\"price\"", 7))) {
        for (at += 7; at < end && (*at == ':' || *at == ' ' || *at == '"');) at++;
        char *point;
        long number = strtol(at, &point, 10);
        if (*point != '.') continue;
        int64_t late = now - strtoll(point + 1, NULL, 10);
        /* The ten digits of the clock wrap every 10,000 s. */
        if (now_s() >= counting_from && each->number < count) record_latency(late < -5000000000LL ? late + 10000000000LL : late);
        if (number > newest) newest = number;
        found++;
    }
    if (!found) return;
    if (now_s() >= counting_from) {
        events++;
        items += found;
        frame_bytes += length;
    }
    record_publication(each, newest);
}

static void read_text(struct connection *each, const char *text, size_t length) {
    if (pool && each->number >= count) {
        read_resumed(each, text, length);
    } else if (each->state == READY) {
        read_prices(each, text, length);
    } else if (each->state == INITIALISING && memmem(text, length, "connection_ack", 14)) {
        subscribe(each, messages[each->number % message_count]);
    } else if (memmem(text, length, "\"errors\"", 8) || memmem(text, length, "\"error\"", 7)) {
        fprintf(stderr, "expected an event, saw %.*s\n", (int)(length < 400 ? length : 400), text);
        exit(1);
    } else if (memmem(text, length, "\"next\"", 6)) {
        mark_ready(each);
    }
}

/* Parses one frame of `data`. Returns its length, or 0 if it is incomplete. */
static size_t parse_frame(struct connection *each, const char *data, size_t length) {
    size_t head, size;
    if (!read_frame(data, length, &head, &size)) return 0;
    int opcode = data[0] & 15;
    if (opcode == 1) read_text(each, data + head, size);
    if (opcode == 9) send_frame(each, 10, data + head, size);
    if (opcode == 8) {
        fprintf(stderr, "the server closed a subscription: %.*s\n", (int)(size > 2 ? size - 2 : 0), data + head + 2);
        exit(1);
    }
    return head + size;
}

static size_t parse_upgrade(struct connection *each, const char *data, size_t length) {
    static const char init[] = "{\"type\":\"connection_init\"}";
    const char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) return 0;
    if (strncmp(data, "HTTP/1.1 101", 12)) {
        fprintf(stderr, "expected HTTP/1.1 101, saw %.*s\n", (int)(end - data), data);
        exit(1);
    }
    each->state = INITIALISING;
    send_frame(each, 1, init, sizeof init - 1);
    return end + 4 - data;
}

static void store_rest(struct connection *each, const char *data, size_t length) {
    char *rest = length ? malloc(length) : NULL;
    if (length) memcpy(rest, data, length);
    free(each->carry);
    each->carry = rest;
    each->carried = length;
}

static void receive(struct connection *each) {
    static char chunk[CHUNK + 1];
    static char *joined;
    ssize_t got = recv(each->fd, chunk, CHUNK, 0);
    if (got < 0 && errno == EAGAIN) { errno = 0; return; }
    if (got <= 0) fail("the server dropped a subscription");
    char *data = chunk;
    size_t length = got, parsed;
    if (each->carried) {
        joined = realloc(joined, each->carried + got + 1);
        memcpy(joined, each->carry, each->carried);
        memcpy(joined + each->carried, chunk, got);
        data = joined;
        length = each->carried + got;
    }
    data[length] = 0;
    do {
        parsed = each->state == UPGRADING ? parse_upgrade(each, data, length) : parse_frame(each, data, length);
        data += parsed;
        length -= parsed;
    } while (parsed && length && each->state != ENDED);
    if (each->state != ENDED) {
        store_rest(each, data, length);
        return;
    }
    store_rest(each, NULL, 0);
    epoll_ctl(poll_fd, EPOLL_CTL_DEL, each->fd, NULL);
    close(each->fd);
    mark_idle(each);
}

static void upgrade(struct connection *each) {
    static int upgraded;
    char text[1024];
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = each};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, each->fd, &wanted);
    each->state = UPGRADING;
    int length = snprintf(text, sizeof text,
                          "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                          "%sSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
                          port, key_header(upgraded++));
    send_all(each->fd, text, length);
}

static void poll_once(int timeout_ms) {
    struct epoll_event ready[256];
    int got = epoll_wait(poll_fd, ready, 256, timeout_ms);
    for (int i = 0; i < got; i++) {
        struct connection *each = ready[i].data.ptr;
        if (ready[i].events & EPOLLIN) receive(each);
        else if (ready[i].events & (EPOLLERR | EPOLLHUP)) fail("a connection was refused or lost");
        else if (ready[i].events & EPOLLOUT) upgrade(each);
    }
}

static void poll_until(double end) {
    while (now_s() < end) poll_once(20);
}

/* Connects STORM more clients at that rate, disconnects them at once, and prints the latencies of the others and the server CPU. */
static void run_storm(int pid, double rate, double seconds, double steady_share) {
    double server = server_cpu_s(pid), start = counting_from = now_s();
    connect_next = 0;
    while (ready_count < count + storm) {
        while (opened < count + storm && opened - count < (now_s() - start) * rate && opened - ready_count < STORM_IN_FLIGHT)
            open_next();
        poll_once(5);
        if (now_s() - start > CONNECT_LIMIT_S) fail("not all subscribers of the storm were connected in time");
    }
    double took = now_s() - start;
    printf("\"join\": {\"seconds\": %.6f, \"server_cpu_s\": %.6f, ", took, server_cpu_s(pid) - server - steady_share * took);
    print_latencies();
    latency_count = 0;
    server = server_cpu_s(pid), start = now_s();
    for (int i = count; i < count + storm; i++) {
        epoll_ctl(poll_fd, EPOLL_CTL_DEL, all[i].fd, NULL);
        close(all[i].fd);
    }
    /* Every rate changes once a second. */
    poll_until(start + (seconds < 2 ? 2 : seconds));
    took = now_s() - start;
    printf("}, \"leave\": {\"seconds\": %.6f, \"server_cpu_s\": %.6f, ", took, server_cpu_s(pid) - server - steady_share * took);
    print_latencies();
    printf("}, ");
    latency_count = 0;
}

/* Resumes RATE times per second beside the others, and prints their latencies before and meanwhile. */
static void run_resumes(int pid, double rate, double seconds, double steady_share) {
    long begun = 0;
    printf("\"steady\": {");
    print_latencies();
    for (int i = count; i < count + pool; i++) {
        all[i].number = i;
        if (stays_open) open_socket(&all[i]);
        else mark_idle(&all[i]);
    }
    double start = now_s();
    while (idle_count < pool) {
        poll_once(5);
        if (now_s() - start > CONNECT_LIMIT_S) fail("not all clients that resume were connected in time");
    }
    latency_count = 0;
    double server = server_cpu_s(pid), own = own_cpu_s();
    start = now_s();
    while (now_s() < start + seconds) {
        while (idle_count && begun < (now_s() - start) * rate) {
            struct connection *each = idle[--idle_count];
            each->resumed_at = now_s();
            if (stays_open) subscribe(each, messages[message_count]);
            else open_socket(each);
            begun++;
        }
        poll_once(1);
    }
    double took = now_s() - start;
    printf("}, \"resumes\": {\"seconds\": %.6f, \"done\": %ld, \"mean_ms\": %.3f, \"server_cpu_s\": %.6f, \"own_cpu_s\": %.6f, ", took,
           resumed, resumed ? resume_s / resumed * 1e3 : 0, server_cpu_s(pid) - server - steady_share * took, own_cpu_s() - own);
    print_latencies();
    printf("}, ");
    latency_count = 0;
}

int main(int argc, char **argv) {
    if (argc != 10 && argc != 12 && argc != 13)
        fail("subscribers PORT COUNT STALLED WARMUP_S SECONDS PID FILE REQUEST_FD WINDOW [STORM RATE | POOL RATE OPEN]");
    pool = argc == 13 ? atoi(argv[10]) : 0, stays_open = argc == 13 && atoi(argv[12]);
    storm = argc == 12 ? atoi(argv[10]) : 0;
    port = atoi(argv[1]), count = atoi(argv[2]), stalled = atoi(argv[3]), request_fd = atoi(argv[8]), window = atoi(argv[9]);
    int pid = atoi(argv[6]);
    double warmup = atof(argv[4]), seconds = atof(argv[5]);
    messages = read_lines(argv[7], &message_count);
    if (pool && --message_count < 1) fail("no lines for the others");
    all = calloc(count + storm + pool, sizeof *all);
    idle = calloc(pool + 1, sizeof *idle);
    poll_fd = epoll_create1(0);

    long rss_before = server_rss(pid);
    double start = now_s(), cpu_before = server_cpu_s(pid), wait_before = server_wait_s(pid), own_before = own_cpu_s();
    while (opened < count && opened < IN_FLIGHT) open_next();
    while (ready_count < count) {
        poll_once(20);
        if (now_s() - start > CONNECT_LIMIT_S) fail("not all subscribers were connected in time");
    }
    double connect_s = now_s() - start, connect_cpu_s = server_cpu_s(pid) - cpu_before;
    double connect_wait_s = server_wait_s(pid) - wait_before, connect_own_s = own_cpu_s() - own_before;
    poll_until(now_s() + SETTLE_S);
    long rss_subscribed = server_rss(pid), rss_peak = rss_subscribed;

    for (long number = 1; number <= (window ? window : 1); number++) request_publication(requested = number);
    progress_at = now_s();
    poll_until(now_s() + warmup);
    double own = own_cpu_s(), server = server_cpu_s(pid), waited = server_wait_s(pid);
    counting_from = now_s();
    double next_sample = counting_from;
    while (now_s() < counting_from + seconds) {
        poll_once(20);
        if (now_s() < next_sample) continue;
        next_sample = now_s() + 0.1;
        long rss = server_rss(pid);
        if (rss > rss_peak) rss_peak = rss;
        if (window && now_s() - progress_at > STUCK_S) fail("a publication has not reached all subscribers for 15 s");
    }
    seconds = now_s() - counting_from;
    printf("{");
    double server_used = server_cpu_s(pid) - server, own_used = own_cpu_s() - own, has_waited = server_wait_s(pid) - waited;
    if (storm) {
        latency_count = 0;
        run_storm(pid, atof(argv[11]), seconds, server_used / seconds);
    }
    if (pool) run_resumes(pid, atof(argv[11]), seconds, server_used / seconds);
    printf("\"connected\": %d, \"connect_s\": %.6f, \"connect_cpu_s\": %.6f, \"connect_wait_s\": %.6f, \"connect_own_s\": %.6f, \"seconds\": %.6f, \"events\": %ld, "
           "\"items\": %ld, \"bytes\": %ld, \"publications\": %ld, \"own_cpu_s\": %.6f, \"server_cpu_s\": %.6f, "
           "\"server_wait_s\": %.6f, \"rss_before\": %ld, \"rss_subscribed\": %ld, \"rss_peak\": %ld, ",
           count, connect_s, connect_cpu_s, connect_wait_s, connect_own_s, seconds, events, items, frame_bytes, complete, own_used,
           server_used, has_waited, rss_before, rss_subscribed, rss_peak);
    print_latencies();
    printf("}\n");
    return 0;
}
