// SPDX-License-Identifier: LGPL-2.1-or-later
/* Questions to the kernel by netlink(7). */
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>

#include "net/netlink.h"

/* As large as the kernel makes a part of a dump (netlink_dump() in net/netlink/af_netlink.c). */
#define ANSWER_BYTES 32768

void *zc_netlink_begin(struct zc_netlink_request *q, uint16_t type, uint16_t flags, size_t len)
{
	memset(q, 0, sizeof(*q));
	mnl_nlmsg_put_header(q);
	q->header.nlmsg_type = type;
	/* So that an answer of one message ends as a dump does. */
	q->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return mnl_nlmsg_put_extra_header(&q->header, len);
}

static int receive(struct mnl_socket *socket, char *buf, mnl_cb_t take, void *arg)
{
	int rc = MNL_CB_OK;

	while (rc > MNL_CB_STOP) {
		const ssize_t n = mnl_socket_recvfrom(socket, buf, ANSWER_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		rc = n < 0 ? (int)n
			   : mnl_cb_run(buf, (size_t)n, 0, mnl_socket_get_portid(socket), take,
					arg);
	}
	return rc < 0 ? -errno : 0;
}

int zc_netlink_ask(int protocol, struct zc_netlink_request *q, mnl_cb_t take, void *arg)
{
	struct mnl_socket *socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	char *buf = malloc(ANSWER_BYTES);
	int rc;

	if (!socket || !buf || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, q, q->header.nlmsg_len) < 0)
		rc = -errno;
	else
		rc = receive(socket, buf, take, arg);
	if (socket)
		mnl_socket_close(socket);
	free(buf);
	return rc;
}

/*
 * Generic netlink
 */

static int take_family(const struct nlmsghdr *m, void *arg)
{
	const struct nlattr *a;
	uint16_t *family = arg;

	mnl_attr_for_each(a, m, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
			*family = mnl_attr_get_u16(a);
	}
	return MNL_CB_OK;
}

static void begin_generic(struct zc_netlink_request *q, uint16_t family, uint8_t command)
{
	struct genlmsghdr *header = zc_netlink_begin(q, family, 0, sizeof(*header));

	header->cmd = command;
	header->version = 1;
}

int zc_netlink_begin_generic(struct zc_netlink_request *q, const char *name, uint8_t command)
{
	uint16_t family = 0;
	int rc;

	begin_generic(q, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(&q->header, CTRL_ATTR_FAMILY_NAME, name);
	rc = zc_netlink_ask(NETLINK_GENERIC, q, take_family, &family);
	if (rc)
		return rc;
	begin_generic(q, family, command);
	return 0;
}
