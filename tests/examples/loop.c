/* loop SOURCE PATH HOST:PORT: send 64 MiB, or all that there is, in an event loop of the program's own. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <zcdma.h>

struct loop {
	struct zcdma_source *src;
	struct zcdma_path *path;
	struct zcdma_block b;
	bool held; /* .b is taken, and the path had no room for it */
};

/* Send as many blocks as there are, and there is room for. Returns -EAGAIN, 0 at the end, or an error. */
static int send_blocks(struct loop *l)
{
	int rc;

	for (;;) {
		if (!l->held) {
			rc = zcdma_source_next(l->src, 0, &l->b);
			if (rc != 1)
				return rc;
		}
		rc = zcdma_path_send(l->path, &l->b);
		l->held = rc == -EAGAIN;
		if (rc)
			return rc;
	}
}

static int run(struct loop *l)
{
	/* Here a program has its other descriptors, too. */
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int src_fd = zcdma_source_fd(l->src), path_fd = zcdma_path_fd(l->path), rc;

	if (src_fd < 0 || path_fd < 0)
		return src_fd < 0 ? src_fd : path_fd;
	zcdma_path_set_timeout(l->path, 0);
	p[1].fd = path_fd;
	while ((rc = send_blocks(l)) == -EAGAIN) {
		p[0].fd = l->held ? -1 : src_fd;
		if (poll(p, 2, -1) < 0)
			return -errno;
		rc = zcdma_path_process(l->path);
		if (rc)
			return rc;
	}
	zcdma_path_set_timeout(l->path, -1); /* this program has nothing else to do by now */
	return rc ? rc : zcdma_path_finish(l->path);
}

int main(int argc, char **argv)
{
	struct loop l = { .held = false };
	struct zcdma_ctx *ctx;
	int rc;

	if (argc != 4 || zcdma_new(&ctx))
		return 2;
	rc = zcdma_source_open(ctx, argv[1], &l.src);
	if (!rc)
		rc = zcdma_path_connect(ctx, l.src, argv[2], argv[3], &l.path);
	if (!rc) {
		zcdma_source_set_limit(l.src, 64 << 20, 0);
		rc = run(&l);
	}
	if (rc)
		fprintf(stderr, "loop: %s\n", zcdma_error(ctx));
	zcdma_path_close(l.path);
	zcdma_source_close(l.src);
	zcdma_free(ctx);
	return rc ? 1 : 0;
}
