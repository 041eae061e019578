#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build Debian's packages, install, use, upgrade and remove them, each time in a fresh system of the suites that are
# named: check.sh SUITE... (bookworm trixie). As root, for debootstrap. Speaks TAP.
# The bare systems are kept in build/deb-test.
# shellcheck disable=SC2016 # words for the shell in the fresh system
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 2
tree=$PWD
work=$tree/build/deb-test
count=0
failed=0

if ((EUID)); then
    echo 'check the packages: needs root, for debootstrap and mounts' >&2
    exit 3
fi

# check WHAT COMMAND...: one test, whose output is shown where it fails.
check() {
    local what=$1
    shift
    ((++count))
    if "$@" >"$work/log" 2>&1; then
        echo "ok $count - $suite: $what"
        return
    fi
    ((++failed))
    echo "not ok $count - $suite: $what"
    tail -n 40 "$work/log" | sed 's/^/# /'
    return 1
}

mounted=()
# shellcheck disable=SC2317 # called by the trap
unmount_all() {
    local at
    for ((at = ${#mounted[@]} - 1; at >= 0; at--)); do
        umount -l "${mounted[at]}"
    done
    mounted=()
}
trap unmount_all EXIT

# A bare system, made once. This machine's mirror is its mirror.
bootstrap() {
    local mirror
    [[ ! -e $work/$suite.complete ]] || return 0
    # shellcheck disable=SC2016 # the word is apt-get's
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/$') || {
        echo "this machine's apt has no sources of Debian's packages"
        return 1
    }
    rm -rf "${work:?}/$suite"
    debootstrap --variant=minbase "$suite" "$work/$suite" "$mirror" && touch "$work/$suite.complete"
}

# fresh NAME: $root is a copy of the bare system, without its bytes.
fresh() {
    root=$work/$suite-$1
    rm -rf "$root" "$root.upper" "$root.work" && mkdir -p "$root" "$root.upper" "$root.work"
    mount -t overlay overlay -o "lowerdir=$work/$suite,upperdir=$root.upper,workdir=$root.work" "$root" || return
    mounted+=("$root")
    mount -t proc proc "$root/proc" || return
    mounted+=("$root/proc")
    cp /etc/resolv.conf "$root/etc/"
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io" # quick: the system is thrown away
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no service starts in there
    chmod +x "$root/usr/sbin/policy-rc.d"
    in_root 'apt-get update -q'
}

# in_root SCRIPT: run it in there, in a network and a process namespace of the machine.
in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        chroot "$root" sh -ec "$1"
}

# copy_tree VERSION: the tree as that version, in $root/root/zcdma.
copy_tree() {
    rm -rf "$root/root/zcdma"
    mkdir -p "$root/root/zcdma"
    git ls-files -z --cached --others --exclude-standard |
        xargs -0 cp --parents -t "$root/root/zcdma" || return
    in_root "cd /root/zcdma
        sed -i '/define ZCDMA_VERSION/s/\".*\"/\"$1\"/' lib/include/zcdma.h
        sed -i 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$1\"/' kmod/dkms.conf
        sed -i '1s/(.*)/($1)/' .debian/changelog"
}

# build VERSION: the packages of that version, in $root/root/zcdma/build/deb.
build() {
    copy_tree "$1" && build_tree "$1"
}

# build_next VERSION: the same with the next interface of the library, libzcdma1.
build_next() {
    copy_tree "$1" && in_root 'cd /root/zcdma
        sed -i "s/^SOVERSION := 0$/SOVERSION := 1/" Makefile
        sed -i "s/libzcdma0/libzcdma1/g; s/libzcdma\.so\.0/libzcdma.so.1/g" .debian/control .debian/libzcdma0.symbols \
            lib/python/zcdma/_library.py
        for file in .debian/libzcdma0.*; do
            mv "$file" ".debian/libzcdma1.${file##*.}"
        done' && build_tree "$1"
}

# build_tree VERSION
build_tree() {
    in_root 'cd /root/zcdma
        command -v make >/dev/null || apt-get install -q -y --no-install-recommends make
        make -j2 deb' && mkdir -p "$work/$suite-$1" && cp "$root"/root/zcdma/build/deb/*.{deb,changes} "$work/$suite-$1/"
}

lint_packages() {
    in_root 'apt-get install -q -y --no-install-recommends lintian
        cd /root/zcdma/build/deb && lintian --allow-root --fail-on error *.changes'
}

# install VERSION
install() {
    rm -rf "$root/root/deb"
    cp -r "$work/$suite-$1" "$root/root/deb"
    rm -f "$root"/root/deb/*dbgsym*
    in_root 'apt-get install -q -y --no-install-recommends /root/deb/*.deb'
}

# What the packages depend on, so that what is left of themselves can be told.
install_depends() {
    local depends
    depends=$(for package in "$work/$suite-$1"/*.deb; do
        dpkg-deb -f "$package" Pre-Depends Depends
    done | sed 's/^[A-Za-z-]*: //; s/, /\n/g' | grep -v zcdma | sort -u | paste -sd,)
    in_root "apt-get satisfy -q -y --no-install-recommends '$depends'"
}

# Files of the system, but for what apt, dpkg and adduser write down of any package.
list_files() {
    in_root 'find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /root -o -path /var/log \
        -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path "/etc/*-" \) -prune -o -print | sort'
}

use_command() {
    in_root 'zcdma capture -q --bytes 8M sim: | zcdma verify -q --bytes 8M -
        zcdma bench --seconds 0.05 --repeat 1 --mode=copy --json | grep -q "\"exit_status\": 0"
        for page in man1/zcdma.1 man4/zcdma.4 man7/zcdma.7; do dpkg -S "/usr/share/man/$page.gz"; done'
}

use_library() {
    cp tests/examples/ship.c "$root/root/"
    in_root 'apt-get install -q -y --no-install-recommends gcc libc6-dev pkg-config
        cd /root && gcc -Wall -Werror -o ship ship.c $(pkg-config --cflags --libs libzcdma)' && ship
}

# ship: the program that was built sends, with the library of its interface.
ship() {
    in_root 'cd /root
        ldd ship | grep "libzcdma.so.0 => /"
        zcdma verify --bytes 64M --listen 127.0.0.1:0 2>listening &
        trap "kill $! 2>/dev/null || :" EXIT
        for i in $(seq 600); do
            to=$(sed -n "s/.*listening on //p" listening)
            [ -z "$to" ] || break
            sleep 0.1
        done
        ./ship sim: zerocopy "$to"
        wait $!'
}

# What is built with the next interface of the library takes its place, and what needs this one runs on.
beside_next() {
    cp -r "$work/$suite-1.0.0" "$root/root/next"
    in_root 'cd /root/next && apt-get install -q -y --no-install-recommends ./zcdma_*.deb ./libzcdma1_*.deb
        zcdma --version | grep "1\.0\.0" && ldd /usr/bin/zcdma | grep "libzcdma.so.1 => /"' && ship && use_python
}

use_python() {
    in_root 'apt-get install -q -y --no-install-recommends python3-numpy
        cd / && python3 -c "
import numpy, zcdma
with zcdma.Source(\"sim:\", limit_blocks=3) as source, zcdma.Check.pattern() as check:
    for block in source:
        check.feed(numpy.frombuffer(block, \"<i2\"))
    assert check.end()[\"faults\"] == 0
"'
}

# Another version of the library is another package, and the two may share no file.
has_versioned_names() {
    ! in_root 'dpkg -L libzcdma0' | while read -r file; do
        [[ -d $root$file || $file == *zcdma0* || $file == *libzcdma.so.0* ]] || echo "$file"
    done | grep .
}

# Without headers DKMS builds nothing, says so, and the package is installed all the same.
dkms_waits() {
    in_root 'getent group zcdma && test -e /usr/lib/udev/rules.d/60-zcdma.rules && dkms status | grep -q "^zcdma/.*: added"'
}

dkms_builds() {
    in_root 'apt-get install -q -y --no-install-recommends linux-headers-amd64
        for release in $(ls /lib/modules); do
            dkms status -k "$release" | grep "^zcdma/.*: installed"
            modinfo -k "$release" zcdma | grep ^version
        done'
}

# A unit runs services.sh there, and ends systemd.
boot_services() {
    cp tests/deb/services.sh "$root/root/"
    in_root 'apt-get install -q -y --no-install-recommends systemd
        printf "%s\n" "[Unit]" "Wants=multi-user.target" "After=multi-user.target" \
            "SuccessAction=exit-force" "FailureAction=exit-force" "[Service]" "Type=oneshot" "TimeoutStartSec=infinity" \
            "ExecStart=/bin/sh -c \"/root/services.sh >/root/services.log 2>&1; echo \$? >/root/services.status\"" \
            >/etc/systemd/system/services.service
        rm -f /root/services.status' || return
    tests/deb/boot.sh "$root" services.service
    cat "$root/root/services.log" && [[ $(<"$root/root/services.status") == 0 ]]
}

upgraded() {
    in_root 'zcdma --version; dkms status; zcdma --version | grep -qv 0.1.0 && ! dkms status | grep "zcdma/0.1.0" &&
        ! ls -d /usr/src/zcdma-0.1.0'
}

remove() {
    in_root 'apt-get purge -q -y zcdma libzcdma0 libzcdma-dev zcdma-dkms python3-zcdma && ! getent group zcdma'
}

nothing_left() {
    list_files >"$work/after" && diff "$work/before" "$work/after"
}

check_suite() {
    local version
    version=$(sed -n 's/^#define ZCDMA_VERSION "\(.*\)"/\1/p' lib/include/zcdma.h)
    check 'a bare system' bootstrap && check 'another to build in' fresh build || return
    check "build packages" build "$version" && check 'lintian finds no error' lint_packages || return
    check 'build packages of 0.1.0' build 0.1.0 || return
    check 'build packages with the next interface of the library' build_next 1.0.0 || return
    unmount_all
    check 'another to use them in' fresh use || return
    check 'install what they depend on' install_depends "$version" || return
    list_files >"$work/before"
    check 'install 0.1.0' install 0.1.0 || return
    check 'upgrade' install "$version" && check 'nothing of 0.1.0 is left' upgraded
    check 'the command captures, verifies and measures' use_command
    check 'the files of the library have its version' has_versioned_names
    check 'DKMS waits for headers' dkms_waits
    check 'remove' remove && check 'nothing is left' nothing_left
    check 'install again' install "$version" || return
    check 'a program is built with the library' use_library
    check 'a Python program uses the library' use_python
    check 'DKMS builds the driver' dkms_builds
    check 'systemd records, receives, watches, stops and removes' boot_services
    check 'two versions of the library side by side' beside_next
    unmount_all
}

mkdir -p "$work"
for suite in "$@"; do
    check_suite
done
echo "1..$count"
echo "$((count - failed)) passed, $failed failed"
((!failed))
