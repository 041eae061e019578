#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# make install and uninstall: exactly these files, which work where they are.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ROOT=$BATS_TEST_TMPDIR/root
}

make_() {
    make_ordinary DESTDIR="$ROOT" PREFIX=/usr PYTHONDIR=/usr/lib/python3/dist-packages "$@" >&2
}

applets() {
    zcdma --list | cut -d' ' -f1
}

# tree: every file and link below ROOT.
tree() {
    find "$ROOT" ! -type d -printf '%P\n' | sort
}

# expected [LINK...]
expected() {
    local page version
    version=$(zcdma --version | cut -d' ' -f2)
    {
        printf 'usr/%s\n' bin/zcdma include/zcdma.h include/zcdma/{disk,path,probe,source,util,verify}.h include/linux/zcdma.h \
            lib/pkgconfig/libzcdma.pc \
            lib/libzcdma.so lib/libzcdma.so.0 "lib/libzcdma.so.$version" \
            share/bash-completion/completions/zcdma share/zsh/site-functions/_zcdma \
            share/fish/vendor_completions.d/zcdma.fish \
            lib/systemd/system/zcdma-{receive@.service,receive@.socket,record@.service}
        for page in "$TOP"/lib/python/zcdma/*.py; do
            printf 'usr/lib/python3/dist-packages/zcdma/%s\n' "${page##*/}"
        done
        for page in "$TOP"/man/*.[1-9]; do
            printf 'usr/share/man/man%s/%s\n' "${page##*.}" "${page##*/}"
        done
        (($#)) && printf 'usr/bin/%s\n' "$@"
    } | sort
}

@test "install: exactly the files, and no links unless asked for" {
    make_ install
    run -0 tree
    assert_output "$(expected)"
    # A second time changes nothing.
    make_ install
    run -0 tree
    assert_output "$(expected)"
}

