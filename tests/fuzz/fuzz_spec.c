// SPDX-License-Identifier: GPL-2.0-only
/* What a person types: addresses, sizes and specs of sources. It is refused with a message, or means what it says. */
#include <string.h>

#include "internal.h"
#include "../unit/lab.h"
#include "fuzz.h"

#define TEXT 400

const char *const fuzz_seeds[] = { NULL };

static void check_address(struct zcdma_ctx *ctx, const char *text)
{
	struct zcdma_addr addr, again;
	char back[TEXT];

	if (zcdma_addr_parse(ctx, text, &addr)) {
		fuzz_assert(*zcdma_error(ctx));
		return;
	}
	/* Written as it was understood, it is understood the same. */
	snprintf(back, sizeof(back), strchr(addr.host, ':') ? "%s[%s]:%s" : "%s%s:%s",
		 addr.udp ? "udp:" : "", addr.host, addr.port);
	fuzz_assert(!zcdma_addr_parse(ctx, back, &again));
	fuzz_assert(!strcmp(addr.host, again.host) && !strcmp(addr.port, again.port));
	fuzz_assert(addr.udp == again.udp);
}

static void check_size(const char *text)
{
	uint64_t size, again;
	char back[32];

	if (zcdma_size_parse(text, &size))
		return;
	zcdma_size_format(size, back, sizeof(back));
	fuzz_assert(*back);
	snprintf(back, sizeof(back), "%llu", (unsigned long long)size);
	fuzz_assert(!zcdma_size_parse(back, &again) && again == size);
}

/* A ring of a few pages, with any options but those that make it a large one, or a file. */
static void check_source(struct zcdma_ctx *ctx, const char *kind, const char *text)
{
	static const char *const costly[] = { "block", "memory" };
	struct zcdma_source *src;
	char spec[TEXT + 64];

	for (size_t i = 0; i < ARRAY_SIZE(costly); i++) {
		if (strstr(text, costly[i]))
			return;
	}
	snprintf(spec, sizeof(spec), "%s%s", kind, text);
	if (lab_open(ctx, spec, 0, &src))
		fuzz_assert(*zcdma_error(ctx));
	else
		zcdma_source_close(src);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned choice = fuzz_options(data, &size);
	struct zcdma_ctx *ctx;
	char text[TEXT];

	if (size >= TEXT || memchr(data, 0, size))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_assert(!zcdma_new(&ctx));
	switch (choice % 4) {
	case 0:
		check_address(ctx, text);
		break;
	case 1:
		check_size(text);
		break;
	case 2:
		check_source(ctx, "sim:blocks=2,block=4096,", text);
		break;
	default:
		check_source(ctx, "pcap:/dev/null,", text);
	}
	zcdma_free(ctx);
	return 0;
}
