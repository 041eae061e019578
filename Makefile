# SPDX-License-Identifier: GPL-2.0-only
# zcdma: `make help` lists the targets.

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
DATADIR    ?= $(PREFIX)/share
UNITDIR    ?= $(PREFIX)/lib/systemd/system
# Where Debian's python3 looks for what is installed below PREFIX.
PYTHON     ?= /usr/bin/python3
PYTHONDIR  ?= $(or $(shell $(PYTHON) -c 'import site; print(*[path for path in site.getsitepackages() \
	if path.startswith("$(PREFIX)/lib/")][:1])' 2>/dev/null),$(PREFIX)/lib/python3/dist-packages)
# Where the installed command looks for the library; a package's finds it without.
RUNPATH_INSTALLED ?= $$ORIGIN/$(shell realpath -m --relative-to=$(BINDIR) $(LIBDIR))

VERSION := $(shell sed -n 's/^\#define ZCDMA_VERSION "\(.*\)"/\1/p' lib/include/zcdma.h)
SOVERSION := 0
SONAME := libzcdma.so.$(SOVERSION)

CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wformat=2 -Wundef -Wvla -Wfloat-conversion

# SAN=1: the same tree under AddressSanitizer and UBSan, in a folder of its own.
ifeq ($(SAN),1)
BUILD := build-san
ZCDMA := $(BUILD)/zcdma
RUNPATH := .
SANFLAGS := -fsanitize=address,undefined -fno-omit-frame-pointer
else
BUILD := build
ZCDMA := zcdma
RUNPATH := build
SANFLAGS :=
NO_UNDEFINED := -Wl,-z,defs
endif

# FUZZ=1: the library for libFuzzer, by clang, in a folder of its own; else driver.c runs the targets.
FUZZ_DRIVER := tests/fuzz/driver.c
ifeq ($(FUZZ),1)
BUILD := build-fuzz
SANFLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_DRIVER :=
FUZZ_LDFLAGS := -fsanitize=fuzzer
endif

V ?= 0
ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

PKG_CONFIG ?= pkg-config
LIBS_LIB := libxxhash libpcap libmnl
LIBS_CMD := popt jansson smartcols libcap-ng libmnl
LIBS_TEST := cmocka jansson
# Optional: HAVE_LIBURING=0 does without. SEND_ZC came with 2.3.
HAVE_LIBURING := $(shell $(PKG_CONFIG) --exists 'liburing >= 2.3' 2>/dev/null && echo 1)
ifeq ($(HAVE_LIBURING),1)
LIBS_LIB += liburing
URING := -DHAVE_LIBURING=1
endif

# Optional, for SHA-256 in manifests: HAVE_NETTLE=0 does without.
HAVE_NETTLE := $(shell $(PKG_CONFIG) --exists nettle 2>/dev/null && echo 1)
ifeq ($(HAVE_NETTLE),1)
LIBS_LIB += nettle
NETTLE := -DHAVE_NETTLE=1
endif

# Evaluated only where used, so that `make deps` can run before the libraries are there.
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1))
pkg_libs = $(shell $(PKG_CONFIG) --libs $(1))

ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(URING) $(NETTLE) $(WARN) $(CFLAGS) $(SANFLAGS)
LIB_CFLAGS = $(ALL_CFLAGS) -iquote lib -Ilib/include -Ikmod/uapi -fPIC -fvisibility=hidden -pthread \
	$(call pkg_cflags,$(LIBS_LIB))
CMD_CFLAGS = $(ALL_CFLAGS) -iquote cmd -Ilib/include -fPIE -pthread $(call pkg_cflags,$(LIBS_CMD))
TEST_CFLAGS = $(ALL_CFLAGS) -iquote lib -iquote cmd -Ilib/include
ALL_FLAGS = $(CC) $(ALL_CFLAGS) $(CPPFLAGS) $(LDFLAGS)
ALL_LDFLAGS = $(LDFLAGS) $(SANFLAGS) -pthread

HEADERS := zcdma.h zcdma/disk.h zcdma/path.h zcdma/probe.h zcdma/source.h zcdma/util.h zcdma/verify.h

