// SPDX-License-Identifier: GPL-2.0-only
/*
 * diskload DEVICE read|write BLOCK DEPTH COUNT PID: make COUNT requests of BLOCK bytes by direct I/O, DEPTH at a time, no
 * two of which can be merged. Prints, in ns: how long all took, for how long of that the threads of process PID ran, and
 * how long half of the requests took at most.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MOST 256
/* A prime, so that each block has its turn. */
#define STRIDE 7919

struct load {
	int fd;
	bool writes;
	uint64_t block, blocks;
	unsigned depth, count;
	struct io_uring ring;
	char *memory;
	uint64_t since_ns[DEPTH_MOST];
	uint64_t *took_ns;
	unsigned done;
};

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Returns for how long the threads of a process have run. */
static uint64_t ran_ns(const char *pid)
{
	char path[280];
	struct dirent *entry;
	uint64_t all = 0, ns;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	check(dir != NULL, path);
	while ((entry = readdir(dir))) {
		FILE *f;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task/%.20s/schedstat", pid, entry->d_name);
		f = fopen(path, "re");
		check(f && fscanf(f, "%" SCNu64, &ns) == 1, path);
		fclose(f);
		all += ns;
	}
	closedir(dir);
	return all;
}

static void submit(struct load *l, unsigned slot, uint64_t number)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring);
	char *memory = l->memory + slot * l->block;
	const uint64_t at = number * STRIDE % l->blocks * l->block;

	if (l->writes)
		io_uring_prep_write(sqe, l->fd, memory, (unsigned)l->block, at);
	else
		io_uring_prep_read(sqe, l->fd, memory, (unsigned)l->block, at);
	sqe->user_data = slot;
	l->since_ns[slot] = now_ns();
}

static void take(struct load *l, const struct io_uring_cqe *cqe)
{
	errno = cqe->res < 0 ? -cqe->res : EIO;
	check(cqe->res == (int)l->block, l->writes ? "write" : "read");
	l->took_ns[l->done++] = now_ns() - l->since_ns[cqe->user_data];
}

/* Make @count requests. */
static void run(struct load *l, unsigned count)
{
	unsigned submitted = 0;
	struct io_uring_cqe *cqe;

	l->done = 0;
	while (submitted < l->depth && submitted < count) {
		submit(l, submitted, submitted);
		submitted++;
	}
	while (l->done < count) {
		check(io_uring_submit_and_wait(&l->ring, 1) >= 0, "io_uring_enter");
		while (!io_uring_peek_cqe(&l->ring, &cqe)) {
			const unsigned slot = (unsigned)cqe->user_data;

			take(l, cqe);
			io_uring_cqe_seen(&l->ring, cqe);
			if (submitted < count)
				submit(l, slot, submitted++);
		}
	}
}

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void measure(struct load *l, const char *pid)
{
	uint64_t ran, elapsed;

	/* What is slow once only. */
	run(l, l->depth);
	ran = ran_ns(pid);
	elapsed = now_ns();
	run(l, l->count);
	elapsed = now_ns() - elapsed;
	ran = ran_ns(pid) - ran;
	qsort(l->took_ns, l->count, sizeof(l->took_ns[0]), by_size);
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", elapsed, ran, l->took_ns[l->count / 2]);
}

int main(int argc, char **argv)
{
	static struct load l;

	if (argc != 7) {
		fprintf(stderr, "diskload DEVICE read|write BLOCK DEPTH COUNT PID\n");
		return 2;
	}
	l.writes = !strcmp(argv[2], "write");
	l.block = strtoull(argv[3], NULL, 10);
	l.depth = (unsigned)atoi(argv[4]);
	l.count = (unsigned)atoi(argv[5]);
	l.fd = open(argv[1], (l.writes ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	check(l.fd >= 0, argv[1]);
	l.blocks = (uint64_t)lseek(l.fd, 0, SEEK_END) / l.block;
	errno = EINVAL;
	check(l.depth >= 1 && l.depth <= DEPTH_MOST && l.count >= l.depth && l.blocks > l.depth,
	      "arguments");
	l.took_ns = calloc(l.count, sizeof(l.took_ns[0]));
	check(l.took_ns && !posix_memalign((void **)&l.memory, 1 << 20, l.depth * l.block),
	      "memory");
	memset(l.memory, 0x5a, l.depth * l.block);
	check(!io_uring_queue_init(DEPTH_MOST, &l.ring, 0), "io_uring");
	measure(&l, argv[6]);
	return 0;
}
