/*
 * The services of ../peer.c's server by lwIP's raw API on a plain TUN device, in the network namespace of the process:
 *
 *   lwip [MTU]
 *
 * 7001 takes everything, 7002 sends without end, 7003 answers one request and closes, 7004 answers every request. It says "ready" when it
 * listens. The kernel's side of the device is 10.9.0.1, lwIP's 10.9.0.2. lwIP knows no vnet header: one packet a frame.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

enum { SINK = 7001, SOURCE = 7002, ONCE = 7003, ECHO = 7004 };
enum { BLOCK = 64 * 1024, BATCH = 64, MAX_FRAME = 16 * 1024, IOVECS = 64 };

static const char block[BLOCK];
static int tun;

static void die(const char *what) {
  fprintf(stderr, "lwip: %s: %s\n", what, strerror(errno));
  exit(1);
}

u32_t sys_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

/* The device. */

static void open_tun(int mtu) {
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  char command[200];
  strcpy(request.ifr_name, "lwip0");
  if ((tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK)) < 0) die("/dev/net/tun");
  if (ioctl(tun, TUNSETIFF, &request) < 0) die("TUNSETIFF");
  snprintf(command, sizeof command, "ip link set lwip0 mtu %d txqueuelen 1000 up && ip addr add 10.9.0.1/24 dev lwip0", mtu);
  if (system(command) != 0) exit(1);
}

static err_t transmit(struct netif *netif, struct pbuf *p, const ip4_addr_t *to) {
  struct iovec parts[IOVECS];
  int count = 0;
  (void)netif;
  (void)to;
  for (struct pbuf *q = p; q != NULL; q = q->next) {
    if (count == IOVECS) return ERR_BUF;
    parts[count++] = (struct iovec){.iov_base = q->payload, .iov_len = q->len};
  }
  return writev(tun, parts, count) < 0 ? ERR_IF : ERR_OK;
}

static err_t setup(struct netif *netif) {
  netif->name[0] = 't';
  netif->name[1] = 'n';
  netif->output = transmit;
  netif->flags = NETIF_FLAG_UP | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

/* Reads straight into the pool's memory. Returns 0 when nothing waits. */
static int receive(struct netif *netif, int mtu) {
  struct iovec parts[IOVECS];
  int count = 0;
  struct pbuf *p = pbuf_alloc(PBUF_RAW, mtu, PBUF_POOL);
  if (p == NULL) return 0;
  for (struct pbuf *q = p; q != NULL && count < IOVECS; q = q->next) {
    parts[count++] = (struct iovec){.iov_base = q->payload, .iov_len = q->len};
  }
  ssize_t n = readv(tun, parts, count);
  if (n <= 0) {
    pbuf_free(p);
    if (n < 0 && errno != EAGAIN) die("read");
    return 0;
  }
  pbuf_realloc(p, n);
  if (netif->input(p, netif) != ERR_OK) pbuf_free(p);
  return 1;
}

/* The services. A connection's argument is its port. */

static void finish(struct tcp_pcb *pcb) {
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  if (tcp_close(pcb) != ERR_OK) tcp_abort(pcb);
}

static err_t pump(void *port, struct tcp_pcb *pcb, u16_t acked) {
  (void)port;
  (void)acked;
  while (tcp_sndbuf(pcb) > 0) {
    tcpwnd_size_t room = tcp_sndbuf(pcb) < BLOCK - 1 ? tcp_sndbuf(pcb) : BLOCK - 1;
    /* No copy: the block never changes. */
    if (tcp_write(pcb, block, (u16_t)room, 0) != ERR_OK) break;
  }
  tcp_output(pcb);
  return ERR_OK;
}

static err_t received(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  int port = (int)(intptr_t)argument;
  if (p == NULL || error != ERR_OK) {
    if (p != NULL) pbuf_free(p);
    finish(pcb);
    return ERR_OK;
  }
  tcp_recved(pcb, p->tot_len);
  if (port == ONCE || port == ECHO) {
    for (struct pbuf *q = p; q != NULL; q = q->next) tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY);
    if (port == ONCE) finish(pcb);
    else tcp_output(pcb);
  }
  pbuf_free(p);
  return ERR_OK;
}

static err_t accepted(void *argument, struct tcp_pcb *pcb, err_t error) {
  if (error != ERR_OK || pcb == NULL) return ERR_VAL;
  tcp_arg(pcb, argument);
  tcp_recv(pcb, received);
  tcp_nagle_disable(pcb);
  if ((intptr_t)argument != SOURCE) return ERR_OK;
  tcp_sent(pcb, pump);
  return pump(argument, pcb, 0);
}

static void serve(int port) {
  struct tcp_pcb *pcb = tcp_new();
  if (pcb == NULL || tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK) die("bind");
  pcb = tcp_listen_with_backlog(pcb, 255);
  if (pcb == NULL) die("listen");
  tcp_arg(pcb, (void *)(intptr_t)port);
  tcp_accept(pcb, accepted);
}

int main(int argc, char **argv) {
  struct netif netif;
  ip4_addr_t address, mask, gateway;
  int mtu = argc > 1 ? atoi(argv[1]) : 1500;
  if (mtu < 576 || mtu > MAX_FRAME) {
    fputs("lwip [MTU]\n", stderr);
    return 2;
  }
  open_tun(mtu);
  lwip_init();
  IP4_ADDR(&address, 10, 9, 0, 2);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 10, 9, 0, 1);
  netif_add(&netif, &address, &mask, &gateway, NULL, setup, ip_input);
  netif.mtu = mtu;
  netif_set_default(&netif);
  for (int port = SINK; port <= ECHO; port++) serve(port);
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct pollfd ready = {.fd = tun, .events = POLLIN};
    u32_t sleep = sys_timeouts_sleeptime();
    poll(&ready, 1, sleep == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? 1000 : (int)sleep);
    for (int i = 0; i < BATCH && receive(&netif, mtu); i++) {
    }
    sys_check_timeouts();
  }
}
