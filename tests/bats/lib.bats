#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The library, as another program sees it: installed, through pkg-config, in C and C++.
# shellcheck disable=SC2016 # scripts for eval

load common

# SAN is cleared: what gets installed is the ordinary build, and a program that links to it is no
# part of this tree.
setup_file() {
    make_ordinary install DESTDIR= PREFIX="$BATS_FILE_TMPDIR/usr" >&2
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    LIB=$BATS_FILE_TMPDIR/usr/lib/libzcdma.so.0
    export PKG_CONFIG_PATH=$BATS_FILE_TMPDIR/usr/lib/pkgconfig
}

# defined FILE: the names that it exports.
defined() {
    nm -D --defined-only "$1" | awk '$2 != "A" { sub("@.*", "", $3); print $3 }' | sort
}

# capture | verify, in a program: from a source, along a path, to a file, and a check of that.
program() {
    cat <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <zcdma.h>
#include <zcdma/verify.h>

static int failed(struct zcdma_ctx *ctx, const char *what)
{
	fprintf(stderr, "%s: %s (%s)\n", what, zcdma_error(ctx), zcdma_hint(ctx) ? zcdma_hint(ctx) : "-");
	return 1;
}

int main(int argc, char **argv)
{
	int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0666);
	struct zcdma_check_result result;
	struct zcdma_path_stats stats;
	struct zcdma_check *check;
	struct zcdma_source *src;
	struct zcdma_block b;
	struct zcdma_path *path;
	struct zcdma_ctx *ctx;

	if (zcdma_new(&ctx) || zcdma_check_pattern(ctx, 7, &check))
		return 1;
	if (zcdma_source_open(ctx, argc > 1 ? argv[1] : "sim:block=64K,blocks=4,seed=7", &src))
		return failed(ctx, "open");
	if (zcdma_path_open(ctx, src, "copy", fd, &path))
		return failed(ctx, "path");
	for (int i = 0; i < 20; i++) {
		if (zcdma_source_next(src, -1, &b) != 1 || zcdma_check_feed(check, b.data, b.len) ||
		    zcdma_path_send(path, &b))
			return failed(ctx, "send");
	}
	if (zcdma_path_finish(path))
		return failed(ctx, "finish");
	zcdma_check_end(check);
	zcdma_check_get_result(check, &result);
	zcdma_path_get_stats(path, &stats, sizeof(stats));
	printf("%llu sent, %llu faults\n", (unsigned long long)stats.bytes, (unsigned long long)result.faults);
	zcdma_path_close(path);
	zcdma_source_close(src);
	zcdma_check_free(check);
	zcdma_free(ctx);
	return 0;
}
END
}

@test "library: a program finds it with pkg-config, builds without a warning, and works" {
    program >program.c
    # shellcheck disable=SC2046 # options
    ${CC:-cc} -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -Werror program.c \
        $(pkg-config --cflags --libs libzcdma) -Wl,-rpath,"${LIB%/*}" -o program
    run -0 ./program
    assert_output "$((20 * 65536)) sent, 0 faults"
    zcdma verify -q --bytes 1310720 --pattern 7 data
    run -1 ./program sim:block=5
    assert_output 'open: source sim:block=5: block=5 is not valid '`
        `'(block= takes a size that is a multiple of the page size, up to 1T)'
    run -1 ./program nowhere
    assert_output 'open: open nowhere: No such file or directory (-)'
}

# headers: their names, as a program includes them.
headers() {
    (cd "$BATS_FILE_TMPDIR/usr/include" && printf '%s\n' zcdma.h zcdma/*.h)
}

@test "library: what a program may not do with a block does not compile" {
    local flags line
    flags=$(pkg-config --cflags libzcdma)
    for line in 'memset(b->data, 0, b->len);' '((struct zcdma_block *)b)->data[0] = 0;' \
        'zcdma_source_put(src, b, 0);' 'zcdma_path_reap(path, b);'; do
        printf '#include <string.h>\n#include <zcdma.h>\n%s\n{\n\t(void)src, (void)path;\n\t%s\n}\n' \
            'void f(struct zcdma_source *src, struct zcdma_path *path, struct zcdma_block *b)' "$line" >bad.c
        # shellcheck disable=SC2086
        run ! "${CC:-cc}" -fsyntax-only -std=c99 -Wall -Wextra -Werror $flags bad.c
        assert_output --regexp "discards|void|implicit"
    done
    # The same frame, with what is allowed.
    sed -i 's/\tzcdma_path_reap.*/\tzcdma_block_release(src, b);/' bad.c
    # shellcheck disable=SC2086
    "${CC:-cc}" -fsyntax-only -std=c99 -Wall -Wextra -Werror -Wno-missing-prototypes $flags bad.c
}

@test "library: each header stands alone, in C and in C++" {
    local flags header
    flags=$(pkg-config --cflags libzcdma)
    for header in $(headers); do
        echo "#include <$header>" >header.c
        # shellcheck disable=SC2086
        ${CC:-cc} -fsyntax-only -std=c99 -Wall -Wextra -Wpedantic -Werror $flags header.c
    done
    command -v g++ >/dev/null || skip 'no C++ compiler'
    for header in $(headers); do
        echo "#include <$header>" >header.cc
        # shellcheck disable=SC2086
        g++ -fsyntax-only -std=c++11 -Wall -Wextra -Wpedantic -Werror $flags header.cc
    done
    # The names are those of C.
    printf '#include <zcdma.h>\nint main() { zcdma_free(nullptr); }\n' >program.cc
    # shellcheck disable=SC2046
    g++ program.cc $(pkg-config --cflags --libs libzcdma) -Wl,-rpath,"${LIB%/*}" -o program
    ./program
}

@test "library: it exports what the headers declare, and nothing else" {
    run -0 defined "$LIB"
    assert_output "$(grep -ohE '\bzcdma_[a-z0-9_]+\(' "$TOP"/lib/include/zcdma{,/*}.h | tr -d '(' | sort -u)"
    assert_line zcdma_source_open
}

@test "library: its version" {
    run -0 readelf -d "$LIB"
    assert_output --regexp 'SONAME.*\[libzcdma\.so\.0\]'
    assert_equal "$(pkg-config --modversion libzcdma)" "$(zcdma --version | cut -d' ' -f2)"
    nm -D --defined-only "$LIB" | grep -q 'zcdma_new@@ZCDMA_0\.1$'
}

@test "library: it never prints, exits, or takes a signal" {
    run -0 eval 'nm -D --undefined-only "$LIB" | sed "s/.* //; s/@.*//"'
    assert_line read
    refute_line --regexp '^(exit|_exit|_Exit|quick_exit|abort|__assert_fail|err|errx|error)$'
    refute_line --regexp '^(stdin|stdout|stderr|puts|putchar|perror|v?printf|__v?printf_chk)$'
    refute_line --regexp '^(signal|sigaction|getopt.*)$'
}
