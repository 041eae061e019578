#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Build a kernel that checks itself, from Debian's package of its source, and print the folder, which is laid
# out as kernel.sh does: build.sh NAME DIR, where NAME.config is one of the files beside this one. What is
# built is kept, until a configuration changes. Needs no privilege.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
# shellcheck source=tests/vm/apt.bash
. "$here/../apt.bash"

version=6.12
name=$1
mkdir -p "$2"
top=$(realpath "$2")
source=$top/linux-source-$version
dir=$top/$name
objects=$dir/objects

# Get the source, which all of these kernels share.
fetch() {
    local folder=$top/source-packages
    configure_apt "$top/apt-bookworm" bookworm
    rm -rf "$source" "$folder"
    mkdir -p "$folder"
    (cd "$folder" && apt-get -q download "linux-source-$version" && dpkg-deb -x ./*.deb .)
    tar -xf "$folder/usr/src/linux-source-$version.tar.xz" -C "$folder"
    mv "$folder/linux-source-$version" "$source" # last, as it says that all is there
    rm -r "$folder"
}

# kernel_make ARGUMENT...: the outer make's variables and jobs are not this one's.
kernel_make() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$source" O="$objects" CC="${CC:-gcc}" "$@"
}

# What KASAN, kmemleak, page_owner and lockdep call at each allocation and lock is not checked itself. In an emulated
# machine most of the time would be theirs.
unchecked=()
for object in unwind_frame stacktrace extable kallsyms lockdep spinlock_debug debugobjects page_owner page_poison \
    string_helpers; do
    unchecked+=("KASAN_SANITIZE_$object.o=n")
done

# kconfig leaves out, without a word, what is not possible.
configure() {
    local line status=0
    kernel_make KCONFIG_ALLCONFIG="$objects/wanted" allnoconfig
    while read -r line; do
        [[ $line == *CONFIG_* ]] || continue
        grep -qxF "$line" "$objects/.config" || {
            echo "linux $version does not take $line"
            status=1
        }
    done <"$objects/wanted"
    return "$status"
}

build() {
    mkdir -p "$objects"
    rm -f "$dir/release"
    cp "$dir/wanted" "$objects/wanted"
    configure
    kernel_make -j"${VM_JOBS:-$(nproc)}" KCSAN_SANITIZE=n "${unchecked[@]}" \
        bzImage modules # see kcsan.config
    release=$(<"$objects/include/config/kernel.release")
    rm -rf "${dir:?}"/{boot,lib,usr}
    mkdir -p "$dir"/{boot,usr/src}
    cp "$objects/arch/x86/boot/bzImage" "$dir/boot/vmlinuz-$release"
    ln -s ../../objects "$dir/usr/src/linux-headers-$release"
    kernel_make INSTALL_MOD_PATH="$dir" DEPMOD=true modules_install
    PATH=$PATH:/sbin:/usr/sbin depmod -b "$dir" "$release"
    echo "$release" >"$dir/release" # last, as it says that all is there
}

[[ -f $here/$name.config ]] || {
    echo "no kernel is named $name" >&2
    exit 2
}
mkdir -p "$dir"
exec {building}>"$top/building"
flock "$building"
[[ -d $source ]] || fetch >&2
cat "$here/vm.config" "$here/$name.config" >"$dir/wanted"
if [[ ! -s $dir/release ]] || ! cmp -s "$dir/wanted" "$objects/wanted"; then
    build >&2
fi
echo "$dir"
