// SPDX-License-Identifier: LGPL-2.1-or-later
/* The life of a ublk device: Documentation/block/ublk.rst, and ublk_ctrl_uring_cmd() in drivers/block/ublk_drv.c. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "disk/disk.h"

#define CONTROL "/dev/ublk-control"
#define DEVICES "/sys/class/ublk-char"

/* In ublksrv_flags, which the driver keeps for the server: the device is ours, and of this process. */
#define OURS	   0x7a63646d00000000ull /* "zcdm" */
#define OURS_MASK  0xffffffff00000000ull
#define OWNER_MASK 0xffffffffull

/* How long a node takes to appear, and a killed process to be gone. */
#define PATIENCE_MS 5000
#define NAP_MS	    20

/* How much is discarded by one request at most. */
#define DISCARD_MOST (1u << 30)

static int control(struct zcdma_disk *d, uint32_t op, int id, void *buffer, size_t len,
		   uint64_t data)
{
	const struct ublksrv_ctrl_cmd cmd = {
		.dev_id = (uint32_t)id,
		.queue_id = UINT16_MAX,
		.addr = (uintptr_t)buffer,
		.len = (uint16_t)len,
		.data[0] = data,
	};
	struct io_uring_sqe *sqe =
		zc_disk_sqe(d->queues[0], IORING_OP_URING_CMD, d->control_fd, ZC_DISK_CALL, 0);

	sqe->cmd_op = op;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	return zc_disk_call(d->queues[0], sqe);
}

int zc_ublk_open(struct zcdma_disk *d)
{
	d->control_fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (d->control_fd >= 0)
		return 0;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
		zc_fail_plain(d->ctx, EOPNOTSUPP,
			      "open " CONTROL ": the kernel's driver ublk_drv is not there");
		zc_hint(d->ctx,
			"load it: modprobe ublk_drv (Linux 6.5 or later with CONFIG_BLK_DEV_UBLK); on other "
			"kernels nbd-client(8) makes a device of the server");
		return -EOPNOTSUPP;
	}
	zc_fail(d->ctx, errno, "open " CONTROL);
	if (errno == EACCES || errno == EPERM)
		zc_hint(d->ctx, "run it as root");
	return -errno;
}

/*
 * Choosing how to copy
 */

/* Returns what the device has to be made with, and says why not fewer copies are made. */
static uint64_t copy_flags(struct zcdma_disk *d)
{
	const bool user = d->info.copy == ZCDMA_DISK_COPY_USER;

	if (user && d->options.copy != ZCDMA_DISK_COPY_USER)
		d->info.copy_reason =
			"ublk of this kernel cannot lend its pages, which came with Linux 6.16";
	else if (user)
		d->info.copy_reason = "it was asked for by --copy=user";
	else if (d->options.send_zerocopy)
		d->info.copy_reason =
			"what is received is copied once, out of the network's packets";
	else
		d->info.copy_reason =
			"what is received is copied once, out of the network's packets, and what is "
			"written once, unless --send-zerocopy is given";
	return user ? ZC_UBLK_F_USER_COPY : ZC_UBLK_F_ZERO_COPY | ZC_UBLK_F_AUTO_BUF_REG;
}

static int no_fixed(struct zcdma_disk *d, const char *option)
{
	int rc = zc_fail_plain(
		d->ctx, EOPNOTSUPP,
		"%s: ublk of this kernel cannot lend its pages, which came with Linux 6.16",
		option);

	zc_hint(d->ctx, "leave it out: the data is copied twice then");
	return rc;
}

/* Choose among what the kernel has. */
static int choose_copy(struct zcdma_disk *d, uint64_t features)
{
	const uint64_t fixed = ZC_UBLK_F_ZERO_COPY | ZC_UBLK_F_AUTO_BUF_REG;
	const bool lends = (features & fixed) == fixed;

	if (!lends && d->options.copy == ZCDMA_DISK_COPY_FIXED)
		return no_fixed(d, "--copy=fixed");
	if (!lends && d->options.send_zerocopy)
		return no_fixed(d, "--send-zerocopy");
	if (!lends && !(features & ZC_UBLK_F_USER_COPY))
		return zc_fail_plain(
			d->ctx, EOPNOTSUPP,
			"ublk of this kernel has no UBLK_F_USER_COPY, which came with Linux 6.5");
	d->info.copy = lends && d->options.copy != ZCDMA_DISK_COPY_USER ? ZCDMA_DISK_COPY_FIXED
									: ZCDMA_DISK_COPY_USER;
	return 0;
}