@test "install: every man page there is" {
    local page
    make_ install
    for page in zcdma.1 zcdma.7 libzcdma.3; do
        [[ -s $ROOT/usr/share/man/man${page##*.}/$page ]] || fail "no $page"
    done
}

@test "install: what is installed can be read, whatever the umask" {
    (umask 077 && make_ install)
    run find "$ROOT" ! -type l ! -perm -444 -printf '%P %m\n'
    assert_output ''
    run find "$ROOT" -type d ! -perm 755 -printf '%P %m\n'
    assert_output ''
    assert_equal "$(stat -c %a "$ROOT/usr/bin/zcdma")" 755
}

@test "install: the command runs from there, with the library that is there" {
    make_ install
    mv "$ROOT" elsewhere
    run -0 env -u LD_LIBRARY_PATH elsewhere/usr/bin/zcdma --version
    assert_output "$(zcdma --version)"
    run -0 env -u LD_LIBRARY_PATH ldd elsewhere/usr/bin/zcdma
    assert_output --regexp "libzcdma\.so\.0 => $PWD/elsewhere/usr/bin/\.\./lib/libzcdma\.so\.0 "
    env -u LD_LIBRARY_PATH elsewhere/usr/bin/zcdma capture -q --bytes 1M sim: |
        zcdma verify -q --bytes 1M -
}

@test "install: a library folder that is further down" {
    make_ install LIBDIR=/usr/lib/multi-arch
    run -0 env -u LD_LIBRARY_PATH ldd "$ROOT/usr/bin/zcdma"
    assert_output --regexp "libzcdma\.so\.0 => $ROOT/usr/.*lib/multi-arch/libzcdma\.so\.0 "
    grep -qx 'libdir=/usr/lib/multi-arch' "$ROOT/usr/lib/multi-arch/pkgconfig/libzcdma.pc"
    make_ uninstall LIBDIR=/usr/lib/multi-arch
    run -0 tree
    assert_output ''
}

@test "install: pkg-config is told of PREFIX, not of DESTDIR" {
    make_ install
    run -0 cat "$ROOT/usr/lib/pkgconfig/libzcdma.pc"
    assert_line prefix=/usr
    refute_output --partial "$ROOT"
    refute_output --partial @
}

@test "install: pkg-config wants nothing but the library, where no other one's headers are" {
    make_ install
    PKG_CONFIG_LIBDIR=$ROOT/usr/lib/pkgconfig run -0 pkg-config --cflags --libs libzcdma
    assert_output --partial -lzcdma
}

@test "install: SYMLINKS=yes gives a link for each applet, which works" {
    local applet
    make_ install SYMLINKS=yes
    run -0 tree
    # shellcheck disable=SC2046 # words
    assert_output "$(expected $(applets))"
    for applet in $(applets); do
        run -0 "$ROOT/usr/bin/$applet" --help
        assert_line --index 0 --partial "Usage: zcdma $applet "
    done
    "$ROOT/usr/bin/capture" -q --bytes 1M sim: | "$ROOT/usr/bin/verify" -q
}

@test "uninstall: all of it goes, and links too" {
    make_ install SYMLINKS=yes
    make_ uninstall
    run -0 tree
    assert_output ''
    # And when there is nothing left.
    make_ uninstall
}

@test "uninstall: the files of others stay" {
    local strangers='usr/bin/capture usr/bin/probe usr/lib/libother.so usr/include/other.h
        usr/share/man/man1/capture.1'
    local file
    for file in $strangers; do
        mkdir -p "$ROOT/${file%/*}"
        echo stranger >"$ROOT/$file"
    done
    ln -s elsewhere "$ROOT/usr/bin/verify"
    make_ install
    make_ uninstall
    run -0 tree
    # shellcheck disable=SC2086 # words
    assert_output "$(printf '%s\n' $strangers usr/bin/verify | sort)"
    for file in $strangers; do
        grep -qx stranger "$ROOT/$file"
    done
    assert_equal "$(readlink "$ROOT/usr/bin/verify")" elsewhere
}

@test "install: SYMLINKS=yes does not take a name that another package has" {
    mkdir -p "$ROOT/usr/bin"
    echo stranger >"$ROOT/usr/bin/capture"
    make_ install SYMLINKS=yes || :
    grep -qx stranger "$ROOT/usr/bin/capture"
}

@test "install: a folder where programs do not look for libraries is told" {
    run -0 make_ordinary PREFIX="$PWD/usr" install
    assert_output --partial "do not find libzcdma in $PWD/usr/lib: run ldconfig as root"
}

#
# The driver
#

# driver TARGET: with the headers of a kernel that is not there, and the commands of this test.
driver() {
    mkdir -p headers/include/generated
    echo '#define UTS_RELEASE "9.9-test"' >headers/include/generated/utsrelease.h
    make -s -C "$TOP" DESTDIR="$ROOT" KDIR="$PWD/headers" DKMS="$PWD/dkms" "$@" 2>&1
}

# fake_dkms STATUS: it does nothing, writes down what it was asked for, and has this to tell.
# shellcheck disable=SC2016 # a script for another shell
fake_dkms() {
    printf '#!/bin/sh\necho "$@" >>%s/asked\n[ "$1" != status ] || echo "%s"\n' "$PWD" "$1" >dkms
    chmod +x dkms
}

@test "driver: without headers their package is named" {
    run -2 make -s -C "$TOP" kmod KDIR="$PWD/none"
    assert_output --partial "no kernel headers in $PWD/none: install their package (linux-headers-$(uname -r))"
}

@test "driver: dkms-install without DKMS does nothing" {
    run -2 driver dkms-install
    assert_output --partial 'install the package dkms, or take make kmod_install'
    [ ! -e "$ROOT" ]
}

@test "driver: one beside another is refused, before anything is done" {
    local modules=$ROOT/lib/modules/9.9-test/updates
    fake_dkms ''
    mkdir -p "$modules/dkms"
    touch "$modules/zcdma.ko"
    run -2 driver dkms-install
    assert_output --partial "$modules/zcdma.ko: a driver is installed already: remove it first (make kmod_uninstall)"
    [ ! -e asked ]
    mv "$modules/zcdma.ko" "$modules/dkms/"
    run -2 driver kmod_install
    assert_output --partial 'a driver is installed already: remove it first (make dkms-uninstall)'
    run -0 tree
    assert_output lib/modules/9.9-test/updates/dkms/zcdma.ko
}

dkms_version() {
    sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$TOP/kmod/dkms.conf"
}

@test "driver: a module that DKMS left out is an error" {
    fake_dkms "zcdma/$(dkms_version), 9.9-test, x86_64: installed (WARNING! Diff between built and installed module!)"
    run -2 driver dkms-install
    assert_output --partial 'DKMS did not install the driver for 9.9-test'
    fake_dkms "zcdma/$(dkms_version), 9.9-test, x86_64: installed"
    run -0 driver dkms-install
    run -0 tree
    assert_output usr/lib/udev/rules.d/60-zcdma.rules
    run -0 driver dkms-uninstall
    grep -q '^remove zcdma/.* --all' asked
    run -0 tree
    assert_output ''
}

# shellcheck disable=SC2016 # variables of make
# fake_kernel MODULE...: headers with which "building" makes these modules.
fake_kernel() {
    mkdir -p headers
    printf 'modules:\n\tcd $(M) && touch $(addsuffix .ko,%s) Module.symvers\n' "$*" >headers/Makefile
}

@test "driver: kmod_install installs all modules, and what others are built against" {
    local updates=lib/modules/9.9-test/updates
    fake_kernel zcdma zcdma_sim zcdma_dmaengine
    run -0 driver kmod_install KMOD_BUILD="$PWD/kmod"
    run -0 tree
    assert_output "$updates/zcdma.ko
$updates/zcdma/Module.symvers
$updates/zcdma/include/linux/zcdma.h
$updates/zcdma/include/linux/zcdma_device.h
$updates/zcdma_dmaengine.ko
$updates/zcdma_sim.ko
usr/lib/udev/rules.d/60-zcdma.rules"
    run -0 driver kmod_uninstall
    run -0 tree
    assert_output ''
}

@test "driver: the udev rule is well formed" {
    udevadm verify --help >/dev/null 2>&1 || skip 'udevadm verify came with systemd 254; tests/vm/names.bats uses the rule'
    run -0 udevadm verify --resolve-names=never "$TOP/kmod/60-zcdma.rules"
}

# names_in FILE PATTERN: print what the pattern's group matches.
names_in() {
    sed -n "s/$2/\1/p" "$TOP/$1" | tr ' ' '\n' | sort
}

@test "driver: Kbuild, DKMS and make have the same modules" {
    run -0 names_in kmod/dkms.conf '^BUILT_MODULE_NAME.*="\(.*\)"'
    assert_output "$(names_in Makefile '^KMOD_MODULES := \(.*\)')"
    assert_output "$(sed -n '/^obj-/s/.*:\?+\?= //p' "$TOP/kmod/Kbuild" | tr ' ' '\n' | sed 's/\.o//' | sort)"
}

@test "driver: kmod_uninstall removes what kmod_install installed, and the rule with the last driver" {
    local modules=lib/modules/9.9-test/updates
    mkdir -p "$ROOT/$modules/dkms" "$ROOT/usr/lib/udev/rules.d"
    touch "$ROOT/$modules/zcdma.ko" "$ROOT/$modules/dkms/zcdma.ko" "$ROOT/usr/lib/udev/rules.d/60-zcdma.rules"
    run -0 driver kmod_uninstall
    run -0 tree
    assert_output "$modules/dkms/zcdma.ko
usr/lib/udev/rules.d/60-zcdma.rules"
    rm "$ROOT/$modules/dkms/zcdma.ko"
    run -0 driver kmod_uninstall
    run -0 tree
    assert_output ''
}
