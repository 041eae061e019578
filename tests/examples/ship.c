/* ship SOURCE PATH HOST:PORT: send 64 MiB, or all that there is. */
#include <stdio.h>
#include <zcdma.h>

static int ship(struct zcdma_source *src, struct zcdma_path *path)
{
	struct zcdma_block b;
	int rc;

	zcdma_source_set_limit(src, 64 << 20, 0);
	while ((rc = zcdma_source_next(src, -1, &b)) == 1) {
		rc = zcdma_path_send(path, &b);
		if (rc)
			break;
	}
	return rc ? rc : zcdma_path_finish(path);
}

int main(int argc, char **argv)
{
	struct zcdma_source *src = NULL;
	struct zcdma_path *path = NULL;
	struct zcdma_ctx *ctx;
	int rc;

	if (argc != 4 || zcdma_new(&ctx))
		return 2;
	rc = zcdma_source_open(ctx, argv[1], &src);
	if (!rc)
		rc = zcdma_path_connect(ctx, src, argv[2], argv[3], &path);
	if (!rc)
		rc = ship(src, path);
	if (rc)
		fprintf(stderr, "ship: %s\n", zcdma_error(ctx));
	zcdma_path_close(path);
	zcdma_source_close(src);
	zcdma_free(ctx);
	return rc ? 1 : 0;
}
