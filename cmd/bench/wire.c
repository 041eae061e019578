// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a wire without another machine. Packets are dropped at the egress of loopback by a program of BPF
 * (wire_program.c) that lists them, and a process acknowledges what is listed, as the network stack of another machine
 * would. Nothing is copied for a receiver, and no send has to be.
 */
#include "bench/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/wire_program.h"
#include "cli/status.h"

/* How long what is sent waits for an answer at most: as long as a network card may hold an interrupt back. */
#define PAUSE_NS 20000

/*
 * Answers
 */

/* What answers a SYN: a segment as Ethernet carries it (RFC 9293, 3.7.1), and a window of up to 1 GiB (RFC 7323, 2). */
static const uint8_t options[] = { TCPOPT_MAXSEG, TCPOLEN_MAXSEG, 1460 >> 8,	  1460 & 0xff,
				   TCPOPT_NOP,	  TCPOPT_WINDOW,  TCPOLEN_WINDOW, 14 };

struct answer {
	struct ethhdr ethernet; /* of loopback: zeros, and the protocol */
	struct iphdr ip;
	struct tcphdr tcp;
	uint8_t options[sizeof(options)];
} __attribute__((packed));

/* Add to the Internet checksum @sum (RFC 1071) the @len bytes of @data, an even number. */
static uint32_t add_up(uint32_t sum, const void *data, size_t len)
{
	uint16_t word;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		memcpy(&word, (const uint8_t *)data + i, sizeof(word));
		sum += word;
	}
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* Make the answer to the packet of @record. Returns its length. */
static size_t make_answer(struct answer *a, const struct wire_record *record)
{
	const bool syn = record->flags & TH_SYN;
	const size_t len = sizeof(a->tcp) + (syn ? sizeof(a->options) : 0);

	*a = (struct answer){
		.ethernet.h_proto = htons(ETH_P_IP),
		.ip = { .version = 4,
			.ihl = sizeof(a->ip) / 4,
			.tot_len = htons((uint16_t)(sizeof(a->ip) + len)),
			.frag_off = htons(IP_DF),
			.ttl = IPDEFTTL,
			.protocol = IPPROTO_TCP,
			.saddr = inet_addr(BENCH_WIRE_TO),
			.daddr = inet_addr(BENCH_WIRE_FROM) },
		.tcp = { .th_sport = record->to,
			 .th_dport = record->from,
			 /* We send nothing but a SYN and a FIN, and go on where the other end is. */
			 .th_seq = syn ? htonl(1) : record->acknowledged,
			 .th_ack = record->next,
			 .th_off = len / 4,
			 .th_flags = (uint8_t)(record->flags | TH_ACK),
			 .th_win = 0xffff },
	};
	memcpy(a->options, options, sizeof(options));
	a->ip.check = fold(add_up(0, &a->ip, sizeof(a->ip)));
	a->tcp.th_sum = fold(add_up(add_up(htons(IPPROTO_TCP) + htons((uint16_t)len), &a->ip.saddr,
					   2 * sizeof(a->ip.saddr)),
				    &a->tcp, len));
	return sizeof(a->ethernet) + sizeof(a->ip) + len;
}

/* Send the answer. One that has no room is lost, as on any wire: the next one acknowledges more, or TCP asks again. */
static void answer(int sock, const struct wire_record *record)
{
	struct answer a;

	(void)!send(sock, &a, make_answer(&a, record), 0);
}

/*
 * Records
 */

/* The ring, as kernel/bpf/ringbuf.c maps it: two pages of positions, and the data twice in a row. */
struct records {
	_Atomic unsigned long *read, *written;
	const uint8_t *data;
};

static bool map_records(struct records *r, int ring)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *read = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
	void *rest = mmap(NULL, page + 2 * WIRE_RING, PROT_READ, MAP_SHARED, ring, (off_t)page);

	if (read == MAP_FAILED || rest == MAP_FAILED)
		return false;
	r->read = read;
	r->written = rest;
	r->data = (const uint8_t *)rest + page;
	return true;
}

/* Take the next record. Returns false if nothing was written, or not all of it yet. */
static bool take_record(struct records *r, struct wire_record *record)
{
	const unsigned long at = atomic_load_explicit(r->read, memory_order_relaxed);
	const uint8_t *place = r->data + at % WIRE_RING;
	uint32_t len;

	if (at == atomic_load_explicit(r->written, memory_order_acquire))
		return false;
	len = atomic_load_explicit((const _Atomic uint32_t *)place, memory_order_acquire);
	if (len & BPF_RINGBUF_BUSY_BIT)
		return false;
	memcpy(record, place + BPF_RINGBUF_HDR_SZ, sizeof(*record));
	atomic_store_explicit(r->read, at + (BPF_RINGBUF_HDR_SZ + len + 7) / 8 * 8,
			      memory_order_release);
	return true;
}

