#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Install what is missing. Each argument is THING:PACKAGE, where THING is a command, a file or a
# pkg-config name, and PACKAGE the Debian package that has it.
set -eu

missing=

is_there() {
    case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null || pkg-config --exists "$1" 2>/dev/null ;;
    esac
}

for pair; do
    is_there "${pair%%:*}" || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "These are missing; their names are Debian's:$missing" >&2
    exit 1
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "These are missing, and there is no sudo. As root: apt-get install$missing" >&2
        exit 1
    fi
    sudo=sudo
fi
echo "installing$missing"
$sudo apt-get update -q
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