/* Get the memory that the way of copying needs in a queue. */
static int prepare_copy(struct zc_disk_queue *q)
{
	struct zcdma_disk *d = q->d;
	struct zc_disk_wire *w = &q->wire;
	int rc;

	if (d->info.copy == ZCDMA_DISK_COPY_FIXED) {
		rc = io_uring_register_buffers_sparse(&q->ring, d->depth);
		return rc ? zc_fail(d->ctx, -rc, "register buffers with io_uring") : 0;
	}
	w->in = malloc(ZC_DISK_CHUNK);
	w->out = malloc(ZC_DISK_CHUNK);
	return w->in && w->out ? 0 : zc_fail(d->ctx, ENOMEM, "serve %s", d->target.where);
}

/*
 * Devices that are there already
 */

/* Returns whether the process that made the device still runs. One that has ended may not be waited for yet. */
static bool has_owner(const struct ublksrv_ctrl_dev_info *info)
{
	const int fd = (int)syscall(SYS_pidfd_open, (pid_t)(info->ublksrv_flags & OWNER_MASK), 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool runs;

	if (fd < 0)
		return false;
	runs = poll(&p, 1, 0) == 0;
	close(fd);
	return runs;
}

static bool is_left(const struct ublksrv_ctrl_dev_info *info)
{
	return (info->ublksrv_flags & OURS_MASK) == OURS && info->state == ZC_UBLK_S_DEAD &&
	       !has_owner(info);
}

/* Delete what killed processes of ours left, so that their numbers are free. */
static void delete_left(struct zcdma_disk *d)
{
	struct ublksrv_ctrl_dev_info info;
	DIR *dir = opendir(DEVICES);
	struct dirent *entry;
	int id;

	while (dir && (entry = readdir(dir))) {
		if (sscanf(entry->d_name, "ublkc%d", &id) != 1)
			continue;
		if (!control(d, ZC_UBLK_GET_DEV_INFO, id, &info, sizeof(info), 0) && is_left(&info))
			control(d, ZC_UBLK_DEL_DEV, id, NULL, 0, 0);
	}
	if (dir)
		closedir(dir);
}

static int taken(struct zcdma_disk *d, const struct ublksrv_ctrl_dev_info *info)
{
	const int id = d->options.id;
	int rc;

	if ((info->ublksrv_flags & OURS_MASK) != OURS)
		rc = zc_fail_plain(d->ctx, EBUSY, "/dev/ublkb%d: it is another program's", id);
	else
		rc = zc_fail_plain(d->ctx, EBUSY, "/dev/ublkb%d: process %u serves it", id,
				   (unsigned)(info->ublksrv_flags & OWNER_MASK));
	zc_hint(d->ctx, "take another --id, or none");
	return rc;
}

static struct ublk_params params_of(const struct zcdma_disk *d);

/* Returns 0 if the device is as one that would be added now, or a negative errno with the error message set. */
static int check_params(struct zcdma_disk *d, const struct ublksrv_ctrl_dev_info *info)
{
	const struct ublk_params wanted = params_of(d);
	struct ublk_params p = { .len = sizeof(p) };
	int rc = control(d, ZC_UBLK_GET_PARAMS, d->options.id, &p, sizeof(p), 0);

	if (rc)
		return zc_fail(d->ctx, -rc, "look at /dev/ublkb%d", d->options.id);
	if (p.basic.dev_sectors != wanted.basic.dev_sectors)
		return zc_fail_plain(d->ctx, ESTALE,
				     "/dev/ublkb%d: it has %llu bytes, and the export %llu",
				     d->options.id, (unsigned long long)p.basic.dev_sectors << 9,
				     (unsigned long long)d->info.bytes);
	if (info->queue_depth > ZC_DISK_DEPTH_MOST ||
	    info->nr_hw_queues > ZCDMA_DISK_CONNECTIONS_MOST) {
		rc = zc_fail_plain(d->ctx, ESTALE, "/dev/ublkb%d: another version of zcdma made it",
				   d->options.id);
		zc_hint(d->ctx, "take it over with that version");
		return rc;
	}
	if (!memcmp(&p.basic, &wanted.basic, sizeof(p.basic)) &&
	    !memcmp(&p.discard, &wanted.discard, sizeof(p.discard)))
		return 0;
	rc = zc_fail_plain(d->ctx, ESTALE, "/dev/ublkb%d: the export had other features",
			   d->options.id);
	zc_hint(d->ctx, "--read-only has to be as it was, and so have the server's features");
	return rc;
}

/* Have as many queues as a device that is taken over. */
static int take_queues(struct zcdma_disk *d, const struct ublksrv_ctrl_dev_info *info)
{
	if (info->nr_hw_queues > 1 && !(d->export.flags & NBD_FLAG_CAN_MULTI_CONN))
		return zc_fail_plain(
			d->ctx, ESTALE,
			"/dev/ublkb%d: it has %u connections, and the server no longer says that they "
			"share what they wrote",
			d->options.id, info->nr_hw_queues);
	if (info->nr_hw_queues < d->options.connections)
		d->info.connections_reason =
			"the device is taken over, and has been made with as many";
	d->depth = info->queue_depth;
	return zc_queues_connect(d, info->nr_hw_queues);
}

/* Take over a device whose process is gone, and which waits for another. */
static int recover(struct zcdma_disk *d, const struct ublksrv_ctrl_dev_info *info)
{
	int rc = check_params(d, info);

	if (!rc)
		rc = take_queues(d, info);
	if (rc)
		return rc;
	rc = control(d, ZC_UBLK_START_USER_RECOVERY, d->options.id, NULL, 0, 0);
	if (rc)
		return zc_fail(d->ctx, -rc, "take over /dev/ublkb%d", d->options.id);
	d->info.recovered = true;
	/* It is not known what the other process had written. */
	d->queues[0]->unsure = !(d->export.flags & NBD_FLAG_CAN_MULTI_CONN);
	d->device_flags = info->flags;
	d->info.copy =
		info->flags & ZC_UBLK_F_USER_COPY ? ZCDMA_DISK_COPY_USER : ZCDMA_DISK_COPY_FIXED;
	return 0;
}

/*
 * Look at the device of the number that is asked for. Returns 1 if it waits for a process, and was taken over, 0 if the number
 * is free, or a negative errno with the error message set.
 */
static int claim(struct zcdma_disk *d)
{
	const uint64_t deadline = zc_deadline(PATIENCE_MS);
	struct ublksrv_ctrl_dev_info info = { 0 };
	int rc;

	if (d->options.id < 0)
		return 0;
	/* The kernel takes a while to see that a process was killed. */
	do {
		rc = control(d, ZC_UBLK_GET_DEV_INFO, d->options.id, &info, sizeof(info), 0);
		if (rc)
			return rc == -ENODEV ? 0
					     : zc_fail(d->ctx, -rc, "look at /dev/ublkb%d",
						       d->options.id);
		if ((info.ublksrv_flags & OURS_MASK) != OURS || has_owner(&info))
			return taken(d, &info);
		if (info.state == ZC_UBLK_S_QUIESCED) {
			rc = recover(d, &info);
			return rc ? rc : 1;
		}
	} while (zc_poll(d->ctx, -1, 0, NAP_MS) == -ETIMEDOUT && zc_time_left(deadline));
	return taken(d, &info);
}

/*
 * Adding
 */

static unsigned log2_of(uint64_t n)
{
	return n ? 63u - (unsigned)__builtin_clzll(n) : 0;
}

static struct ublk_params params_of(const struct zcdma_disk *d)
{
	const struct zc_nbd_export *e = &d->export;
	const uint32_t block = d->info.block_bytes;
	const uint32_t most = zc_min(e->payload_most, ZC_DISK_REQUEST_MOST) / block * block;
	const uint32_t discard = DISCARD_MOST >> 9;
	struct ublk_params p = {
		.len = sizeof(p),
		.types = UBLK_PARAM_TYPE_BASIC,
		.basic = {
			.logical_bs_shift = (uint8_t)log2_of(block),
			.physical_bs_shift = (uint8_t)log2_of(zc_max(block, 4096u)),
			.io_min_shift = (uint8_t)log2_of(zc_max(block, 4096u)),
			.io_opt_shift = (uint8_t)log2_of(most),
			.max_sectors = most >> 9,
			.dev_sectors = d->info.bytes >> 9,
		},
		.discard = {
			.discard_granularity = block,
			.max_discard_segments = 1,
		},
	};

	if (d->info.read_only)
		p.basic.attrs |= ZC_UBLK_ATTR_READ_ONLY;
	if (e->flags & NBD_FLAG_ROTATIONAL)
		p.basic.attrs |= ZC_UBLK_ATTR_ROTATIONAL;
	/* A server that has no flush has written what it acknowledges. */
	if (e->flags & NBD_FLAG_SEND_FLUSH)
		p.basic.attrs |= ZC_UBLK_ATTR_VOLATILE_CACHE;
	if (e->flags & NBD_FLAG_SEND_FLUSH && e->flags & NBD_FLAG_SEND_FUA)
		p.basic.attrs |= ZC_UBLK_ATTR_FUA;
	if (!d->info.read_only && e->flags & NBD_FLAG_SEND_TRIM)
		p.discard.max_discard_sectors = discard;
	if (!d->info.read_only && e->flags & NBD_FLAG_SEND_WRITE_ZEROES)
		p.discard.max_write_zeroes_sectors = discard;
	if (p.discard.max_discard_sectors || p.discard.max_write_zeroes_sectors)
		p.types |= UBLK_PARAM_TYPE_DISCARD;
	return p;
}

/* Returns how many queues the device has, and says why not as many as were asked for. */
static unsigned count_queues(struct zcdma_disk *d)
{
	const unsigned wanted = zc_max(d->options.connections, 1u);
	/* The kernel makes no more, so that some connections would have no queue. */
	const unsigned processors = (unsigned)zc_max(sysconf(_SC_NPROCESSORS_CONF), 1L);

	if (wanted > 1 && !(d->export.flags & NBD_FLAG_CAN_MULTI_CONN)) {
		d->info.connections_reason =
			"the server does not say that a flush is for what all connections wrote "
			"(NBD_FLAG_CAN_MULTI_CONN)";
		return 1;
	}
	if (wanted > processors)
		d->info.connections_reason = "the machine has no more processors";
	return zc_min(wanted, processors);
}

static int add(struct zcdma_disk *d)
{
	static const uint64_t recover_flags[] = {
		[ZCDMA_DISK_FAIL] = 0,
		[ZCDMA_DISK_WAIT] = ZC_UBLK_F_RECOVERY,
		[ZCDMA_DISK_REISSUE] = ZC_UBLK_F_RECOVERY | ZC_UBLK_F_RECOVERY_REISSUE,
	};
	struct ublk_params params = params_of(d);
	struct ublksrv_ctrl_dev_info info = {
		.nr_hw_queues = (uint16_t)count_queues(d),
		.queue_depth = (uint16_t)d->depth,
		.max_io_buf_bytes = ZC_DISK_REQUEST_MOST,
		.dev_id = (uint32_t)d->options.id,
		.flags = copy_flags(d) | recover_flags[d->options.recover],
		.ublksrv_flags = OURS | (uint32_t)getpid(),
	};
	const struct ublksrv_ctrl_dev_info wanted = info;
	int rc = zc_queues_connect(d, info.nr_hw_queues);

	if (rc)
		return rc;
	rc = control(d, ZC_UBLK_ADD_DEV, d->options.id, &info, sizeof(info), 0);
	if (rc) {
		zc_fail(d->ctx, -rc, "add a ublk device");
		if (rc == -EPERM)
			zc_hint(d->ctx, "run it as root (CAP_SYS_ADMIN)");
		return rc;
	}
	d->added = true;
	d->options.id = (int)info.dev_id;
	d->device_flags = info.flags;
	if ((info.flags & wanted.flags) != wanted.flags ||
	    info.nr_hw_queues != wanted.nr_hw_queues || info.queue_depth != wanted.queue_depth)
		return zc_fail_plain(d->ctx, EOPNOTSUPP,
				     "add a ublk device: the kernel refuses some of its features");
	rc = control(d, ZC_UBLK_SET_PARAMS, d->options.id, &params, sizeof(params), 0);
	return rc ? zc_fail(d->ctx, -rc, "set up /dev/ublkb%d", d->options.id) : 0;
}

/* Open the device's other side. The node may not be there yet. */
static int open_char(struct zcdma_disk *d)
{
	const uint64_t deadline = zc_deadline(PATIENCE_MS);
	char path[32];

	snprintf(path, sizeof(path), "/dev/ublkc%d", d->options.id);
	do {
		d->char_fd = open(path, O_RDWR | O_CLOEXEC);
	} while (d->char_fd < 0 && (errno == ENOENT || errno == EBUSY) && zc_time_left(deadline) &&
		 zc_poll(d->ctx, -1, 0, NAP_MS) == -ETIMEDOUT);
	if (d->char_fd < 0)
		return zc_fail(d->ctx, errno, "open %s", path);
	return 0;
}

int zc_ublk_add(struct zcdma_disk *d)
{
	uint64_t features = 0;
	int rc = control(d, ZC_UBLK_GET_FEATURES, -1, &features, sizeof(features), 0);

	if (rc) {
		zc_fail(d->ctx, -rc, "ask ublk for its features");
		if (rc == -EPERM || rc == -EACCES)
			zc_hint(d->ctx, "run it as root (CAP_SYS_ADMIN)");
		return rc;
	}
	rc = choose_copy(d, features);
	if (rc)
		return rc;
	delete_left(d);
	rc = claim(d);
	if (!rc)
		rc = add(d);
	else if (rc > 0)
		copy_flags(d);
	if (rc < 0)
		return rc;
	snprintf(d->path, sizeof(d->path), "/dev/ublkb%d", d->options.id);
	rc = open_char(d);
	for (unsigned i = 0; !rc && i < d->queue_count; i++) {
		rc = prepare_copy(d->queues[i]);
		if (!rc)
			rc = zc_queue_map(d->queues[i]);
	}
	return rc;
}

int zc_ublk_start(struct zcdma_disk *d)
{
	const uint32_t op = d->info.recovered ? ZC_UBLK_END_USER_RECOVERY : ZC_UBLK_START_DEV;
	int rc = zc_queues_start(d);

	if (rc)
		return rc;
	zc_queue_fetch(d->queues[0]);
	/* Adding it reads its partitions, which takes as long as the server; taking it over does not. */
	d->starting = !d->info.recovered;
	rc = control(d, op, d->options.id, NULL, 0, (uint64_t)getpid());
	d->starting = false;
	if (rc)
		return zc_fail(d->ctx, -rc, "start %s", d->path);
	d->added = true;
	/* One that was taken over may be in use, so it is served, which sees the interrupt. */
	return d->ctx->interrupted && !d->info.recovered ? -EINTR : 0;
}

void zc_ublk_remove(struct zcdma_disk *d)
{
	if (!d->added)
		return;
	control(d, ZC_UBLK_STOP_DEV, d->options.id, NULL, 0, 0);
	zc_disk_run(d->queues[0], zc_queue_is_gone, PATIENCE_MS, false);
	zc_queues_join(d);
	for (unsigned i = 0; i < d->queue_count; i++)
		zc_queue_unmap(d->queues[i]);
	if (d->char_fd >= 0)
		close(d->char_fd);
	d->char_fd = -1;
	/* Until its files are closed it is not deleted, and their last uses end with the ring's operations. */
	control(d, ZC_UBLK_DEL_DEV, d->options.id, NULL, 0, 0);
	d->added = false;
}
