// SPDX-License-Identifier: GPL-2.0-only
/* The parser of smaps: on text that holds every case, and on this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <zcdma/probe.h>

#include "internal.h"

/* As Linux 6.18 prints it, with the lines left out that nobody reads. */
static const char text[] =
	"55d0c0a00000-55d0c0a02000 r--p 00000000 08:01 1234                       /opt/a b/c d\n"
	"Size:                  8 kB\n"
	"KernelPageSize:        4 kB\n"
	"AnonHugePages:         0 kB\n"
	"VmFlags: rd mr mw me \n"
	"7f0000000000-7f0000400000 rw-s 00000000 00:01 77                         /memfd:x "
	"(deleted)\n"
	"Size:               4096 kB\n"
	"KernelPageSize:        4 kB\n"
	"AnonHugePages:      2048 kB\n"
	"ShmemPmdMapped:     1024 kB\n"
	"FilePmdMapped:       512 kB\n"
	"Shared_Hugetlb:      256 kB\n"
	"Private_Hugetlb:     128 kB\n"
	"VmFlags: rd wr sh mr mw me ms sd \n"
	"7f0000400000-7f0000401000 rw-p 00000000 00:00 0 \n"
	"Size:                  4 kB\n"
	"VmFlags: rd wr mr mw me ac \n"
	"7ffd2f5c4000-7ffd2f5c8000 r--p 00000000 00:00 0                          [vvar]\n"
	"Size:                 16 kB\n"
	"KernelPageSize:        4 kB\n"
	"VmFlags: rd mr pf io de dd \n"
	"7ffd2f5c8000-7ffd2f5ca000 r--p 00000000 00:00 0                          [vvar_vclock]\n"
	"VmFlags: rd mr pf io de dd";

static int look(const char *smaps, uint64_t addr, const char *name, struct zc_vma *vma)
{
	FILE *f = fmemopen((void *)smaps, strlen(smaps), "r");
	int rc;

	assert_non_null(f);
	rc = zc_smaps_find(f, addr, name, vma);
	fclose(f);
	return rc;
}

static void by_address(void **state)
{
	struct zc_vma vma;

	(void)state;
	assert_int_equal(look(text, 0x55d0c0a00000, NULL, &vma), 0);
	assert_int_equal(vma.start, 0x55d0c0a00000);
	assert_int_equal(vma.end, 0x55d0c0a02000);
	assert_int_equal(vma.kernel_page_size, 4096);
	assert_int_equal(vma.huge_bytes, 0);
	assert_string_equal(vma.name, "/opt/a b/c d");
	assert_string_equal(vma.flags, "rd mr mw me");
}

static void the_end_is_outside(void **state)
{
	struct zc_vma vma;

	(void)state;
	assert_int_equal(look(text, 0x55d0c0a01fff, NULL, &vma), 0);
	assert_int_equal(look(text, 0x55d0c0a02000, NULL, &vma), -ENOENT);
	assert_int_equal(look(text, 0x7f0000400000, NULL, &vma), 0);
	assert_string_equal(vma.name, "");
	assert_string_equal(vma.flags, "rd wr mr mw me ac");
	assert_int_equal(vma.kernel_page_size, 0);
}

static void huge_pages_are_summed(void **state)
{
	struct zc_vma vma;

	(void)state;
	assert_int_equal(look(text, 0x7f0000000001, NULL, &vma), 0);
	assert_int_equal(vma.huge_bytes, (2048 + 1024 + 512 + 256 + 128) * 1024);
	assert_string_equal(vma.name, "/memfd:x (deleted)");
}

static void by_name(void **state)
{
	struct zc_vma vma;

	(void)state;
	assert_int_equal(look(text, 0, "[vvar]", &vma), 0);
	assert_int_equal(vma.start, 0x7ffd2f5c4000);
	assert_string_equal(vma.flags, "rd mr pf io de dd");
	/* the last mapping, whose last line is cut short */
	assert_int_equal(look(text, 0, "[vvar_vclock]", &vma), 0);
	assert_string_equal(vma.flags, "rd mr pf io de dd");
	assert_int_equal(look(text, 0, "[vdso]", &vma), -ENOENT);
}

