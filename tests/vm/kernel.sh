#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Fetch one of Debian's kernels with its headers, as packages that are unpacked and not installed, and
# print the folder: kernel.sh NAME DIR, where NAME is one of those below. Needs no privilege.
set -euo pipefail

# A name, the suites that have it, and the packages that depend on the newest image and headers. Where
# there is no image the kernel is not booted: it is there to build modules for.
kernels="
6.1     bookworm linux-image-amd64         linux-headers-amd64
6.1-rt  bookworm linux-image-rt-amd64      linux-headers-rt-amd64
6.12    bookworm linux-image-6.12-amd64    linux-headers-6.12-amd64
6.12-rt bookworm linux-image-6.12-rt-amd64 linux-headers-6.12-rt-amd64
5.10    bullseye linux-image-amd64         linux-headers-amd64
7.x     trixie-backports,trixie -          linux-headers-amd64/trixie-backports
"

# The mirrors are those of this machine; the lists are our own, so that root's may be of another suite,
# old or missing.
deb() {
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $1 $2 main"
}

configure_apt() {
    local suites=${1//,/ } suite uri release
    local -A mirror=()

    # shellcheck disable=SC2016 # the words are apt-get's
    while read -r uri release; do
        case $uri:$release in
        *-security) mirror[security]=$uri ;;
        */debian/:*) mirror[main]=$uri ;;
        esac
    done < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages')

    if [[ -z ${mirror[main]:-} ]]; then
        echo "kernel.sh: this machine's apt has no sources of Debian's packages" >&2
        return 1
    fi

    mkdir -p "$apt"/{lists/partial,archives/partial,empty}
    : >"$apt/status"
    for suite in $suites; do
        deb "${mirror[main]}" "$suite"
        [[ -z ${mirror[security]:-} || $suite == *-backports ]] ||
            deb "${mirror[security]}" "$suite-security"
    done >"$apt/sources.list"
    cat >"$apt/apt.conf" <<END
Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "$apt/empty";
Dir::Etc::PreferencesParts "$apt/empty";
APT::Architecture "amd64";
APT::Architectures "amd64";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "2";
Debug::NoLocking "true";
END
    export APT_CONFIG=$apt/apt.conf
    exec {lock}>"$apt/lock"
    flock "$lock"
    apt-get -q update --error-on=any
}

# depends PACKAGE PATTERN: the names of the packages that it depends on, by pattern.
depends() {
    apt-cache depends --important "$1" | sed -n 's/^ *|\?Depends: //p' | grep -E "$2"
}

# Headers of a newer Debian: their tools want its libc, which they get, and their configuration wants
# its gcc and pahole, which building a module can do without.
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

fetch() {
    local suites=$1 image=$2 headers release packages kbuild
    configure_apt "$suites"
    headers=$(depends "$3" '^linux-headers-' | head -n 1)
    release=${headers#linux-headers-}
    packages="$headers $(depends "$headers" '^linux-(headers|kbuild)-')"
    if [[ $image == - ]]; then
        kbuild=$(grep -o 'linux-kbuild-[^ ]*' <<<"$packages" | head -n 1)
        packages+=" libzstd1 $(depends "$kbuild" '^(lib|zlib)')"
    else
        image=$(depends "$image" '^linux-image-' | head -n 1)
        [[ $image == linux-image-$release ]]
        packages+=" $image"
    fi

    rm -rf "$dir"
    mkdir -p "$dir/packages"
    # shellcheck disable=SC2086 # a list of words
    (cd "$dir/packages" && apt-get -q download $packages)
    for package in "$dir"/packages/*.deb; do
        dpkg-deb -x "$package" "$dir"
    done
    rm -r "$dir/packages"

    [[ -d $dir/lib/modules ]] || ln -s usr/lib "$dir/lib"
    if [[ $2 == - ]]; then
        adapt "$release"
    else
        PATH=$PATH:/sbin:/usr/sbin depmod -b "$dir" "$release"
    fi
    echo "$release" >"$dir/release" # last, as it says that all is there
}

mkdir -p "$2"
dir=$(realpath "$2")/$1
read -r _ suites image headers < <(grep -E "^$1 " <<<"$kernels") || {
    echo "no kernel is named $1" >&2
    exit 2
}
apt=$(realpath "$2")/apt-${suites%%,*}
[[ -s $dir/release ]] || fetch "$suites" "$image" "$headers" >&2
# The headers expect to be below /; and the whole tree may have been moved.
sed -Ei "s#^(include|KBUILD_OUTPUT=) ?.*/usr/src/#\1 $dir/usr/src/#" \
    "$dir/usr/src/linux-headers-$(<"$dir/release")/Makefile"
echo "$dir"
