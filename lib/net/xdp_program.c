// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/xdp_program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	const long rc = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return rc < 0 ? -errno : (int)rc;
}

int zc_xdp_create_map(unsigned queues)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_XSKMAP,
		.key_size = sizeof(uint32_t),
		.value_size = sizeof(uint32_t),
		.max_entries = queues,
		.map_name = "zcdma",
	};

	return bpf(BPF_MAP_CREATE, &attr);
}

int zc_xdp_set_socket(int map, unsigned queue, int fd)
{
	const uint32_t key = queue, value = (uint32_t)fd;
	union bpf_attr attr = {
		.map_fd = (uint32_t)map,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)&value,
	};

	return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

/*
 * Instructions, in the words of Documentation/bpf/standardization/instruction-set.rst. A jump's target is the number
 * of instructions to skip.
 */
#define INSN(op, dst, src, offset, value)                                                         \
	{                                                                                         \
		.code = (op), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value) \
	}
#define MOV(dst, src)		  INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define MOV_VALUE(dst, value)	  INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define ALU(op, dst, src)	  INSN(BPF_ALU64 | (op) | BPF_X, dst, src, 0, 0)
#define ALU_VALUE(op, dst, value) INSN(BPF_ALU64 | (op) | BPF_K, dst, 0, 0, value)
#define LOAD(size, dst, src, offset) \
	INSN(BPF_LDX | BPF_MEM | (size), dst, src, (int16_t)(offset), 0)
#define JUMP(op, dst, src, skip)	 INSN(BPF_JMP | (op) | BPF_X, dst, src, skip, 0)
#define JUMP_VALUE(op, dst, value, skip) INSN(BPF_JMP | (op) | BPF_K, dst, 0, skip, value)
#define CALL(function)			 INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define EXIT()				 INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* Registers: what they hold all the way. */
#define CONTEXT BPF_REG_6
#define PACKET	BPF_REG_2
#define END	BPF_REG_3
#define HEADER	BPF_REG_7 /* of UDP */

/* Offsets in a frame, and in the headers of RFC 791, RFC 8200 and RFC 768. */
#define TYPE	     offsetof(struct ethhdr, h_proto)
#define IP	     sizeof(struct ethhdr)
#define IP4_FRAGMENT (IP + 6)
#define IP4_NEXT     (IP + 9)
#define IP4_LEAST    20
#define IP6_NEXT     (IP + 6)
#define IP6_HEADER   40
#define UDP_TO	     2
#define UDP_HEADER   8

/* Where jumps go to; the designators below hold the places. */
enum { IPV6 = 21, TO_PORT = 28, PASS = 39, LENGTH = 41 };

int zc_xdp_load(int map, uint16_t port)
{
	const struct bpf_insn program[LENGTH] = {
		/* 0 */ MOV(CONTEXT, BPF_REG_1),
		/* 1 */ LOAD(BPF_W, PACKET, CONTEXT, offsetof(struct xdp_md, data)),
		/* 2 */ LOAD(BPF_W, END, CONTEXT, offsetof(struct xdp_md, data_end)),
		/* 3 */ MOV(BPF_REG_4, PACKET),
		/* 4 */ ALU_VALUE(BPF_ADD, BPF_REG_4, IP + IP4_LEAST + UDP_HEADER),
		/* 5 */ JUMP(BPF_JGT, BPF_REG_4, END, PASS - 6),
		/* 6 */ LOAD(BPF_H, BPF_REG_4, PACKET, TYPE),
		/* 7 */ JUMP_VALUE(BPF_JEQ, BPF_REG_4, htons(ETH_P_IPV6), IPV6 - 8),
		/* 8 */ JUMP_VALUE(BPF_JNE, BPF_REG_4, htons(ETH_P_IP), PASS - 9),

		/* IPv4: its header's length is in words; a fragment has no port, or not all of the data. */
		/* 9 */ LOAD(BPF_B, BPF_REG_4, PACKET, IP4_NEXT),
		/* 10 */ JUMP_VALUE(BPF_JNE, BPF_REG_4, IPPROTO_UDP, PASS - 11),
		/* 11 */ LOAD(BPF_H, BPF_REG_4, PACKET, IP4_FRAGMENT),
		/* 12 */ ALU_VALUE(BPF_AND, BPF_REG_4, htons(0x3fff)),
		/* 13 */ JUMP_VALUE(BPF_JNE, BPF_REG_4, 0, PASS - 14),
		/* 14 */ LOAD(BPF_B, BPF_REG_4, PACKET, IP),
		/* 15 */ ALU_VALUE(BPF_AND, BPF_REG_4, 0xf),
		/* 16 */ ALU_VALUE(BPF_LSH, BPF_REG_4, 2),
		/* 17 */ MOV(HEADER, PACKET),
		/* 18 */ ALU(BPF_ADD, HEADER, BPF_REG_4),
		/* 19 */ ALU_VALUE(BPF_ADD, HEADER, IP),
		/* 20 */ JUMP_VALUE(BPF_JA, 0, 0, TO_PORT - 21),

		/* IPv6, without extension headers. */
		[IPV6] = MOV(BPF_REG_4, PACKET),
		/* 22 */ ALU_VALUE(BPF_ADD, BPF_REG_4, IP + IP6_HEADER + UDP_HEADER),
		/* 23 */ JUMP(BPF_JGT, BPF_REG_4, END, PASS - 24),
		/* 24 */ LOAD(BPF_B, BPF_REG_4, PACKET, IP6_NEXT),
		/* 25 */ JUMP_VALUE(BPF_JNE, BPF_REG_4, IPPROTO_UDP, PASS - 26),
		/* 26 */ MOV(HEADER, PACKET),
		/* 27 */ ALU_VALUE(BPF_ADD, HEADER, IP + IP6_HEADER),

		[TO_PORT] = MOV(BPF_REG_4, HEADER),
		/* 29 */ ALU_VALUE(BPF_ADD, BPF_REG_4, UDP_HEADER),
		/* 30 */ JUMP(BPF_JGT, BPF_REG_4, END, PASS - 31),
		/* 31 */ LOAD(BPF_H, BPF_REG_4, HEADER, UDP_TO),
		/* 32 */ JUMP_VALUE(port ? BPF_JNE : BPF_JLT, BPF_REG_4, htons(port), PASS - 33),
		/* 33 */ LOAD(BPF_W, BPF_REG_2, CONTEXT, offsetof(struct xdp_md, rx_queue_index)),
		/* 34 */ INSN(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map),
		/* 35 */ INSN(0, 0, 0, 0, 0),
		/* 36: for a queue without a socket */ MOV_VALUE(BPF_REG_3, XDP_PASS),
		/* 37 */ CALL(BPF_FUNC_redirect_map),
		/* 38 */ EXIT(),

		[PASS] = MOV_VALUE(BPF_REG_0, XDP_PASS),
		/* 40 */ EXIT(),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)program,
		.insn_cnt = LENGTH,
		.license = (uintptr_t) "LGPL-2.1-or-later",
		.prog_name = "zcdma",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

int zc_xdp_attach(int program, unsigned ifindex, uint32_t flags)
{
	union bpf_attr attr = { .link_create = {
					.prog_fd = (uint32_t)program,
					.target_ifindex = ifindex,
					.attach_type = BPF_XDP,
					.flags = flags,
				} };

	const int fd = bpf(BPF_LINK_CREATE, &attr);

	/* The kernel says so of a program in the other mode (dev_xdp_attach(), net/core/dev.c). */
	return fd == -EEXIST ? -EBUSY : fd;
}