/* Whether the answer to @next alone will do: it acknowledges what @last does too, unless it was sent again. */
static bool covers(const struct wire_record *next, const struct wire_record *last)
{
	return next->from == last->from && next->to == last->to && !next->flags && !last->flags &&
	       (int32_t)(ntohl(next->next) - ntohl(last->next)) >= 0;
}

/* Answer what has come, with one acknowledgement for what came at once, as a receiver does that merges packets (GRO). */
static void answer_all(struct records *r, int sock)
{
	struct wire_record last, next;

	if (!take_record(r, &last))
		return;
	while (take_record(r, &next)) {
		if (!covers(&next, &last))
			answer(sock, &last);
		last = next;
	}
	answer(sock, &last);
}

/*
 * The process that answers, until the bench ends: also after a signal, as the bench may still have to be answered. It looks
 * for records by itself, as another machine would: to be woken for them costs the sender an interrupt to itself and one
 * to another processor, more than what TCP does for a packet.
 */
static _Noreturn void answer_always(struct records *r, int sock)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };

	prctl(PR_SET_TIMERSLACK, 1);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (;;) {
		answer_all(r, sock);
		nanosleep(&pause, NULL);
	}
}

/*
 * Begin
 */

/* Have the program see what leaves loopback. Returns 0 or a negative errno. */
static int attach(int program)
{
	char room[1024];
	struct nlmsghdr *m = mnl_nlmsg_put_header(room);
	struct mnl_socket *sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct nlattr *nest;
	struct tcmsg *tc;
	ssize_t n = -1;

	m->nlmsg_type = RTM_NEWTFILTER;
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	tc = mnl_nlmsg_put_extra_header(m, sizeof(*tc));
	tc->tcm_ifindex = (int)if_nametoindex("lo");
	tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
	tc->tcm_info = TC_H_MAKE(1 << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(m, TCA_KIND, "bpf");
	nest = mnl_attr_nest_start(m, TCA_OPTIONS);
	mnl_attr_put_u32(m, TCA_BPF_FD, (uint32_t)program);
	mnl_attr_put_strz(m, TCA_BPF_NAME, "zcdma");
	mnl_attr_put_u32(m, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(m, nest);
	if (sock && !mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) &&
	    mnl_socket_sendto(sock, m, m->nlmsg_len) >= 0)
		n = mnl_socket_recvfrom(sock, room, sizeof(room));
	if (n > 0)
		n = mnl_cb_run(room, (size_t)n, 0, mnl_socket_get_portid(sock), NULL, NULL);
	n = n < 0 ? -errno : 0;
	if (sock)
		mnl_socket_close(sock);
	return (int)n;
}

static int open_packet_socket(void)
{
	const struct sockaddr_ll lo = { .sll_family = AF_PACKET,
					.sll_ifindex = (int)if_nametoindex("lo") };
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (sock >= 0 && bind(sock, (const struct sockaddr *)&lo, sizeof(lo)) < 0) {
		close(sock);
		return -1;
	}
	return sock;
}

static int fail(struct report *r, int rc, const char *what)
{
	return report_system_error(
		r, STATUS_IMPOSSIBLE, rc,
		rc == -EPERM
			? "run it as root, with CAP_BPF and CAP_NET_ADMIN outside of any user namespace"
		: rc == -ENOENT ? "use a kernel with cls_bpf (CONFIG_NET_CLS_BPF)"
				: NULL,
		"--net wire: %s: %s", what, strerror(-rc));
}

static int start_answers(struct report *r, int ring)
{
	struct records records;
	int sock = open_packet_socket();
	pid_t pid;

	if (sock < 0 || !map_records(&records, ring))
		return fail(r, -errno, "answer packets");
	pid = bench_fork();
	if (!pid)
		answer_always(&records, sock);
	if (pid < 0)
		return fail(r, -errno, "start a process");
	close(sock);
	return STATUS_OK;
}

int bench_wire_begin(struct report *r)
{
	int ring = wire_create_ring(), program, rc, status;

	if (ring < 0)
		return fail(r, ring, "make a map of BPF");
	program = wire_load_program(ring, inet_addr(BENCH_WIRE_TO));
	if (program < 0) {
		status = fail(r, program, "load a program of BPF");
		goto out_ring;
	}
	rc = attach(program);
	status = rc ? fail(r, rc, "attach a program of BPF to loopback") : start_answers(r, ring);
	/* Loopback keeps the program. */
	close(program);
out_ring:
	close(ring);
	return status;
}
