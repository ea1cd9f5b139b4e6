/*
 * The kernel's side of the benchmark: one program, so that every arm meets the same client, and the kernel's arm the same server.
 *
 *   peer server ADDRESS
 *       One thread with epoll. Listens on four ports: 7001 takes everything (sink), 7002 sends without end (source), 7003 answers one
 *       request and closes, 7004 answers every request. Says "ready" when it listens.
 *   peer send|receive ADDRESS WARM SECONDS        one stream to 7001, from 7002
 *   peer crr ADDRESS WARM SECONDS PARALLEL        connect, request, response, close; PARALLEL at a time, to 7003
 *   peer rr ADDRESS WARM SECONDS                  request, response, one at a time on one connection, to 7004
 *   peer connect ADDRESS WARM SECONDS COUNT       COUNT connections spread over SECONDS to 7003, each with a request and a second's patience
 *       Says "begin" when WARM seconds have passed, and SECONDS later one line of JSON.
 *
 * Congestion control is CUBIC on every socket, whatever the machine's default. ADDRESS is an IPv4 or IPv6 address.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SINK = 7001, SOURCE = 7002, ONCE = 7003, ECHO = 7004 };
enum { MESSAGE = 64, BLOCK = 256 * 1024, MAX_FD = 65536, EVENTS = 256 };

static char block[BLOCK];

static void die(const char *what) {
  fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static socklen_t address(const char *text, int port, struct sockaddr_storage *into) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)into;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)into;
  memset(into, 0, sizeof *into);
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return sizeof *v4;
  }
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof *v6;
  }
  fprintf(stderr, "peer: %s is no address\n", text);
  exit(2);
}

static int tcp_socket(int family, int flags) {
  int fd = socket(family, SOCK_STREAM | flags, 0), on = 1;
  if (fd < 0) die("socket");
  if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0) die("cubic");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static int dial(const char *host, int port, int flags) {
  struct sockaddr_storage to;
  socklen_t length = address(host, port, &to);
  int fd = tcp_socket(to.ss_family, flags);
  if (connect(fd, (struct sockaddr *)&to, length) < 0 && errno != EINPROGRESS) die("connect");
  return fd;
}

static void watch(int poll, int fd, int events, int tag) {
  struct epoll_event event = {.events = events, .data.u64 = (unsigned long long)tag << 32 | (unsigned)fd};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

/* Server. The tag of a descriptor is the port it belongs to; a listener's is 0 below it. */

static void serve(int fd, int port) {
  ssize_t n;
  if (port == SOURCE) {
    while ((n = write(fd, block, BLOCK)) > 0) {
    }
    if (errno != EAGAIN) close(fd);
    return;
  }
  n = read(fd, block, port == SINK ? BLOCK : MESSAGE);
  if (n <= 0) {
    if (n == 0 || errno != EAGAIN) close(fd);
    return;
  }
  if (port == SINK) return;
  if (write(fd, block, n) != n || port == ONCE) close(fd);
}

static void server(const char *host) {
  struct epoll_event events[EVENTS];
  int poll = epoll_create1(0), on = 1;
  for (int port = SINK; port <= ECHO; port++) {
    struct sockaddr_storage at;
    socklen_t length = address(host, port, &at);
    int fd = tcp_socket(at.ss_family, SOCK_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, length) < 0) die("bind");
    if (listen(fd, 1024) < 0) die("listen");
    watch(poll, fd, EPOLLIN, port - 1000);
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    int count = epoll_wait(poll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      int fd = (int)(events[i].data.u64 & 0xffffffff), tag = (int)(events[i].data.u64 >> 32);
      if (tag >= SINK) {
        serve(fd, tag);
        continue;
      }
      int port = tag + 1000, client;
      while ((client = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        watch(poll, client, port == SOURCE ? EPOLLOUT : EPOLLIN, port);
      }
    }
  }
}

/* Clients. */

static double warm, seconds;
static double begin_at, end_at;
static int begun;

static void start(void) {
  begin_at = now() + warm;
  end_at = begin_at + seconds;
}

/* Says when the measured part begins, and returns whether it is over. `restart` is set at the moment it begins. */
static int over(int *restart) {
  double t = now();
  *restart = 0;
  if (!begun && t >= begin_at) {
    begun = *restart = 1;
    begin_at = t;
    end_at = t + seconds;
    puts("begin");
    fflush(stdout);
  }
  return begun && t >= end_at;
}

static void stream(const char *host, int sending) {
  /* Bytes until the end of each tenth of a second. */
  enum { TENTHS = 1200 };
  static unsigned long long until[TENTHS];
  int fd = dial(host, sending ? SINK : SOURCE, 0), restart, tenths = 0;
  unsigned long long bytes = 0;
  start();
  while (!over(&restart)) {
    if (restart) bytes = 0;
    while (begun && tenths < TENTHS && now() >= begin_at + (tenths + 1) * 0.1) until[tenths++] = bytes;
    ssize_t n = sending ? write(fd, block, BLOCK) : read(fd, block, BLOCK);
    if (n <= 0) die(sending ? "write" : "read");
    bytes += n;
  }
  double took = now() - begin_at;
  struct tcp_info info;
  socklen_t length = sizeof info;
  getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  printf("{\"bytes\":%llu,\"seconds\":%.6f,\"retransmits\":%u,\"tenths\":[", bytes, took, info.tcpi_total_retrans);
  for (int i = 0; i < tenths; i++) printf("%s%llu", i > 0 ? "," : "", until[i] - (i > 0 ? until[i - 1] : 0));
  puts("]}");
}

