/* Sends HTTP queries at full load: keep-alive connections with one request in flight each.
 * queries PORT PATH CONNECTIONS WARMUP_S WARMUP_ANSWERS SECONDS PID FILE [AGENTS [RATE SAMPLES]]
 * FILE has one JSON body per line; connections use them in turn. The warm-up lasts that long at least, and until there were so many
 * answers: a slow server knows the requests then, too.
 * Each connection has a key, if there are some (measure.h).
 * With AGENTS, each request has one of that many user agents and a traceparent of its own, as requests of real clients do.
 * With RATE, that many requests a second are sent whether answers come or not, each on a connection without one in flight. Latencies
 * count from when a request is due. All are written to the file SAMPLES in the order of the answers, in microseconds. Beside each is
 * the time from the send until the kernel had the answer: without what this program waited for its own core.
 * It parses only the head of a response (status 200, content-length) and counts the bytes of the body. */
#include "measure.h"
#include <sys/prctl.h>
#include <sys/timerfd.h>

#define CHUNK (256 * 1024)
#define HEAD 4096
/* With a rate, the first request is sent so long after the connections were opened. */
#define CONNECT_S 0.2
#define DRAIN_S 10
#define TRACE "traceparent: "

struct connection {
    int fd, request, first, used;
    long body_left;
    double sent_at, sent_real_at;
    char head[HEAD];
};

static char **requests;
static size_t *lengths;
static int request_count, agents;
static long answered, seen, bytes;
static double counting_from = 1e18;
/* With a rate: for each latency, the time until the kernel had the answer. */
static uint32_t *served;
/* With a rate: connections without a request in flight, a ring, and when the next request is due. All take turns: the server closes
 * those that send nothing. */
static double rate, next_due;
static struct connection **idle;
static int connection_count, first_idle, idle_count, timer = -1;

/* Requests are made in advance, for each key. With agents there is one for each pair of body and agent, and its traceparent is set
 * when it is sent. */
static void make_requests(int port, const char *path, const char *file) {
    int body_count;
    char **bodies = read_lines(file, &body_count), more[512] = "";
    request_count = body_count * (agents ? agents : 1);
    requests = calloc(request_count * key_count(), sizeof *requests);
    lengths = calloc(request_count * key_count(), sizeof *lengths);
    for (int i = 0; i < request_count * key_count(); i++) {
        char *body = bodies[i % body_count];
        if (agents)
            snprintf(more, sizeof more,
                     "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.%d.0 Safari/537.36\r\n"
                     "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\n" TRACE "%055d\r\n", i % request_count / body_count, 0);
        lengths[i] = asprintf(&requests[i],
                              "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%sContent-Type: application/json\r\n"
                              "Accept: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                              path, port, more, key_header(i / request_count), strlen(body), body);
    }
}

/* Version, a trace id and a parent id that no other request has, flags. */
static void set_trace(char *request) {
    static uint64_t number;
    char text[56];
    number++;
    snprintf(text, sizeof text, "00-%016lx%016lx-%016lx-01", number * 0x9e3779b97f4a7c15, ~number, number * 0xbf58476d1ce4e5b9);
    memcpy(strstr(request, TRACE) + sizeof TRACE - 1, text, sizeof text - 1);
}

static double real_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void record_served(int64_t us) {
    if (!served && !(served = malloc(MAX_LATENCIES * sizeof *served))) fail("memory");
    served[latency_count % MAX_LATENCIES] = us < 0 ? 0 : us;
}

static void send_request(struct connection *each, double due) {
    each->used = 0;
    each->body_left = -1;
    char *request = requests[each->first + each->request];
    if (agents) set_trace(request);
    each->sent_at = due;
    if (rate) each->sent_real_at = real_s();
    send_all(each->fd, request, lengths[each->first + each->request]);
    each->request = (each->request + 1) % request_count;
}

static void put_idle(struct connection *each) {
    idle[(first_idle + idle_count++) % connection_count] = each;
}

static struct connection *take_idle(void) {
    struct connection *each = idle[first_idle];
    first_idle = (first_idle + 1) % connection_count;
    idle_count--;
    return each;
}

static void record_response(struct connection *each, double arrived_at) {
    double now = now_s();
    seen++;
    if (now >= counting_from) {
        answered++;
        if (rate) record_served((arrived_at - each->sent_real_at) * 1e6);
        record_latency((now - each->sent_at) * 1e6);
    }
    if (rate) put_idle(each);
    else send_request(each, now);
}

/* Sends what is due, and sets the timer for the next request. */
static void send_due(void) {
    for (; idle_count && next_due <= now_s(); next_due += 1 / rate) send_request(take_idle(), next_due);
    /* Without a connection, the next answer is waited for. */
    if (!idle_count) return;
    struct itimerspec at = {.it_value = {(time_t)next_due, (long)((next_due - (time_t)next_due) * 1e9)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void start_timer(int poll, double first_due) {
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = NULL};
    /* Timers may be late by 50 microseconds otherwise. */
    prctl(PR_SET_TIMERSLACK, 1UL);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    epoll_ctl(poll, EPOLL_CTL_ADD, timer, &wanted);
    next_due = first_due;
}

static void write_samples(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file || latency_count > MAX_LATENCIES) fail(path);
    for (size_t i = 0; i < latency_count; i++) fprintf(file, "%u %u\n", latencies[i], served[i]);
    fclose(file);
}

/* Parses the head when it is complete. Returns the number of bytes of `data` that belong to it, or -1 if it is incomplete. */
static long read_head(struct connection *each, const char *data, long length) {
    long taken = length < HEAD - 1 - each->used ? length : HEAD - 1 - each->used;
    memcpy(each->head + each->used, data, taken);
    each->head[each->used + taken] = 0;
    char *end = strstr(each->head, "\r\n\r\n"), *field;
    if (!end) {
        if ((each->used += taken) >= HEAD - 1) fail("response head too long");
        return -1;
    }
    if (strncmp(each->head, "HTTP/1.1 200", 12)) {
        fprintf(stderr, "expected HTTP/1.1 200, saw %.200s\n", each->head);
        exit(1);
    }
    if (!(field = strcasestr(each->head, "\ncontent-length:"))) fail("response without content-length");
    each->body_left = atol(field + 16);
    return end + 4 - each->head - each->used;
}

/* Receives, and says when the kernel had the last of the bytes. */
static long receive(int fd, char *chunk, double *arrived_at) {
    union { struct cmsghdr head; char space[256]; } control;
    struct iovec part = {.iov_base = chunk, .iov_len = CHUNK};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    long length = recvmsg(fd, &message, 0);
    for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); length > 0 && each; each = CMSG_NXTHDR(&message, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SO_TIMESTAMPNS) continue;
        struct timespec t;
        memcpy(&t, CMSG_DATA(each), sizeof t);
        *arrived_at = t.tv_sec + t.tv_nsec / 1e9;
    }
    return length;
}

