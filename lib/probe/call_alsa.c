// SPDX-License-Identifier: LGPL-2.1-or-later
/* The buffer of an ALSA device, which is there once its parameters are set. Nothing is played or captured. */
#include <fcntl.h>
#include <sound/asound.h>
#include <string.h>
#include <sys/ioctl.h>

#include "probe/call.h"

static struct snd_mask *mask_of(struct snd_pcm_hw_params *p, unsigned param)
{
	return &p->masks[param - SNDRV_PCM_HW_PARAM_FIRST_MASK];
}

/* Allow every value, of which the driver chooses, but no access other than by mmap(). */
static void allow_any(struct snd_pcm_hw_params *p)
{
	memset(p, 0, sizeof(*p));
	memset(p->masks, 0xff, sizeof(p->masks));
	for (size_t i = 0; i < ARRAY_SIZE(p->intervals); i++)
		p->intervals[i].max = UINT32_MAX;
	*mask_of(p, SNDRV_PCM_HW_PARAM_ACCESS) =
		(struct snd_mask){ .bits = { 1u << SNDRV_PCM_ACCESS_MMAP_INTERLEAVED |
					     1u << SNDRV_PCM_ACCESS_MMAP_NONINTERLEAVED } };
	p->rmask = UINT32_MAX;
}

static size_t buffer_bytes(const struct snd_pcm_hw_params *p)
{
	return p->intervals[SNDRV_PCM_HW_PARAM_BUFFER_BYTES - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL]
		.max;
}

int zc_probe_call_alsa(struct zcdma_ctx *ctx, const char *name, size_t bytes, bool writable,
		       struct zc_mapping *m, struct zcdma_probe *p)
{
	/* Without O_NONBLOCK it would wait until a device that is in use is free. */
	const int fd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct snd_pcm_hw_params params;
	struct snd_pcm_info info;
	int rc;

	(void)ctx;
	if (fd < 0)
		return zc_probe_absent(p, errno, "open: %s", strerror(errno));
	allow_any(&params);
	if (ioctl(fd, SNDRV_PCM_IOCTL_INFO, &info) < 0)
		rc = zc_probe_absent(p, errno, "it is not a PCM device: %s", strerror(errno));
	else if (ioctl(fd, SNDRV_PCM_IOCTL_HW_PARAMS, &params) < 0)
		rc = zc_probe_absent(p, errno, "set parameters with access by mmap: %s",
				     strerror(errno));
	else
		/* snd_pcm_mmap_data(): a buffer for playback has to be writable. */
		rc = zc_probe_map(m, p, fd, SNDRV_PCM_MMAP_OFFSET_DATA,
				  zc_min(zc_probe_whole_pages(bytes), buffer_bytes(&params)),
				  writable || info.stream == SNDRV_PCM_STREAM_PLAYBACK);
	/* The mapping keeps the device open, and so its buffer. */
	close(fd);
	return rc;
}
