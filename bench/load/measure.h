/* Shared by both load generators: clocks, figures of the server from /proc, latencies, connections. Linux only. */
#ifndef MEASURE_H
#define MEASURE_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_LATENCIES (1 << 23)

static void fail(const char *what) {
    fprintf(stderr, "%s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* The wall clock as the writer puts it into prices: microseconds, the last ten digits. */
static int64_t wall_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (t.tv_sec * 1000000LL + t.tv_nsec / 1000) % 10000000000LL;
}

static double own_cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* CPU time of all threads of the server, exact to the microsecond, which /proc/PID/stat is not. */
static double server_cpu_s(int pid) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) fail("the server has ended");
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* Time in which the server's main thread was runnable while other processes had its core. */
static double server_wait_s(int pid) {
    char path[64];
    unsigned long long waited = 0;
    snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
    FILE *file = fopen(path, "r");
    /* Kernels without scheduler statistics lack this file. */
    if (!file) { errno = 0; return 0; }
    if (fscanf(file, "%*u %llu", &waited) != 1) waited = 0;
    fclose(file);
    return waited / 1e9;
}

static long server_rss(int pid) {
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1) fail("the server has ended");
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static uint32_t *latencies;
static size_t latency_count;

static void record_latency(int64_t us) {
    if (!latencies && !(latencies = malloc(MAX_LATENCIES * sizeof *latencies))) fail("memory");
    /* A ring: when it is full, the newest latencies replace the oldest. */
    latencies[latency_count++ % MAX_LATENCIES] = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int compare_latency(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void print_latencies(void) {
    size_t count = latency_count < MAX_LATENCIES ? latency_count : MAX_LATENCIES;
    if (!count) {
        printf("\"p50_ms\": null, \"p99_ms\": null, \"max_ms\": null");
        return;
    }
    qsort(latencies, count, sizeof *latencies, compare_latency);
    printf("\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f", latencies[count / 2] / 1e3,
           latencies[count - 1 - count / 100] / 1e3, latencies[count - 1] / 1e3);
}

/* Reads the lines of a file, without line ends. */
static char **read_lines(const char *path, int *count) {
    FILE *file = fopen(path, "r");
    char **lines = NULL, *line = NULL;
    size_t size = 0;
    ssize_t length;
    if (!file) fail(path);
    for (*count = 0; (length = getline(&line, &size, file)) > 0; line = NULL, size = 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        lines = realloc(lines, (*count + 1) * sizeof *lines);
        lines[(*count)++] = line;
    }
    fclose(file);
    if (!*count) fail("no lines in the file of requests");
    return lines;
}

/* Returns the header with the key of a connection, or an empty text. Keys are in RATEWIRE_BENCH_KEYS, separated by spaces. */
static const char *key_header(int connection) {
    static char **headers;
    static int count = -1;
    if (count < 0) {
        char *left = getenv("RATEWIRE_BENCH_KEYS"), *key;
        for (count = 0, left = strdup(left ? left : ""); (key = strtok(count ? NULL : left, " ")); count++) {
            headers = realloc(headers, (count + 1) * sizeof *headers);
            asprintf(&headers[count], "Authorization: Bearer %s\r\n", key);
        }
    }
    return count ? headers[connection % count] : "";
}

/* Returns how many keys there are, at least one: without keys all connections send the same. */
static int key_count(void) {
    int count = 1;
    while (*key_header(0) && key_header(count) != key_header(0)) count++;
    return count;
}

/* Opens a non-blocking connection to a local port. Closing resets it, so that no port stays in TIME_WAIT. */
static int open_connection(int port, int receive_buffer) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct linger reset = {1, 0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (receive_buffer) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) fail("connect");
    errno = 0;
    return fd;
}

static void send_all(int fd, const char *data, size_t length) {
    /* Requests are small and sent one at a time: the send buffer always has room. */
    if (send(fd, data, length, MSG_NOSIGNAL) != (ssize_t)length) fail("send");
}
#endif