static void read_responses(struct connection *each) {
    static char chunk[CHUNK];
    double arrived_at = 0;
    long length = rate ? receive(each->fd, chunk, &arrived_at) : recv(each->fd, chunk, CHUNK, 0);
    if (length < 0 && errno == EAGAIN) { errno = 0; return; }
    if (length <= 0) fail("the server closed a connection");
    if (now_s() >= counting_from) bytes += length;
    const char *data = chunk;
    if (each->body_left < 0) {
        long taken = read_head(each, data, length);
        if (taken < 0) return;
        data += taken;
        length -= taken;
    }
    if ((each->body_left -= length) < 0) fail("response body longer than its content-length");
    if (!each->body_left) record_response(each, arrived_at);
}

static void poll_once(int poll, int timeout_ms) {
    struct epoll_event ready[64];
    int got = epoll_wait(poll, ready, 64, timeout_ms);
    for (int i = 0; i < got; i++) {
        struct connection *each = ready[i].data.ptr;
        if (!each) {
            char expirations[8];
            if (read(timer, expirations, sizeof expirations) < 0) errno = 0;
        } else if (ready[i].events & EPOLLIN) {
            read_responses(each);
        } else if (ready[i].events & EPOLLOUT) {
            struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = each};
            epoll_ctl(poll, EPOLL_CTL_MOD, each->fd, &wanted);
            if (rate) put_idle(each);
            else send_request(each, now_s());
        } else {
            fail("connection lost");
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 9 && argc != 10 && argc != 12)
        fail("queries PORT PATH CONNECTIONS WARMUP_S WARMUP_ANSWERS SECONDS PID FILE [AGENTS [RATE SAMPLES]]");
    agents = argc > 9 ? atoi(argv[9]) : 0;
    rate = argc > 10 ? atof(argv[10]) : 0;
    int port = atoi(argv[1]), count = atoi(argv[3]), pid = atoi(argv[7]);
    double warmup = atof(argv[4]), seconds = atof(argv[6]);
    long warmup_answers = atol(argv[5]);
    make_requests(port, argv[2], argv[8]);
    struct connection *all = calloc(count, sizeof *all);
    idle = calloc(connection_count = count, sizeof *idle);
    int poll = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        all[i] = (struct connection){.fd = open_connection(port, 0), .request = (long)i * request_count / count,
                                     .first = i % key_count() * request_count};
        struct epoll_event wanted = {.events = EPOLLOUT, .data.ptr = &all[i]};
        epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &wanted);
        int on = 1;
        if (rate && setsockopt(all[i].fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on)) fail("time stamps");
    }
    if (rate) start_timer(poll, now_s() + CONNECT_S);
    double start = now_s() + warmup, end = 1e18, own = 0, server = 0, waited = 0;
    while (now_s() < end) {
        poll_once(poll, 100);
        if (counting_from > 1e17 && now_s() >= start && seen >= warmup_answers) {
            own = own_cpu_s();
            server = server_cpu_s(pid);
            waited = server_wait_s(pid);
            counting_from = now_s();
            end = counting_from + seconds;
        }
        if (rate) send_due();
    }
    seconds = now_s() - counting_from;
    printf("{\"seconds\": %.6f, \"answered\": %ld, \"bytes\": %ld, \"own_cpu_s\": %.6f, \"server_cpu_s\": %.6f, "
           "\"server_wait_s\": %.6f, ", seconds,
           answered, bytes, own_cpu_s() - own, server_cpu_s(pid) - server, server_wait_s(pid) - waited);
    if (rate) {
        /* Those that were sent count, however late they are answered. */
        while (idle_count < count && now_s() < end + DRAIN_S) poll_once(poll, 100);
        if (idle_count < count) fail("requests without an answer");
        write_samples(argv[11]);
    }
    print_latencies();
    printf("}\n");
    return 0;
}
