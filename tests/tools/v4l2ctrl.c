// SPDX-License-Identifier: GPL-2.0-only
/* v4l2ctrl DEVICE NAME [VALUE]: set a control of a V4L2 device by its name ("OSD Text Mode"), or press a button. */
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Returns the control's number, or 0. */
static __u32 find(int fd, const char *name)
{
	const __u32 next = V4L2_CTRL_FLAG_NEXT_CTRL;
	struct v4l2_queryctrl q = { .id = next };

	while (!ioctl(fd, VIDIOC_QUERYCTRL, &q)) {
		if (!strcmp((const char *)q.name, name))
			return q.id;
		q.id |= next;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct v4l2_control c = { .id = 0 };
	int fd;

	if (argc < 3)
		return 2;
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	c.id = find(fd, argv[2]);
	c.value = argc > 3 ? atoi(argv[3]) : 0;
	if (!c.id || ioctl(fd, VIDIOC_S_CTRL, &c) < 0) {
		perror(argv[2]);
		return 1;
	}
	return 0;
}
