// SPDX-License-Identifier: GPL-2.0-only
/* sendfile: from a block's position it sends the block, and of the stream it loses nothing. TAP. */
#include <errno.h>
#include <fcntl.h>
#include <linux/zcdma.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#define DEVICE "/dev/zcdma0"
#define BLOCK  65536

static int result(int ok, const char *name)
{
	printf("%sok - sendfile: %s\n", ok ? "" : "not ", name);
	if (!ok)
		printf("# %s\n", strerror(errno));
	return !ok;
}

int main(void)
{
	struct zcdma_dev_setup setup = {
		.size = sizeof(setup), .model = ZCDMA_DEV_COMPOUND, .block_size = BLOCK, .blocks = 4
	};
	struct zcdma_dev_block block = { .size = sizeof(block) };
	int dev = open(DEVICE, O_RDONLY), fd[2], failed = 0;
	static char sent[BLOCK], data[BLOCK];
	struct utsname u;
	off_t pos;

	if (dev < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fd) ||
	    ioctl(dev, ZCDMA_IOC_SETUP, &setup) || ioctl(dev, ZCDMA_IOC_START, 0) ||
	    ioctl(dev, ZCDMA_IOC_TAKE, &block))
		return result(0, DEVICE);

	uname(&u);
	pos = (off_t)block.position;
	if (sendfile(fd[1], dev, &pos, BLOCK) == BLOCK)
		failed |= result(recv(fd[0], sent, BLOCK, MSG_WAITALL) == BLOCK &&
					 pread(dev, data, BLOCK, (off_t)block.position) == BLOCK &&
					 !memcmp(sent, data, BLOCK) &&
					 pos == (off_t)block.position + BLOCK,
				 "a block at its position");
	else if (errno == EINVAL && !strncmp(u.release, "5.", 2))
		puts("ok - sendfile: a block at its position # skip this kernel refuses it");
	else
		failed |= result(0, "a block at its position");
	failed |= result(sendfile(fd[1], dev, NULL, BLOCK) == -1 && errno == EINVAL,
			 "the stream is refused");
	failed |= result(lseek(dev, BLOCK, SEEK_SET) == -1 && errno == ESPIPE, "nothing seeks");
	return failed;
}
