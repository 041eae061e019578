// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a fuzz target without libFuzzer: its corpus, and a number of inputs made of that and of its seeds, the same
 * on every run, as a line of TAP; or the inputs in files.
 *
 *     fuzz_NAME [FILE...]
 */
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <string.h>

#include "../unit/random.h"
#include "fuzz.h"

#define FILES  3000  /* inputs made of seeds ... */
#define RANDOM 30000 /* ... and of random bytes */
#define MOST   262144

static uint8_t input[MOST];
static size_t input_size;
static char input_path[256];

/* Keep the input that a target failed with. */
static void save_input(int signum)
{
	int fd = open(input_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd >= 0 && write(fd, input, input_size) == (ssize_t)input_size)
		close(fd);
	signal(signum, SIG_DFL);
	raise(signum);
}

static size_t load(const char *path, uint8_t *data, size_t most)
{
	FILE *file = fopen(path, "r");
	size_t size;

	if (!file) {
		perror(path);
		exit(2);
	}
	size = fread(data, 1, most, file);
	fclose(file);
	return size;
}

/* In memory that ends with the input, so that a sanitizer sees a read past its end. */
static void run_input(void)
{
	uint8_t *exact = malloc(input_size + !input_size);

	fuzz_assert(exact);
	memcpy(exact, input, input_size);
	LLVMFuzzerTestOneInput(exact, input_size);
	free(exact);
}

/* Run the files of the corpus as they stand. Returns how many there are. */
static size_t run_corpus(const glob_t *corpus)
{
	for (size_t i = 0; i < corpus->gl_pathc; i++) {
		input_size = load(corpus->gl_pathv[i], input, MOST);
		run_input();
	}
	return corpus->gl_pathc;
}

/* A seed and a byte for options, spoiled in some places, often in the first; or random bytes. */
static void make_input(size_t seeds, const glob_t *corpus)
{
	const char *seed = seeds ? fuzz_seeds[random_number() % seeds] : NULL;

	if (corpus->gl_pathc && one_in(2))
		seed = corpus->gl_pathv[random_number() % corpus->gl_pathc];

	input_size = seed ? load(seed, input, MOST - 1) : random_number() % 600;
	for (size_t i = 0; !seed && i < input_size; i++)
		input[i] = (uint8_t)random_number();
	if (seed && one_in(4))
		input_size = random_number() % (input_size + 1);
	mutate(input, one_in(2) && input_size > 64 ? 64 : input_size);
	for (unsigned more = random_number() % 8; more; more--)
		mutate(input, input_size);
	input[input_size++] = (uint8_t)random_number();
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	unsigned seeds = 0, inputs;
	char pattern[256];
	glob_t corpus = { 0 };

	snprintf(input_path, sizeof(input_path), "%s.input", argv[0]);
	for (int i = 1; i < argc; i++) {
		input_size = load(argv[i], input, MOST);
		run_input();
	}
	if (argc > 1)
		return 0;
	signal(SIGABRT, save_input);
	signal(SIGSEGV, save_input);
	snprintf(pattern, sizeof(pattern), "tests/fuzz/corpus/%s/*", name);
	glob(pattern, 0, NULL, &corpus);
	while (fuzz_seeds[seeds])
		seeds++;
	inputs = seeds ? FILES : RANDOM;
	for (unsigned i = 0; i < inputs; i++) {
		make_input(seeds, &corpus);
		run_input();
	}
	inputs += run_corpus(&corpus);
	globfree(&corpus);
	printf("ok - %s: %u inputs\n", name, inputs);
	return 0;
}
