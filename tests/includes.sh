#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Check that includes follow the direction cmd -> lib/include -> kmod/uapi <- kmod, and that they make no
# circle. A .c file and the header of its name are one node: whoever takes one needs both. With -f, print
# the circles among the folders instead, which are not an error.
set -euo pipefail
cd "$(dirname "$0")/.."

# Known circles, each named by one of its includes, still to be removed.
known='cmd/transfer/handover cmd/transfer/transfer
kmod/device kmod/debugfs
kmod/ring kmod/block
kmod/ring kmod/device
lib/handover/protocol lib/source/dev
lib/path/path lib/path/copied
lib/source/source lib/source/dev'

# Print "FILE INCLUDED" for each include of a file of this tree.
edges() {
    git ls-files 'cmd/*.[ch]' 'lib/*.[ch]' 'kmod/*.[ch]' | xargs grep -HoE '^#include ["<][^">]+' |
        sed -E 's/:#include ["<]/ /' |
        while read -r file name; do
            for dir in "${file%/*}" "${file%%/*}" lib/include kmod/uapi; do
                [[ -f $dir/$name ]] || continue
                [[ $name = *..* ]] && dir=$(realpath --relative-to=. "$dir/${name%/*}") name=${name##*/}
                echo "$file $dir/$name"
                break
            done
        done
}

# The part of the tree that a file belongs to, and the parts that it may include.
check_direction() {
    awk '
        function part(file) {
            if (file ~ /^lib\/include\//) return "lib/include"
            if (file ~ /^kmod\/uapi\//) return "kmod/uapi"
            sub(/\/.*/, "", file)
            return file
        }
        BEGIN {
            may["cmd"] = " cmd lib/include "
            may["lib"] = " lib lib/include kmod/uapi "
            may["lib/include"] = " lib/include kmod/uapi "
            may["kmod"] = " kmod kmod/uapi "
            may["kmod/uapi"] = " kmod/uapi "
        }
        !index(may[part($1)], " " part($2) " ") {
            print "include: " $1 ": " $2 " is against the direction"
            status = 1
        }
        END { exit status }'
}

# Print the circles among pairs of nodes: tsort names the members of each.
check_circles() {
    awk '$1 != $2' | sort -u | tsort 2>&1 >/dev/null |
        sed -n '/contains a loop/ { s/.*/include: a circle:/; p; d }; s/^tsort: /    /p'
    ((PIPESTATUS[2] == 0))
}

status=0
files=$(edges)
if [[ ${1:-} = -f ]]; then
    sed -E 's,/[^/ ]*( |$),\1,g' <<<"$files" | check_circles || true
    exit 0
fi
check_direction <<<"$files" || status=1
nodes=$(sed -E 's/\.[ch]( |$)/\1/g' <<<"$files" | sort -u)
grep -vxF "$known" <<<"$nodes" | check_circles || status=1
grep -vxF "$nodes" <<<"$known" | sed 's/^/include: no longer a known circle: /' || true
exit "$status"
