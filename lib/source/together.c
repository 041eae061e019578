// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Channels of one device that start at the same time. Where the process that listens ends, its connections break, and the
 * others meet anew. Nothing here waits.
 */
#include "source/together.h"

#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "source/dev_node.h"
#include "util/local_socket.h"

#define MAGIC 0x31746774u /* "tgt1": another number where the messages change */

/* When to look again for a process that does not listen yet, or does not any more. */
#define AGAIN_NS UINT64_C(10000000)

enum kind {
	JOIN,	 /* to the one that listens, with the file; .value: how many channels are wanted */
	WAIT,	 /* from there; .value: how many are missing */
	REFUSE,	 /* .value: how many are wanted there; 0: it has this channel */
	STARTED, /* .device_time: when, or 0 */
	FAILED,	 /* .value: errno */
};

struct message {
	uint32_t magic, kind, value, reserved;
	uint64_t device_time;
};

/*
 * Messages
 */

/* Send a message with the descriptor @fd, or with -1 without one. Returns 0 or a negative errno. */
static int send_message(int sock, enum kind kind, uint32_t value, uint64_t device_time, int fd)
{
	const struct message msg = { MAGIC, kind, value, 0, device_time };

	return zc_local_send(sock, &msg, sizeof(msg), &fd, fd >= 0);
}

/* Receive a message, and into *@fd its descriptor, or -1. Returns 1; 0 if the other side has hung up; -EAGAIN; or -EPROTO. */
static int receive(int sock, struct message *msg, int *fd)
{
	ssize_t n = zc_local_recv(sock, msg, sizeof(*msg), fd, 1);

	if (n <= 0)
		return n == -EAGAIN || n == -EPROTO ? (int)n : 0;
	if (n == (ssize_t)sizeof(*msg) && msg->magic == MAGIC)
		return 1;
	zc_local_close(fd, 1);
	return -EPROTO;
}

/*
 * The process that listens
 */

static void drop(struct zc_together *t, unsigned i)
{
	struct zc_together_member *m = &t->member[i];

	close(m->sock);
	if (m->fd >= 0)
		close(m->fd);
	*m = t->member[--t->count];
}

static void tell(const struct zc_together *t, enum kind kind, uint32_t value)
{
	for (unsigned i = 0; i < t->count; i++) {
		if (t->member[i].fd >= 0)
			send_message(t->member[i].sock, kind, value, t->device_time, -1);
	}
}

static unsigned count_missing(const struct zc_together *t)
{
	unsigned missing = (unsigned)t->ring->opt.together - 1;

	for (unsigned i = 0; i < t->count; i++)
		missing -= t->member[i].fd >= 0;
	return missing;
}

static bool is_device(int fd, dev_t device)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_rdev == device;
}

/* Return whether the channel of @fd is here already. */
static bool is_here(const struct zc_together *t, int fd)
{
	struct stat st;

	if (fstat(fd, &st) || is_device(t->ring->fd, st.st_rdev))
		return true;
	for (unsigned i = 0; i < t->count; i++) {
		if (t->member[i].fd >= 0 && is_device(t->member[i].fd, st.st_rdev))
			return true;
	}
	return false;
}

static bool is_of_our_device(const struct zc_together *t, int fd)
{
	struct zc_dev_parent ours, theirs;

	return zc_dev_is_fd(fd) && zc_dev_get_parent(t->ring->fd, &ours) &&
	       zc_dev_get_parent(fd, &theirs) && ours.id == theirs.id;
}

/* Handle what a process sent. Returns false if it has to be dropped. */
static bool handle(struct zc_together *t, struct zc_together_member *m)
{
	const uint32_t wanted = (uint32_t)t->ring->opt.together;
	struct message msg;
	int fd, rc = receive(m->sock, &msg, &fd);

	if (rc == -EAGAIN)
		return true;
	if (rc == 1 && m->fd < 0 && msg.kind == JOIN && is_of_our_device(t, fd)) {
		if (msg.value == wanted && !is_here(t, fd)) {
			m->fd = fd;
			t->missing = 0; /* it has to be told, too */
			return true;
		}
		send_message(m->sock, REFUSE, msg.value == wanted ? 0 : wanted, 0, -1);
	}
	if (fd >= 0)
		close(fd);
	return false;
}

