#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Make a root of Debian's packages of another architecture, which are unpacked and not installed, and print the
# folder: root.sh DIR [ARCHITECTURE] (armhf). Programs for it are built against it, and find it where they run.
set -euo pipefail
# shellcheck source=tests/vm/apt.bash
. "$(dirname "$0")/apt.bash"

packages="libc6-dev libpopt-dev libjansson-dev libsmartcols-dev libxxhash-dev liburing-dev libpcap-dev libmnl-dev
    libcap-ng-dev libcmocka-dev bash dash mawk coreutils grep sed findutils util-linux mount procps kmod jq iproute2 diffutils
    bats bats-assert bats-support e2fsprogs tcpdump hostname"

# is_complete: it has these packages, and is not of before one was added.
is_complete() {
    [[ -e $dir/complete && $(<"$dir/complete") == "$packages" ]]
}

fetch() {
    local package
    configure_apt "$apt" bookworm "$architecture"
    ! is_complete || return 0 # another process was first
    # shellcheck disable=SC2086 # a list of words
    apt-get -q -y --no-install-recommends --download-only install $packages

    rm -rf "$dir"
    # Debian's layout since 2023: links, and libraries that are named in one place only.
    mkdir -p "$dir"/usr/{bin,sbin,lib} "$dir"/{dev,mnt,proc,run,sys,tmp} "$dir/var/tmp"
    ln -s usr/bin usr/sbin usr/lib "$dir"
    for package in "$apt"/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$dir" --keep-directory-symlink
    done
    rm -f "$apt"/archives/*.deb
    rm -rf "$dir"/usr/share/{doc,man,locale,info,bash-completion,lintian,bug,perl,perl5,common-licenses}
    echo "$packages" >"$dir/complete" # last, as it says that all is there
}

architecture=${2:-armhf}
mkdir -p "$1"
dir=$(realpath "$1")/root-$architecture
apt=$(realpath "$1")/apt-bookworm-$architecture
is_complete || fetch >&2
echo "$dir"