static void odd_input(void **state)
{
	static const char long_name[] =
		"1000-2000 r--p 0 0:0 1 /"
		"0123456789012345678901234567890123456789012345678901234567890123456789\n"
		"VmFlags: rd\n";
	struct zc_vma vma;

	(void)state;
	assert_int_equal(look("\n", 0, "[vvar]", &vma), -ENOENT);
	assert_int_equal(look("nonsense\nVmFlags: pf io\n", 0, NULL, &vma), -ENOENT);
	assert_int_equal(look("1000-2000\nVmFlags: pf\n", 0x1000, NULL, &vma), 0);
	assert_string_equal(vma.name, "");
	assert_string_equal(vma.flags, "pf");
	assert_int_equal(look(long_name, 0x1fff, NULL, &vma), 0);
	assert_int_equal(strlen(vma.name), sizeof(vma.name) - 1);
	assert_string_equal(vma.flags, "rd");
}

static void this_process(void **state)
{
	struct zc_vma vma = { 0 };

	(void)state;
	assert_int_equal(zc_vma_find(&vma, &vma), 0);
	assert_in_range((uintptr_t)&vma, vma.start, vma.end - 1);
	assert_true(zc_vmflags_have(vma.flags, "wr"));
	assert_false(zc_vmflags_have(vma.flags, "pf"));
	assert_int_equal(zc_vma_find(NULL, &vma), -ENOENT);
	assert_int_equal(zc_vma_find_name("[no such thing]", &vma), -ENOENT);
}

static void flags(void **state)
{
	(void)state;
	assert_true(zc_vmflags_have("rd mr pf io", "rd"));
	assert_true(zc_vmflags_have("rd mr pf io", "pf"));
	assert_true(zc_vmflags_have("rd mr pf io", "io"));
	assert_false(zc_vmflags_have("rd mr pfx xio", "pf"));
	assert_false(zc_vmflags_have("rd mr pfx xio", "io"));
	assert_false(zc_vmflags_have("", "pf"));
}

static void words(void **state)
{
	char buf[64], small[12];

	(void)state;
	assert_string_equal(zcdma_vmflags_words("rd mr pf io de dd", buf, sizeof(buf)),
			    "VM_PFNMAP VM_IO");
	assert_string_equal(zcdma_vmflags_words("rd wr sh mr mw me ms", buf, sizeof(buf)),
			    "shared writable");
	assert_string_equal(zcdma_vmflags_words("rd mr mw me", buf, sizeof(buf)), "readable");
	assert_string_equal(zcdma_vmflags_words("", buf, sizeof(buf)), "");
	/* cut, and whole as a string */
	assert_string_equal(zcdma_vmflags_words("rd pf io", small, sizeof(small)), "VM_PFNMAP V");
}

static int find_in_iomem(const char *iomem, uint64_t at)
{
	FILE *f = fmemopen((void *)iomem, strlen(iomem), "r");
	int rc;

	assert_non_null(f);
	rc = zc_iomem_find(f, at);
	fclose(f);
	return rc;
}

static void main_memory(void **state)
{
	static const char iomem[] = "00000000-00000fff : Reserved\n"
				    "00001000-0009fbff : System RAM\n"
				    "  00002000-00002fff : Kernel code\n"
				    "fed00000-fed003ff : HPET 0\n"
				    "  fed00000-fed003ff : PNP0103:00\n"
				    "100000000-21fffffff : System RAM\n";

	(void)state;
	assert_int_equal(find_in_iomem(iomem, 0x2100), 1);
	assert_int_equal(find_in_iomem(iomem, 0x9fbff), 1);
	assert_int_equal(find_in_iomem(iomem, 0x9fc00), 0);
	assert_int_equal(find_in_iomem(iomem, 0xfed00000), 0);
	assert_int_equal(find_in_iomem(iomem, 0x21fffffff), 1);
	assert_int_equal(find_in_iomem("00000000-00000000 : System RAM\n", 0), -EPERM);
	assert_int_equal(find_in_iomem("\n", 0x1000), -EPERM);
	/* What this process may ask: its own page is main memory, or that is not said. */
	assert_true(zc_is_ram(iomem));
}

/* A child without privilege: it may not see physical addresses, and the answer says so. */
static void main_memory_without_privilege(void **state)
{
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (!child)
		_exit((!getuid() && setresuid(65534, 65534, 65534)) || zc_is_ram(&child) != -EPERM);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_address),
		cmocka_unit_test(the_end_is_outside),
		cmocka_unit_test(huge_pages_are_summed),
		cmocka_unit_test(by_name),
		cmocka_unit_test(odd_input),
		cmocka_unit_test(this_process),
		cmocka_unit_test(flags),
		cmocka_unit_test(words),
		cmocka_unit_test(main_memory),
		cmocka_unit_test(main_memory_without_privilege),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
