#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Check that includes follow the direction cmd -> lib/include -> kmod/uapi <- kmod -> kmod/include <- kmod/drivers, where
# kmod/include takes kmod/uapi too, and that they make no circle. With -f, print the circles among the folders instead, which are not an error.
set -euo pipefail
cd "$(dirname "$0")/.."

# Print "FILE INCLUDED" for each include of a file of this tree.
edges() {
    git ls-files 'cmd/*.[ch]' 'lib/*.[ch]' 'kmod/*.[ch]' | xargs grep -HoE '^#include ["<][^">]+' |
        sed -E 's/:#include ["<]/ /' |
        while read -r file name; do
            for dir in "${file%/*}" "${file%%/*}" lib/include kmod/uapi kmod/include; do
                [[ -f $dir/$name ]] || continue
                [[ $name = *..* ]] && dir=$(realpath --relative-to=. "$dir/${name%/*}") name=${name##*/}
                echo "$file $dir/$name"
                break
            done
        done
}

# Merge files into nodes: FOO.c and FOO.h, as neither is used without the other, and a header without a .c
# file of its own that takes FOO.h and is taken by FOO.c, as the private one of a module in several files.
nodes() {
    awk '
        function stem(file) {
            sub(/\.[ch]$/, "", file)
            return file
        }
        function node(file, i) {
            if (!((stem(file) ".c") in seen))
                for (i = 1; i <= NR; i++)
                    if (from[i] == file && ((stem(to[i]) ".c", file) in includes))
                        return stem(to[i])
            return stem(file)
        }
        { from[NR] = $1; to[NR] = $2; seen[$1]; includes[$1, $2] }
        END { for (n = 1; n <= NR; n++) print node(from[n]), node(to[n]) }' | sort -u
}

# The part of the tree that a file belongs to, and the parts that it may include.
check_direction() {
    awk '
        function part(file) {
            if (file ~ /^lib\/include\//) return "lib/include"
            if (file ~ /^kmod\/uapi\//) return "kmod/uapi"
            if (file ~ /^kmod\/drivers\//) return "kmod/drivers"
            if (file ~ /^kmod\/(include\/|compat\.h$)/) return "kmod/include"
            sub(/\/.*/, "", file)
            return file
        }
        BEGIN {
            may["cmd"] = " cmd lib/include "
            may["lib"] = " lib lib/include kmod/uapi "
            may["lib/include"] = " lib/include kmod/uapi "
            may["kmod"] = " kmod kmod/uapi kmod/include "
            may["kmod/drivers"] = " kmod/drivers kmod/include "
            may["kmod/include"] = " kmod/include kmod/uapi "
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
pairs=$(nodes <<<"$files")
check_circles <<<"$pairs" || status=1
exit "$status"
