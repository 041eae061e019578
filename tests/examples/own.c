/* own PATH HOST:PORT: send 64 MiB from memory of the program's own, allocated and mapped. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <zcdma.h>
#include <zcdma/verify.h>

#define PIECE  ((size_t)256 << 10)
#define PIECES 8
#define BYTES  ((uint64_t)64 << 20)

struct own {
	struct zcdma_source *src;
	struct zcdma_path *path;
	unsigned char *piece[PIECES];
	uint64_t filled;
};

/* Write the next data of the stream to a piece that nothing reads, and send it. */
static int fill_and_send(struct own *o, uint64_t i)
{
	struct zcdma_block b;
	int rc;

	zcdma_pattern_fill(o->piece[i], PIECE, o->filled, 0);
	o->filled += PIECE;
	rc = zcdma_source_submit(o->src, o->piece[i], PIECE, i);
	if (!rc && zcdma_source_next(o->src, 0, &b) == 1)
		rc = zcdma_path_send(o->path, &b);
	return rc;
}

static int send_all(struct own *o)
{
	uint64_t i;
	int rc = 0;

	for (i = 0; !rc && i < PIECES; i++)
		rc = fill_and_send(o, i);
	/* A piece may be written to again when it comes back, and not before. */
	while (!rc && o->filled < BYTES) {
		rc = zcdma_source_reclaim(o->src, -1, &i);
		if (rc == 1)
			rc = fill_and_send(o, i);
	}
	return rc ? rc : zcdma_path_finish(o->path);
}

int main(int argc, char **argv)
{
	const size_t half = PIECE * PIECES / 2;
	struct zcdma_region regions[2] = { { malloc(half), half }, { NULL, half } };
	struct own o = { .filled = 0 };
	struct zcdma_ctx *ctx;
	int rc;

	regions[1].data =
		mmap(NULL, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (argc != 3 || !regions[0].data || regions[1].data == MAP_FAILED || zcdma_new(&ctx))
		return 2;
	for (size_t i = 0; i < PIECES; i++)
		o.piece[i] = (unsigned char *)regions[i % 2].data + i / 2 * PIECE;
	rc = zcdma_source_open_memory(ctx, regions, 2, &o.src);
	if (!rc)
		rc = zcdma_path_connect(ctx, o.src, argv[1], argv[2], &o.path);
	if (!rc)
		rc = send_all(&o);
	if (rc)
		fprintf(stderr, "own: %s\n", zcdma_error(ctx));
	zcdma_path_close(o.path);
	zcdma_source_close(o.src);
	zcdma_free(ctx);
	munmap(regions[1].data, half);
	free(regions[0].data);
	return rc ? 1 : 0;
}
