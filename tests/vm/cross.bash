# SPDX-License-Identifier: GPL-2.0-only
# Build the programs for another architecture, against a root of packages for it (root.sh).
# shellcheck shell=bash

# For each of Debian's architectures: the prefix of its compiler, and the folder of its libraries.
declare -A triplet=([arm64]=aarch64-linux-gnu [armhf]=arm-linux-gnueabihf [i386]=i686-linux-gnu)
declare -A libraries=([arm64]=aarch64-linux-gnu [armhf]=arm-linux-gnueabihf [i386]=i386-linux-gnu)

# build_for ARCHITECTURE ROOT FOLDER [CFLAG...]: in the tree, the current folder. One process at a time.
build_for() {
    local cross=${triplet[$1]} root=$2 folder=$3
    mkdir -p "$folder"
    PKG_CONFIG_SYSROOT_DIR=$root \
        PKG_CONFIG_LIBDIR=$root/usr/lib/${libraries[$1]}/pkgconfig:$root/usr/share/pkgconfig \
        flock "$folder" make --no-print-directory BUILD="$folder" ZCDMA="$folder/zcdma" RUNPATH=. AR="$cross-ar" \
        CC="$cross-gcc --sysroot=$root" CFLAGS="-O2 -g ${*:4}" all tests-build
}