PYTHON_FILES := $(notdir $(wildcard lib/python/zcdma/*.py))

LIB_SRC := $(wildcard lib/*.c lib/*/*.c)
CMD_SRC := $(wildcard cmd/*.c cmd/*/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
TOOL_SRC := $(wildcard tests/tools/*.c)
# What tests by io_uring, or takes a function of liburing over.
ifneq ($(HAVE_LIBURING),1)
UNIT_SRC := $(filter-out $(patsubst %,tests/unit/test_%.c,disk disk_queues disk_ring disk_timeout \
	uring_refused write_queue),$(UNIT_SRC))
TOOL_SRC := $(filter-out tests/tools/diskload.c,$(TOOL_SRC))
endif
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
CMD_OBJ := $(CMD_SRC:%.c=$(BUILD)/%.o)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
TOOL_BIN := $(TOOL_SRC:tests/tools/%.c=$(BUILD)/tools/%)
VM_BIN := $(patsubst tests/vm/%.c,$(BUILD)/vm-tests/%,$(wildcard tests/vm/*.c))
EXAMPLE_BIN := $(patsubst tests/examples/%.c,$(BUILD)/examples/%,$(wildcard tests/examples/*.c))
.SECONDARY: $(EXAMPLE_BIN:=.c) # examples.bats builds them too
VM_SHARED_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/vm/shared/*.c))
VM_SHARED := $(BUILD)/vm-tests/shared.a

LIB_SO := $(BUILD)/$(SONAME)
LIB_A := $(BUILD)/libzcdma.a
CMD_A := $(BUILD)/libcmd.a
CMD_UNIT_BIN := $(patsubst %,$(BUILD)/unit/test_%,\
	bench_peer bench_rows bench_stats bench_verdict camera_signals fanout live probe_sync record recording report signals)
BATS_FILES ?= $(wildcard tests/bats/*.bats)
APPLETS := $(shell sed -n 's/^APPLET.\([a-z]*\),.*/\1/p' cmd/applets.def)
MAN_PAGES := $(patsubst %,$(BUILD)/%,$(wildcard man/*.[1-9]))
UNITS := $(notdir $(wildcard cmd/systemd/*@.*))
MAN_SHARED := $(wildcard man/shared/*.mdoc)

# The kernel to build the module for. KCC, where set, is its compiler instead of the kernel's own.
KDIR ?= /lib/modules/$(shell uname -r)/build
KRELEASE = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h 2>/dev/null)
KMOD = $(or $(KMOD_BUILD),build/kmod-$(KRELEASE))
KBUILD = $(MAKE) -C $(KDIR) M=$(abspath $(KMOD)) $(if $(KCC),CC=$(KCC))
DKMS_VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' kmod/dkms.conf)
UDEVDIR ?= /usr/lib/udev/rules.d
DKMS ?= dkms

# Where drivers are, by kmod_install and by DKMS. A driver can be removed when the headers are gone.
KVERSION = $(or $(KRELEASE),$(shell uname -r))
KMOD_UPDATES = $(DESTDIR)/lib/modules/$(KVERSION)/updates
KMOD_INSTALLED = $(KMOD_UPDATES)/zcdma.ko
KMOD_DKMS = $(KMOD_UPDATES)/dkms/zcdma.ko
KMOD_MODULES := zcdma zcdma_sim zcdma_edu zcdma_dmaengine

# Kernels that `make check` and `make check-vm` boot, side by side, and `make check-vm-all`: see tests/vm/vm.sh. Of
# the newest the programs that test the driver are enough, as the commands are the same for all.
VM_KERNELS ?= 6.1 7.x:programs
VM_KERNELS_ALL := 6.1 6.1-rt 6.12 6.12-rt 5.10 7.x

.PHONY: all demo check check-unit check-bats check-vm check-vm-all check-vm-debug check-vm-arm check-vm-arm64 \
	check-speed check-disk-speed \
	bench-vm figures fuzz lint deps deps-fuzz deps-lint deps-vm install uninstall clean help tests-build headers kmod kmod-access kmod_install \
	kmod_uninstall dkms-there dkms-install dkms-uninstall deb deps-deb check-deb
.DELETE_ON_ERROR:

all: $(ZCDMA) $(LIB_SO) $(BUILD)/libzcdma.so $(MAN_PAGES)

help:
	@echo 'zcdma $(VERSION)'
	@echo
	@echo '  make              build ./zcdma and build/$(SONAME)'
	@echo '  make demo         install what is missing, build, run the main job'
	@echo '  make check        install what is missing, build, run every test'
	@echo '  make check-unit   the unit tests alone'
	@echo '  make check-bats   the tests of the commands alone (BATS_FILES=tests/bats/probe.bats)'
	@echo '  make check-vm     the tests in a virtual machine alone (VM_KERNELS="$(VM_KERNELS)");'
	@echo '                    tests/vm/vm.sh tells its variables'
	@echo '  make check-vm-all the same with every kernel, and with 32-bit programs:'
	@echo '                    $(VM_KERNELS_ALL)'
	@echo '  make check-vm-debug  the same with a kernel that checks itself, which it builds once, in half an'
	@echo '                    hour; faults are injected, and random calls made. VM_KERNELS=kcsan: with one'
	@echo '                    that finds data races'
	@echo '  make check-vm-arm the tests on an emulated 32-bit ARM board, with real DMA (QEMU needs no privilege)'
	@echo '  make check-vm-arm64 the tests of check-vm with 64-bit ARM kernels, of pages of 4 and of 16 KiB,'
	@echo '                    and with 32-bit programs, cross-built and emulated'
	@echo '  make check-speed  what sending from the driver costs, counted in a virtual machine'
	@echo '  make check-disk-speed  what a disk costs, counted there, by zcdma disk, nbd.ko and others'
	@echo '  make bench-vm     zcdma bench with the memory models of the driver, in the same machine'
	@echo '  make figures      the outputs in .github/FIGURES.md, anew; on a machine that does nothing else'
	@echo '  make fuzz         fuzz the parsers with libFuzzer (SECONDS=60 for each target, FUZZ_TARGETS=fuzz_frame); needs clang'
	@echo '  make lint         check the style of C, shell and man pages'
	@echo '  make install      install to PREFIX ($(PREFIX)), below DESTDIR; SYMLINKS=yes: also'
	@echo '                    a link for each applet'
	@echo '  make uninstall    remove that again'
	@echo '  make kmod         build the driver for the kernel in KDIR; kmod_install installs it'
	@echo '  make dkms-install install the driver through DKMS, which builds it for each new kernel'
	@echo '  make kmod_uninstall, dkms-uninstall   remove it again'
	@echo '  make deb          build packages for Debian in build/deb; check-deb installs, uses and removes them in'
	@echo '                    fresh systems of $(DEB_SUITES), as root'
	@echo '  make clean        remove what was built'
	@echo
	@echo '  V=1 shows the commands. CC, CFLAGS, LDFLAGS are respected.'
	@echo '  HAVE_LIBURING=0 builds without liburing, which is optional.'
	@echo '  HAVE_NETTLE=0 builds without nettle, which is optional too.'
	@echo '  SAN=1 builds and tests under the address and undefined-behaviour sanitizers.'

# The flags that objects were built with: a change rebuilds them.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(ALL_FLAGS)' | cmp -s - $@ || echo '$(ALL_FLAGS)' >$@
.PHONY: FORCE
FORCE:

$(BUILD)/lib/%.o: lib/%.c $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIB_CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/cmd/%.o: cmd/%.c $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CMD_CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(LIB_SO): $(LIB_OBJ) lib/libzcdma.map
	$(say) LINK $@
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/libzcdma.map -Wl,-z,relro,-z,now \
		$(NO_UNDEFINED) $(ALL_LDFLAGS) -o $@ $(LIB_OBJ) $(call pkg_libs,$(LIBS_LIB))

$(BUILD)/libzcdma.so: $(LIB_SO)
	$(Q)ln -sf $(SONAME) $@

# The unit tests link this one, so that they reach the hidden functions too.
$(LIB_A): $(LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)

comma := ,
link_cmd = $(CC) -pie -Wl,-z,relro,-z,now $(ALL_LDFLAGS) -o $(1) $(CMD_OBJ) $(LIB_SO) \
	$(if $(2),-Wl$(comma)-rpath$(comma)'$(2)') $(call pkg_libs,$(LIBS_CMD)) -lm

$(ZCDMA): $(CMD_OBJ) $(LIB_SO) | $(BUILD)/libzcdma.so
	$(say) LINK $@
	$(Q)$(call link_cmd,$@,$$ORIGIN/$(RUNPATH))

# Everything of the command but main(), for the unit tests of its parts.
$(CMD_A): $(CMD_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter-out %/main.o,$(CMD_OBJ))

$(CMD_UNIT_BIN): $(CMD_A)
$(CMD_UNIT_BIN): UNIT_CMD = $(CMD_A)
$(CMD_UNIT_BIN): UNIT_LIBS = $(LIBS_CMD)

$(BUILD)/unit/%: tests/unit/%.c $(LIB_A) $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -Ikmod/uapi $(CPPFLAGS) $(call pkg_cflags,$(LIBS_TEST) $(LIBS_LIB)) -MMD -MP $(ALL_LDFLAGS) \
		-o $@ $< $(UNIT_CMD) $(LIB_A) $(call pkg_libs,$(LIBS_TEST) $(UNIT_LIBS) $(LIBS_LIB)) -lm

$(BUILD)/fuzz/%: tests/fuzz/%.c $(FUZZ_DRIVER) $(LIB_A) $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -Ikmod/uapi $(CPPFLAGS) $(call pkg_cflags,$(LIBS_LIB)) -MMD -MP $(ALL_LDFLAGS) \
		$(FUZZ_LDFLAGS) -o $@ $< $(FUZZ_DRIVER) $(LIB_A) $(call pkg_libs,$(LIBS_LIB))

$(BUILD)/tools/%: tests/tools/%.c $(LIB_A) $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(CPPFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(LIB_A) $(call pkg_libs,$(LIBS_LIB))

# Static: init is the only file of the VM's first root.
$(BUILD)/vm-tests/init: LDFLAGS += -static
$(BUILD)/vm-tests/init: SANFLAGS :=

$(BUILD)/tests/vm/shared/%.o: tests/vm/shared/%.c $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Ikmod/uapi -MMD -MP -c -o $@ $<

$(VM_SHARED): $(VM_SHARED_OBJ)
	$(say) AR $@
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $(VM_SHARED_OBJ)

$(BUILD)/vm-tests/%: tests/vm/%.c $(VM_SHARED) $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Ikmod/uapi -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(VM_SHARED)

# With less data than they have for people: all of it is checked, in machines that are emulated too.
$(BUILD)/examples/%.c: tests/examples/%.c
	@mkdir -p $(@D)
	$(Q)sed 's/64 << 20/2 << 20/' $< >$@

# As a program elsewhere is built: with the public headers and the shared library.
$(BUILD)/examples/%: $(BUILD)/examples/%.c $(LIB_SO) $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(SANFLAGS) -Wall -Wextra -Ilib/include -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(LIB_SO) \
		-Wl,-rpath,'$$ORIGIN/..'

# What several pages say is in man/shared: the line ".so man/shared/FILE" of a page stands for that file.
$(BUILD)/man/%: man/% $(MAN_SHARED)
	@mkdir -p $(@D)
	$(Q)awk '$$1 != ".so" { print; next } \
		{ while ((got = (getline line <$$2)) > 0) print line; close($$2) } \
		got < 0 { print FILENAME ": no file " $$2 >"/dev/stderr"; exit 1 }' $< >$@

tests-build: $(UNIT_BIN) $(FUZZ_BIN) $(TOOL_BIN) $(VM_BIN) $(EXAMPLE_BIN)

-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(UNIT_BIN:=.d) $(FUZZ_BIN:=.d) $(TOOL_BIN:=.d) $(VM_BIN:=.d) \
	$(EXAMPLE_BIN:=.d) $(VM_SHARED_OBJ:.o=.d)

headers:
	@test -n '$(KRELEASE)' || { echo 'no kernel headers in $(KDIR): install their package' \
		'(linux-headers-$(shell uname -r)), or set KDIR' >&2; exit 1; }

# kbuild builds where the sources are: in a copy, one for each kernel.
kmod: headers
	$(say) KMOD '$(KMOD)/*.ko'
	@mkdir -p $(KMOD)
	$(Q)cp -Rpu kmod/. $(KMOD)
	$(Q)$(KBUILD) W=1 $(if $(Q),-s) modules

# udev ignores a rule that names a group which is not there: the group comes first.
kmod-access:
ifeq ($(DESTDIR),)
	$(Q)getent group zcdma >/dev/null || groupadd --system zcdma
endif
	$(Q)install -D -m 644 kmod/60-zcdma.rules $(DESTDIR)$(UDEVDIR)/60-zcdma.rules

# refuse_beside FILE,TARGET: of two drivers depmod takes one, and DKMS leaves its own out where the other has
# its version, with status 0.
refuse_beside = @test ! -e '$(1)' || { \
	echo '$(1): a driver is installed already: remove it first (make $(2))' >&2; exit 1; }

still_loaded = @[ ! -e /sys/module/zcdma ] || echo 'the driver is still loaded: rmmod' \
	$$(ls -d /sys/module/zcdma_* 2>/dev/null | sed 's|.*/||') zcdma

# remove_access FILE: the rule goes, unless that is a driver which needs it. The group may own files.
remove_access = [ -e '$(1)' ] || rm -f $(DESTDIR)$(UDEVDIR)/60-zcdma.rules

kmod_install: headers
	$(call refuse_beside,$(KMOD_DKMS),dkms-uninstall)
	$(Q)$(MAKE) --no-print-directory kmod kmod-access
	$(Q)install -D -m 644 -t $(KMOD_UPDATES) $(KMOD)/zcdma*.ko
	$(Q)DESTDIR=$(DESTDIR) $(KMOD)/devel.sh install $(KVERSION)
ifeq ($(DESTDIR),)
	$(Q)depmod $(KVERSION)
endif

kmod_uninstall:
	$(Q)rm -f $(KMOD_MODULES:%=$(KMOD_UPDATES)/%.ko)
	$(Q)[ -e '$(KMOD_DKMS)' ] || DESTDIR=$(DESTDIR) kmod/devel.sh remove $(KVERSION)
	$(Q)$(call remove_access,$(KMOD_DKMS))
ifeq ($(DESTDIR),)
	$(Q)depmod $(KVERSION)
	$(still_loaded)
endif

dkms-there:
	@command -v $(DKMS) >/dev/null || { echo '$(DKMS) is not there: install the package dkms,' \
		'or take make kmod_install' >&2; exit 1; }

# An earlier installation of the same version gives way.
dkms-install: headers dkms-there
	$(call refuse_beside,$(KMOD_INSTALLED),kmod_uninstall)
	$(Q)$(MAKE) --no-print-directory kmod-access
	$(Q)[ -z "$$($(DKMS) status zcdma/$(DKMS_VERSION))" ] || $(DKMS) remove zcdma/$(DKMS_VERSION) --all
	$(Q)rm -rf $(DESTDIR)/usr/src/zcdma-$(DKMS_VERSION)
	$(Q)$(DKMS) add ./kmod
	$(Q)$(DKMS) install zcdma/$(DKMS_VERSION) -k $(KRELEASE) --kernelsourcedir $(KDIR)
	@$(DKMS) status zcdma/$(DKMS_VERSION) -k $(KRELEASE) | tee /dev/stderr | grep -q ': installed$$' || { \
		echo 'DKMS did not install the driver for $(KRELEASE)' >&2; exit 1; }

dkms-uninstall: dkms-there
	$(Q)[ -z "$$($(DKMS) status zcdma/$(DKMS_VERSION))" ] || $(DKMS) remove zcdma/$(DKMS_VERSION) --all
	$(Q)rm -rf $(DESTDIR)/usr/src/zcdma-$(DKMS_VERSION)
	$(Q)$(call remove_access,$(KMOD_INSTALLED))
	$(still_loaded)

# What building and testing needs, as Debian packages: a command or a pkg-config name, then a package.
DEPS := pkg-config:pkg-config popt:libpopt-dev jansson:libjansson-dev smartcols:libsmartcols-dev \
	libcap-ng:libcap-ng-dev \
	libxxhash:libxxhash-dev libpcap:libpcap-dev libmnl:libmnl-dev liburing:liburing-dev nettle:nettle-dev \
	cmocka:libcmocka-dev gcc:gcc \
	/usr/include/stdio.h:libc6-dev bats:bats nc:netcat-openbsd \
	/usr/lib/bats/bats-assert/load.bash:bats-assert \
	/usr/lib/bats/bats-support/load.bash:bats-support jq:jq ip:iproute2 unshare:util-linux \
	mandoc:mandoc fish:fish zsh:zsh ps:procps tcpdump:tcpdump \
	/usr/bin/python3:python3 /usr/lib/python3/dist-packages/numpy:python3-numpy

# What the virtual machine needs on top of that. Its kernels are fetched, but not installed.
DEPS_VM := qemu-system-x86_64:qemu-system-x86 cpio:cpio xz:xz-utils make:make /sbin/modprobe:kmod \
	/sbin/tc:iproute2 /sbin/mkfs.ext4:e2fsprogs /usr/bin/setpriv:util-linux pahole:pahole nbdkit:nbdkit \
	/sbin/mkfs.xfs:xfsprogs fio:fio

# What building a kernel needs on top of that.
DEPS_DEBUG := flex:flex bison:bison bc:bc /usr/include/libelf.h:libelf-dev objdump:binutils

# What the emulated ARM board needs on top of both. Its kernel and libraries are fetched, but not installed.
DEPS_ARM := qemu-system-arm:qemu-system-arm qemu-arm:qemu-user fdtput:device-tree-compiler \
	arm-linux-gnueabihf-gcc:gcc-arm-linux-gnueabihf \
	/usr/arm-linux-gnueabihf/include/stdio.h:libc6-dev-armhf-cross

DEPS_ARM64 := qemu-system-aarch64:qemu-system-arm qemu-aarch64:qemu-user \
	aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu /usr/aarch64-linux-gnu/include/stdio.h:libc6-dev-arm64-cross \
	arm-linux-gnueabihf-gcc:gcc-arm-linux-gnueabihf \
	/usr/arm-linux-gnueabihf/include/stdio.h:libc6-dev-armhf-cross

# What 32-bit programs need, for the kernels of x86-64.
DEPS_COMPAT := i686-linux-gnu-gcc:gcc-i686-linux-gnu /usr/i686-linux-gnu/include/stdio.h:libc6-dev-i386-cross

# What Debian's packages are built with.
DEPS_DEB := /usr/share/build-essential/list:build-essential dpkg-buildpackage:dpkg-dev dh:debhelper dh_dkms:dh-dkms \
	dh_python3:dh-python

DEPS_LINT := git:git clang-format:clang-format shellcheck:shellcheck mandoc:mandoc codespell:codespell
DEPS_FUZZ := clang:clang /usr/share/doc/libclang-rt-dev:libclang-rt-dev

deps:
	@tests/deps.sh $(DEPS)

deps-lint:
	@tests/deps.sh $(DEPS_LINT)

deps-fuzz:
	@tests/deps.sh $(DEPS) $(DEPS_FUZZ)

deps-deb:
	@tests/deps.sh $(DEPS) $(DEPS_DEB)

deps-vm:
	@tests/deps.sh $(DEPS_VM)

# What builds before it runs uses every processor, unless the number of jobs was given.
AT_ONCE = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

demo:
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory $(AT_ONCE) all
	@ZCDMA=$(CURDIR)/$(ZCDMA) tests/demo.sh

# A machine that cannot have QEMU can still run the rest: what is missing is reported as skipped.
check:
	@$(MAKE) --no-print-directory deps
	-@$(MAKE) --no-print-directory deps-vm
	@$(MAKE) --no-print-directory $(AT_ONCE) all tests-build
	@BUILD=$(BUILD) ZCDMA=$(CURDIR)/$(ZCDMA) TOOLS=$(CURDIR)/$(BUILD)/tools \
		VM_KERNELS='$(VM_KERNELS)' tests/check.sh unit bats vm

check-unit check-bats: check-%: all tests-build
	@BUILD=$(BUILD) ZCDMA=$(CURDIR)/$(ZCDMA) TOOLS=$(CURDIR)/$(BUILD)/tools \
		BATS_FILES='$(BATS_FILES)' tests/check.sh $*

# in_vm VARIABLES: the part in the virtual machine, with these for tests/vm/vm.sh.
define in_vm
	@$(MAKE) --no-print-directory deps deps-vm
	@$(MAKE) --no-print-directory $(AT_ONCE) all tests-build
	@BUILD=$(BUILD) ZCDMA=$(CURDIR)/$(ZCDMA) TOOLS=$(CURDIR)/$(BUILD)/tools \
		VM_KERNELS='$(VM_KERNELS)' $(1) tests/check.sh vm
endef

check-vm:
	$(call in_vm)

# A kernel with all its parts is two machines of two processors: more of them at a time than there are processors for
# only come to their limits.
KERNEL_JOBS = CHECK_JOBS=$${CHECK_JOBS:-$$((($$(nproc) + 3) / 4))}

# And with programs of 32 bits.
check-vm-all: VM_KERNELS := $(VM_KERNELS_ALL)
check-vm-all:
	@$(MAKE) --no-print-directory deps
	@tests/deps.sh $(DEPS_VM) $(DEPS_COMPAT)
	$(call in_vm,VM_COMPAT=1 $(KERNEL_JOBS))

check-vm-debug: VM_KERNELS = debug
check-vm-debug:
	@$(MAKE) --no-print-directory deps
	@tests/deps.sh $(DEPS_VM) $(DEPS_DEBUG)
	$(call in_vm)

check-vm-arm64: VM_KERNELS = arm64 arm64-16k
check-vm-arm64:
	@$(MAKE) --no-print-directory deps
	@tests/deps.sh $(DEPS_VM) $(DEPS_ARM64)
	$(call in_vm,VM_COMPAT=1 $(KERNEL_JOBS))

check-vm-arm:
	@$(MAKE) --no-print-directory deps
	@tests/deps.sh $(DEPS_VM) $(DEPS_ARM)
	@$(MAKE) --no-print-directory $(AT_ONCE) all
	@BUILD=$(BUILD) ZCDMA=$(CURDIR)/$(ZCDMA) TOOLS=$(CURDIR)/$(BUILD)/tools tests/check.sh arm

# Not a part of the check: how the two machines take turns moves the figures by some per cent.
check-speed:
	$(call in_vm,VM_ICOUNT=1 VM_RUN=tests/vm/speed.sh)

# One of them, and what a disk costs. Its kernel needs ublk_drv.
check-disk-speed: VM_KERNELS = 7.x
check-disk-speed:
	@tests/deps.sh nbd-client:nbd-client
	$(call in_vm,VM_ICOUNT=1 VM_RUN=tests/vm/disk_speed.sh)

# The same machines, and the table for people.
bench-vm:
	$(call in_vm,VM_ICOUNT=1 VM_RUN=tests/vm/bench.sh)

# The outputs in .github/FIGURES.md, anew: FIGURES is a word of the commands to run, or nothing for all.
figures:
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory $(AT_ONCE) all tests-build
	@tests/figures.sh $(FIGURES)

# What libFuzzer finds: FUZZ_TARGETS, or all of them, for SECONDS each.
SECONDS ?= 60
fuzz:
	@tests/fuzz/run.sh $(SECONDS) $(FUZZ_TARGETS)

lint: $(MAN_PAGES)
	@MAN='$(MAN_PAGES)' tests/lint.sh

install: all
	$(Q)install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	$(Q)$(call link_cmd,$(BUILD)/zcdma.install,$(RUNPATH_INSTALLED))
	$(Q)install -m 755 $(BUILD)/zcdma.install $(DESTDIR)$(BINDIR)/zcdma
	$(Q)for header in $(HEADERS); do \
		install -D -m 644 lib/include/$$header $(DESTDIR)$(INCLUDEDIR)/$$header; done
	$(Q)install -D -m 644 kmod/uapi/linux/zcdma.h $(DESTDIR)$(INCLUDEDIR)/linux/zcdma.h
	$(Q)install -m 755 $(LIB_SO) $(DESTDIR)$(LIBDIR)/libzcdma.so.$(VERSION)
	$(Q)ln -sf libzcdma.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	$(Q)ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libzcdma.so
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' lib/libzcdma.pc.in >$(BUILD)/libzcdma.pc
	$(Q)install -m 644 $(BUILD)/libzcdma.pc $(DESTDIR)$(LIBDIR)/pkgconfig/libzcdma.pc
	$(Q)for page in $(MAN_PAGES); do \
		install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	$(Q)install -D -m 644 completions/zcdma.bash \
		$(DESTDIR)$(DATADIR)/bash-completion/completions/zcdma
	$(Q)install -D -m 644 completions/_zcdma $(DESTDIR)$(DATADIR)/zsh/site-functions/_zcdma
	$(Q)install -D -m 644 completions/zcdma.fish \
		$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/zcdma.fish
	$(Q)dir='$(DESTDIR)$(PYTHONDIR)/zcdma'; for file in $(PYTHON_FILES); do \
		install -D -m 644 lib/python/zcdma/$$file "$$dir/$$file" || exit; done
	$(Q)install -d $(DESTDIR)$(UNITDIR)
	$(Q)for unit in $(UNITS); do \
		sed -e 's|@BINDIR@|$(BINDIR)|' -e '/^@HARDENING@/{r cmd/systemd/hardening' -e 'd}' cmd/systemd/$$unit \
			>$(DESTDIR)$(UNITDIR)/$$unit && chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit; done
ifeq ($(SYMLINKS),yes)
	$(Q)for applet in $(APPLETS); do link=$(DESTDIR)$(BINDIR)/$$applet; \
		if [ ! -e $$link ] || [ "$$(readlink $$link)" = zcdma ]; then ln -sf zcdma $$link; \
		else echo "left alone, as it is another program's: $$link"; fi; done
endif
ifeq ($(DESTDIR),)
	$(Q)PATH="$$PATH:/sbin:/usr/sbin"; ldconfig 2>/dev/null; ldconfig -p | grep -q ' $(LIBDIR)/$(SONAME)$$' || \
		echo 'programs do not find libzcdma in $(LIBDIR): run ldconfig as root, with the folder in' \
			'/etc/ld.so.conf.d, or set LD_LIBRARY_PATH'
endif

# Links are removed only where they are links to zcdma: another package may own the name.
uninstall:
	$(Q)for applet in $(APPLETS); do \
		if [ "$$(readlink $(DESTDIR)$(BINDIR)/$$applet)" = zcdma ]; then \
			rm -f $(DESTDIR)$(BINDIR)/$$applet; fi; done
	$(Q)rm -f $(DESTDIR)$(BINDIR)/zcdma $(HEADERS:%=$(DESTDIR)$(INCLUDEDIR)/%) \
		$(DESTDIR)$(INCLUDEDIR)/linux/zcdma.h \
		$(DESTDIR)$(LIBDIR)/libzcdma.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME) \
		$(DESTDIR)$(LIBDIR)/libzcdma.so $(DESTDIR)$(LIBDIR)/pkgconfig/libzcdma.pc \
		$(DESTDIR)$(DATADIR)/bash-completion/completions/zcdma \
		$(DESTDIR)$(DATADIR)/zsh/site-functions/_zcdma \
		$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/zcdma.fish
	$(Q)rm -f $(UNITS:%=$(DESTDIR)$(UNITDIR)/%)
	$(Q)dir='$(DESTDIR)$(PYTHONDIR)/zcdma'; for file in $(PYTHON_FILES); do \
		rm -f "$$dir/$$file" "$$dir/__pycache__/$${file%.py}".*.pyc; done; \
		rmdir "$$dir/__pycache__" "$$dir" 2>/dev/null || true
	$(Q)rmdir $(DESTDIR)$(INCLUDEDIR)/zcdma 2>/dev/null || true
	$(Q)for page in $(MAN_PAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done

check-deb:
	@tests/deps.sh debootstrap:debootstrap git:git
	@tests/deb/check.sh $(DEB_SUITES)

# Debian's packages, of a copy of the tree in which .debian is debian.
DEB := build/deb
DEB_SUITES ?= bookworm trixie
DEB_TREE := Makefile README.md .github/NEWS.md cmd completions kmod lib man tests/examples

deb:
	@$(MAKE) --no-print-directory deps-deb
	$(Q)rm -rf $(DEB) && mkdir -p $(DEB)/zcdma
	$(Q)cp -R --parents $(DEB_TREE) $(DEB)/zcdma && cp -R .debian $(DEB)/zcdma/debian
	$(Q)cd $(DEB)/zcdma && env -u MAKEFLAGS -u MFLAGS dpkg-buildpackage -b -us -uc >../build.log 2>&1 || { \
		tail -n 30 ../build.log; exit 1; }
	@ls $(DEB)/*.deb

clean:
	$(Q)rm -rf build build-san build-fuzz zcdma
