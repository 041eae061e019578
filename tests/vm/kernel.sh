#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Fetch one of Debian's kernels with its headers, as packages that are unpacked and not installed, and
# print the folder: kernel.sh NAME DIR, where NAME is one of those below. Needs no privilege. Ends with NO_PACKAGES
# of apt.bash where the packages cannot be had.
set -euo pipefail
# shellcheck source=tests/vm/apt.bash
. "$(dirname "$0")/apt.bash"

# A name, the suites that have it, the packages that depend on the newest image and headers, and the
# architecture, if another than this one.
kernels="
6.1     bookworm linux-image-amd64         linux-headers-amd64
6.1-rt  bookworm linux-image-rt-amd64      linux-headers-rt-amd64
6.12    bookworm linux-image-6.12-amd64    linux-headers-6.12-amd64
6.12-rt bookworm linux-image-6.12-rt-amd64 linux-headers-6.12-rt-amd64
5.10    bullseye linux-image-amd64         linux-headers-amd64
7.x     trixie-backports,trixie linux-image-amd64/trixie-backports linux-headers-amd64/trixie-backports
armmp   bookworm linux-image-armmp         linux-headers-armmp armhf
arm64   bookworm linux-image-arm64         linux-headers-arm64 arm64
arm64-16k bookworm-backports,bookworm linux-image-arm64-16k linux-headers-arm64-16k arm64
"

# depends PACKAGE PATTERN: print the names of the packages that it depends on, by pattern.
depends() {
    apt-cache depends --important "$1" | sed -n 's/^ *|\?Depends: //p' | grep -E "$2"
}

# adapt RELEASE: make headers of a newer Debian usable here. Their tools want its libc, which they get, and
# their configuration wants its gcc and pahole, which building a module can do without.
adapt() {
    local lib=$dir/usr/lib/x86_64-linux-gnu tool
    while read -r tool; do
        [[ $(ldd "$tool" 2>&1) == *"not found"* ]] || continue
        mv "$tool" "$tool.elf"
        # shellcheck disable=SC2016 # words of the script that is made
        printf '#!/bin/sh\nlib=$(dirname "$0")/%s\nexec "$lib/ld-linux-x86-64.so.2" %s "$0.elf" "$@"\n' \
            "$(realpath -m --relative-to="${tool%/*}" "$lib")" \
            '--library-path "$lib" --argv0 "$0"' >"$tool"
        chmod +x "$tool"
    done < <(find "$dir"/usr/lib/linux-kbuild-* -type f -perm -u+x -exec grep -q '^.ELF' {} \; -print)
    sed -i -E '/^CONFIG_(CC_HAS_MIN_FUNCTION_ALIGNMENT|DEBUG_INFO_BTF_MODULES)=/d' \
        "$dir"/usr/src/linux-headers-"$1"/include/config/auto.conf
}

declare -A emulator=([armhf]=qemu-arm [arm64]=qemu-aarch64) bits=([armhf]=32 [arm64]=64)

# Debian's modpost checks device tables by the sizes that they have on the machine it is built for. So the
# one of that machine runs here, in emulation.
adapt_to() {
    local arch=$1 tool
    tool=$(cd "$dir" && ls usr/lib/linux-kbuild-*/scripts/mod/modpost)
    mkdir "$dir/foreign"
    for package in "$dir"/foreign-packages/*.deb; do
        dpkg-deb -x "$package" "$dir/foreign"
    done
    rm -r "$dir/foreign-packages"
    # shellcheck disable=SC2016 # words of the script that is made
    printf '#!/bin/sh\ntop=$(realpath "$(dirname "$0")/../../../../../foreign")\nexec %s -L "$top" "$top/%s" "$@"\n' \
        "${emulator[$arch]}" "$tool.real-lsb-${bits[$arch]}" >"$dir/$tool.new"
    chmod +x "$dir/$tool.new"
    mv "$dir/$tool.new" "$dir/$tool"
}

fetch() {
    local suites=$1 image=$2 headers release packages kbuild newer=
    configure_apt "$apt" "$suites" "$4"
    headers=$(depends "$3" '^linux-headers-' | head -n 1)
    release=${headers#linux-headers-}
    # The tools that build modules run here, whatever the modules are for.
    kbuild=$(depends "$headers" '^linux-kbuild-'):amd64
    packages="$headers $(depends "$headers" '^linux-headers-') $kbuild"
    image=$(depends "$image" '^linux-image-' | head -n 1)
    [[ $image == linux-image-$release ]]
    # The image of 7.x is split: it depends on the packages that have its files.
    packages+=" $image $(depends "$image" '^linux-(base|binary|modules)-' || :)"
    if [[ $suites == trixie* ]]; then
        newer=1
        packages+=" libzstd1 $(depends "$kbuild" '^(lib|zlib)')"
    fi

    rm -rf "$dir"
    mkdir -p "$dir/packages"
    # shellcheck disable=SC2086 # a list of words
    (cd "$dir/packages" && apt-get -q download $packages)
    for package in "$dir"/packages/*.deb; do
        dpkg-deb -x "$package" "$dir"
    done
    rm -r "$dir/packages"
    if [[ $4 != amd64 ]]; then
        mkdir "$dir/foreign-packages"
        (cd "$dir/foreign-packages" && apt-get -q download "${kbuild%:*}" libc6 libgcc-s1)
        adapt_to "$4"
    fi

    [[ -d $dir/lib/modules ]] || ln -s usr/lib "$dir/lib"
    if [[ -e $dir/lib/modules/$release/vmlinuz ]]; then
        mkdir -p "$dir/boot"
        ln -s "../lib/modules/$release/vmlinuz" "$dir/boot/vmlinuz-$release"
    fi
    [[ -z $newer ]] || adapt "$release"
    PATH=$PATH:/sbin:/usr/sbin depmod -b "$dir" "$release"
    echo "$release" >"$dir/release" # last, as it says that all is there
}

mkdir -p "$2"
dir=$(realpath "$2")/$1
read -r _ suites image headers architecture < <(grep -E "^$1 " <<<"$kernels") || {
    echo "no kernel is named $1" >&2
    exit 2
}
apt=$(realpath "$2")/apt-${suites%%,*}${architecture:+-$architecture}
[[ -s $dir/release ]] || fetch "$suites" "$image" "$headers" "${architecture:-amd64}" >&2
# The headers expect to be below /; and the whole tree may have been moved.
sed -Ei "s#^(include|KBUILD_OUTPUT=) ?.*/usr/src/#\1 $dir/usr/src/#" \
    "$dir/usr/src/linux-headers-$(<"$dir/release")/Makefile"
echo "$dir"