/* Take all pending connections. One that could not be taken would wake us again and again. */
static void accept_all(struct zc_together *t)
{
	int sock;

	while ((sock = accept4(t->sock, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (t->count == ARRAY_SIZE(t->member) || !zc_local_same_user(sock) ||
		    zc_alarm_add(&t->alarm, sock))
			close(sock);
		else
			t->member[t->count++] = (struct zc_together_member){ sock, -1 };
	}
	if (errno == EAGAIN)
		return;
	zc_alarm_remove(&t->alarm, t->sock);
	zc_alarm_set(&t->alarm, zc_now_ns() + AGAIN_NS);
}

/* The errno of a start that failed, which another process may have sent. Not EAGAIN, by which the wait would go on. */
static int error_of(uint32_t value)
{
	return value && value < 4096 && value != EAGAIN ? (int)value : EPROTO;
}

static int start_all(struct zc_together *t)
{
	struct zc_dev_ring *ring = t->ring;
	int32_t fds[ZCDMA_DEV_GROUP_MAX];
	struct zcdma_dev_group group = {
		.size = sizeof(group),
		.count = (uint32_t)ring->opt.together - 1,
		.fds = (uintptr_t)fds,
	};
	unsigned count = 0;
	int err;

	for (unsigned i = 0; i < t->count; i++) {
		if (t->member[i].fd >= 0)
			fds[count++] = t->member[i].fd;
	}
	err = ioctl(ring->fd, ZCDMA_IOC_START_GROUP, &group) ? errno : 0;
	t->device_time = !err && group.clock ? group.device_time : 0;
	tell(t, err ? FAILED : STARTED, (uint32_t)err);
	zc_together_leave(t);
	return err ? zc_dev_ring_fail(ring, error_of((uint32_t)err), "start with others") : 0;
}

/* Handle what came from those that have joined, or from those that have not, which can be more than are missing. */
static void handle_all(struct zc_together *t, bool joined)
{
	for (unsigned i = 0; i < t->count && (joined || count_missing(t));) {
		struct zc_together_member *m = &t->member[i];

		if ((m->fd >= 0) != joined || handle(t, m))
			i++;
		else
			drop(t, i);
	}
}

static int lead(struct zc_together *t)
{
	unsigned missing;
	int rc;

	/* One that could not be taken is, perhaps, now. */
	zc_alarm_remove(&t->alarm, t->sock);
	rc = zc_alarm_add(&t->alarm, t->sock);
	if (rc)
		return zc_dev_ring_fail(t->ring, -rc, "wait for others to start with");
	zc_alarm_set(&t->alarm, 0);
	accept_all(t);
	/* Those that are dead go before others come in their place. */
	handle_all(t, true);
	handle_all(t, false);
	missing = count_missing(t);
	if (!missing)
		return start_all(t);
	if (missing != t->missing)
		tell(t, WAIT, missing);
	t->missing = missing;
	return -EAGAIN;
}

/*
 * The others
 */

static int refused(struct zc_together *t, uint32_t wanted)
{
	struct zc_dev_ring *ring = t->ring;

	zc_together_leave(t);
	if (!wanted)
		return zc_fail_plain(ring->ctx, EBUSY,
				     "start %s with others: another process has this channel",
				     ring->name);
	zc_fail_plain(ring->ctx, EINVAL, "start %s with others: they wait with together=%u",
		      ring->name, wanted);
	zc_hint(ring->ctx, "give each of them the same together=");
	return -EINVAL;
}

/* Return whether the device runs, as where the process ended that had started it. */
static bool runs(const struct zc_together *t)
{
	struct zcdma_dev_stats s = { .size = sizeof(s) };

	return !ioctl(t->ring->fd, ZCDMA_IOC_STATS, &s) && s.running;
}

/* Meet the others again, in a while, as the process that listened is gone, or could not take us now. */
static int meet_again(struct zc_together *t)
{
	if (runs(t)) {
		zc_together_leave(t);
		return 0;
	}
	close(t->sock);
	t->sock = -1;
	t->missing = 0;
	zc_alarm_set(&t->alarm, zc_now_ns() + AGAIN_NS);
	return -EAGAIN;
}

static int follow(struct zc_together *t)
{
	struct zc_dev_ring *ring = t->ring;
	struct message msg;
	int fd, rc;

	while ((rc = receive(t->sock, &msg, &fd)) == 1) {
		if (fd >= 0)
			close(fd);
		if (msg.kind == WAIT)
			t->missing = msg.value;
		if (msg.kind == REFUSE)
			return refused(t, msg.value);
		if (msg.kind != STARTED && msg.kind != FAILED)
			continue;
		t->device_time = msg.device_time;
		zc_together_leave(t);
		return msg.kind == STARTED
			       ? 0
			       : zc_dev_ring_fail(ring, error_of(msg.value), "start with others");
	}
	return rc == -EAGAIN ? rc : meet_again(t);
}

/*
 * How they meet
 */

/* Make a name that all channels of a device find, for processes of one user. Returns its length, or 0. */
static socklen_t make_name(const struct zc_together *t, struct sockaddr_un *sa)
{
	struct zc_dev_parent parent;
	int n;

	if (!zc_dev_get_parent(t->ring->fd, &parent))
		return 0;
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* The first byte stays 0: unix(7), abstract. */
	n = snprintf(sa->sun_path + 1, sizeof(sa->sun_path) - 1, "zcdma-together-%u-%llx",
		     geteuid(), (unsigned long long)parent.id);
	return (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)n;
}

static int join(struct zc_together *t)
{
	int rc;

	if (!zc_local_same_user(t->sock))
		return zc_fail_plain(
			t->ring->ctx, EPERM,
			"start %s with others: a process of another user has their place",
			t->ring->name);
	rc = send_message(t->sock, JOIN, (uint32_t)t->ring->opt.together, 0, t->ring->fd);
	/* Where it is gone already, its end of the connection says so. */
	return rc && rc != -EPIPE && rc != -ECONNRESET
		       ? zc_dev_ring_fail(t->ring, -rc, "wait for others to start with")
		       : 0;
}

/* Listen, or join the process that does, or do so later. Returns 0 or a negative errno with the error message set. */
static int meet(struct zc_together *t)
{
	struct sockaddr_un sa;
	const socklen_t len = make_name(t, &sa);
	int rc = len ? 0 : -ENODEV;

	t->leads = false;
	t->missing = 0;
	zc_alarm_set(&t->alarm, 0);
	if (!rc)
		t->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (!rc && (t->sock < 0 || (rc = zc_alarm_add(&t->alarm, t->sock))))
		rc = rc ? rc : -errno;
	if (rc)
		return zc_dev_ring_fail(t->ring, -rc, "wait for others to start with");
	if (!bind(t->sock, (const struct sockaddr *)&sa, len)) {
		t->leads = true;
		t->missing = (unsigned)t->ring->opt.together - 1;
		return listen(t->sock, ZCDMA_DEV_GROUP_MAX)
			       ? zc_dev_ring_fail(t->ring, errno, "wait for others to start with")
			       : 0;
	}
	if (errno != EADDRINUSE)
		return zc_dev_ring_fail(t->ring, errno, "wait for others to start with");
	if (!connect(t->sock, (const struct sockaddr *)&sa, len))
		return join(t);
	if (errno != ECONNREFUSED && errno != EAGAIN)
		return zc_dev_ring_fail(t->ring, errno, "wait for others to start with");
	close(t->sock);
	t->sock = -1;
	zc_alarm_set(&t->alarm, zc_now_ns() + AGAIN_NS);
	return 0;
}

/* Have the removal of the device wake us: that alone, as what no event is asked for reports. */
static int watch_device(struct zc_together *t)
{
	struct epoll_event none = { .events = 0 };

	return epoll_ctl(t->alarm.fd, EPOLL_CTL_ADD, t->ring->fd, &none) ? -errno : 0;
}

static bool is_gone(const struct zc_together *t)
{
	struct pollfd p = { .fd = t->ring->fd };

	return poll(&p, 1, 0) == 1 && p.revents & (POLLERR | POLLHUP);
}

int zc_together_begin(struct zc_together *t, struct zc_dev_ring *ring)
{
	int rc;

	*t = (struct zc_together){ .sock = -1 };
	rc = zc_alarm_open(&t->alarm);
	if (rc)
		return zc_dev_ring_fail(ring, -rc, "wait for others to start with");
	t->ring = ring;
	rc = watch_device(t);
	rc = rc ? zc_dev_ring_fail(ring, -rc, "wait for others to start with") : meet(t);
	if (rc)
		zc_together_leave(t);
	return rc;
}

int zc_together_look(struct zc_together *t)
{
	int rc = 0;

	if (is_gone(t))
		rc = zc_dev_ring_fail(t->ring, ENODEV, "wait for others to start with");
	else if (t->sock < 0)
		rc = meet(t);
	if (!rc)
		rc = t->sock < 0 ? -EAGAIN : t->leads ? lead(t) : follow(t);
	if (rc && rc != -EAGAIN)
		zc_together_leave(t);
	return rc;
}

void zc_together_leave(struct zc_together *t)
{
	if (!t->ring)
		return;
	while (t->count)
		drop(t, 0);
	if (t->sock >= 0)
		close(t->sock);
	t->sock = -1;
	zc_alarm_close(&t->alarm);
	t->ring = NULL;
	t->missing = 0;
}
