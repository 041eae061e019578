// SPDX-License-Identifier: GPL-2.0-only
/*
 * ringcheck DEVICE: is a ring of the driver's taken for the one that its writer offers, and no other?
 * Prints what is wrong, and ends with status 1.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "handover/protocol.h"
#include "source/source.h"
#include "../unit/lab.h"

static int wrong;

static void expect(const char *what, const struct zc_ho_offer *offer, int fd, int rc)
{
	if (zc_ho_check_ring(offer, fd) == rc)
		return;
	printf("%s: not %s\n", what, rc ? "refused" : "taken");
	wrong = 1;
}

static void check(const struct zcdma_source *src, const char *device)
{
	int stranger = open(device, O_RDONLY | O_CLOEXEC), fd;
	struct zc_ho_offer right, o;
	struct zc_ring_desc ring;

	fd = src->ops->share(src, &ring);
	zc_ho_describe(&right, &ring);
	expect("the ring", &right, fd, 0);
	expect("a file without a ring", &right, stranger, -EPROTO);
	o = right;
	o.blocks--;
	expect("a block less", &o, fd, -EPROTO);
	o = right;
	o.blocks++;
	expect("a block more", &o, fd, -EPROTO);
	o = right;
	o.stride *= 2;
	expect("blocks farther apart", &o, fd, -EPROTO);
	o = right;
	o.stride /= 2;
	expect("blocks closer together", &o, fd, -EPROTO);
	o.blocks *= 2;
	expect("twice the blocks, half as large", &o, fd, -EPROTO);
	close(stranger);
}

int main(int argc, char **argv)
{
	struct zcdma_source *src;
	struct zcdma_ctx *ctx;
	char spec[128];

	if (argc != 2 || zcdma_new(&ctx))
		return 2;
	snprintf(spec, sizeof(spec), "dev:%.80s,blocks=4,block=256K", argv[1]);
	if (lab_open(ctx, spec, ZC_USE_SHARE, &src)) {
		fprintf(stderr, "%s\n", zcdma_error(ctx));
		return 2;
	}
	check(src, argv[1]);
	zcdma_source_close(src);
	zcdma_free(ctx);
	return wrong;
}