static void crr(const char *host, int parallel) {
  static unsigned char asked[MAX_FD];
  struct epoll_event events[EVENTS];
  unsigned long long done = 0, failed = 0;
  int poll = epoll_create1(0), restart, open = 0;
  start();
  for (;;) {
    if (over(&restart)) break;
    if (restart) done = failed = 0;
    while (open < parallel) {
      int fd = dial(host, ONCE, SOCK_NONBLOCK);
      asked[fd] = 0;
      watch(poll, fd, EPOLLOUT, 0);
      open++;
    }
    int count = epoll_wait(poll, events, EVENTS, 100);
    for (int i = 0; i < count; i++) {
      int fd = (int)(events[i].data.u64 & 0xffffffff);
      if (!asked[fd]) {
        if (write(fd, block, MESSAGE) == MESSAGE) {
          struct epoll_event event = {.events = EPOLLIN, .data.u64 = (unsigned)fd};
          asked[fd] = 1;
          epoll_ctl(poll, EPOLL_CTL_MOD, fd, &event);
          continue;
        }
        if (errno == EAGAIN) continue;
        failed++;
      } else {
        ssize_t n = read(fd, block, MESSAGE + 1);
        if (n > 0 || (n < 0 && errno == EAGAIN)) continue;
        if (n == 0) done++;
        else failed++;
      }
      close(fd);
      open--;
    }
  }
  printf("{\"connections\":%llu,\"failed\":%llu,\"seconds\":%.6f}\n", done, failed, now() - begin_at);
}

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void rr(const char *host) {
  enum { MOST = 4000000 };
  float *times = malloc(MOST * sizeof *times);
  size_t count = 0;
  int fd = dial(host, ECHO, 0), restart;
  start();
  while (!over(&restart) && count < MOST) {
    if (restart) count = 0;
    double t = now();
    if (write(fd, block, MESSAGE) != MESSAGE) die("write");
    for (ssize_t got = 0, n; got < MESSAGE; got += n) {
      n = read(fd, block, MESSAGE - got);
      if (n <= 0) die("read");
    }
    times[count++] = (float)((now() - t) * 1e6);
  }
  double took = now() - begin_at;
  if (count == 0) die("no answer");
  qsort(times, count, sizeof *times, by_value);
  printf("{\"requests\":%zu,\"seconds\":%.6f,\"p50\":%.2f,\"p99\":%.2f}\n", count, took, times[count / 2], times[count * 99 / 100]);
}

/* Who still gets in: each connection has a second from its first SYN to its answer. */
static void connects(const char *host, int count) {
  static struct { double since; int asked; } attempts[MAX_FD];
  struct epoll_event events[EVENTS];
  int poll = epoll_create1(0), restart, begun_count = 0, open = 0, done = 0, late = 0, failed = 0;
  float *times = malloc(count * sizeof *times);
  double last = 0;
  start();
  while (over(&restart), !begun) usleep(1000);
  while (done + late + failed < count) {
    double t = now();
    while (begun_count < count && t >= begin_at + begun_count * seconds / count) {
      int fd = dial(host, ONCE, SOCK_NONBLOCK);
      attempts[fd].since = now();
      attempts[fd].asked = 0;
      watch(poll, fd, EPOLLOUT, 0);
      begun_count++;
      open++;
    }
    int n = epoll_wait(poll, events, EVENTS, 1);
    t = now();
    for (int i = 0; i < n; i++) {
      int fd = (int)(events[i].data.u64 & 0xffffffff);
      if (!attempts[fd].asked && write(fd, block, MESSAGE) == MESSAGE) {
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = (unsigned)fd};
        attempts[fd].asked = 1;
        epoll_ctl(poll, EPOLL_CTL_MOD, fd, &event);
        continue;
      }
      if (attempts[fd].asked && read(fd, block, MESSAGE) == MESSAGE) {
        if (t - attempts[fd].since <= 1) times[done++] = (float)((t - attempts[fd].since) * 1e6);
        else late++;
      } else {
        failed++;
      }
      attempts[fd].since = 0;
      close(fd);
      open--;
    }
    if (t - last < 0.05) continue;
    last = t;
    for (int fd = 0; fd < MAX_FD; fd++) {
      if (attempts[fd].since == 0 || t - attempts[fd].since <= 1) continue;
      attempts[fd].since = 0;
      close(fd);
      open--;
      late++;
    }
  }
  qsort(times, done, sizeof *times, by_value);
  printf("{\"attempts\":%d,\"completed\":%d,\"late\":%d,\"failed\":%d,\"p50\":%.1f,\"p99\":%.1f}\n", count, done, late, failed,
         done > 0 ? times[done / 2] : -1, done > 0 ? times[done * 99 / 100] : -1);
}

int main(int argc, char **argv) {
  const char *mode = argc > 2 ? argv[1] : "";
  if (argc == 3 && strcmp(mode, "server") == 0) server(argv[2]);
  if (argc >= 5) {
    warm = atof(argv[3]);
    seconds = atof(argv[4]);
    if (strcmp(mode, "send") == 0) return stream(argv[2], 1), 0;
    if (strcmp(mode, "receive") == 0) return stream(argv[2], 0), 0;
    if (strcmp(mode, "rr") == 0) return rr(argv[2]), 0;
    if (strcmp(mode, "crr") == 0 && argc == 6) return crr(argv[2], atoi(argv[5])), 0;
    if (strcmp(mode, "connect") == 0 && argc == 6) return connects(argv[2], atoi(argv[5])), 0;
  }
  fputs("peer server ADDRESS | send|receive|rr ADDRESS WARM SECONDS | crr ADDRESS WARM SECONDS PARALLEL | connect ADDRESS WARM SECONDS COUNT\n", stderr);
  return 2;
}
