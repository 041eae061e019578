#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The description of the ABI for syzkaller says what the header says. Its own compiler is in no package of Debian's,
# so the structures are made C again, and compared by gcc.

load common

TEXT=$TOP/tests/vm/syzkaller/dev_zcdma.txt
HEADER=$TOP/kmod/uapi/linux/zcdma.h

# Print the structures of the description as C, with assertions that each field lies where the header has it.
structures() {
    awk '
    function c_type(type) {
        if (type ~ /int8/) return "char"
        return type ~ /int64|ptr64|zcdma_position/ ? "__u64" : "__u32"
    }
    function length_of(type, part) {
        if (type !~ /^array/) return ""
        split(type, part, ", *")
        sub(/\].*/, "", part[type ~ /const/ ? 3 : 2])
        return "[" part[type ~ /const/ ? 3 : 2] "]"
    }
    /^zcdma_[a-z_]+ \{$/ {
        name = $1
        fields = ""
        print "struct text_" name " {"
        next
    }
    name != "" && /^\}$/ {
        print "};\n_Static_assert(sizeof(struct text_" name ") == sizeof(struct " name "), \"size of " name "\");"
        printf "%s", fields
        name = ""
        next
    }
    name != "" {
        field = $1
        type = $0
        sub(/^\t[a-z_]+[\t ]+/, "", type)
        print "\t" c_type(type) " " field length_of(type) ";"
        where = "(struct text_" name ", " field ") == "
        fields = fields "_Static_assert(offsetof" where "offsetof(struct " name ", " field "), \"" name "." field "\");\n"
        fields = fields "_Static_assert(sizeof(((struct text_" name " *)0)->" field ") == sizeof(((struct " name " *)0)->" field "), \"size of " name "." field "\");\n"
    }' "$TEXT"
}

@test "syzkaller: each structure is laid out as in the header, field by field" {
    local name names
    { printf '#include <stddef.h>\n#include <linux/zcdma.h>\n' && structures; } >structures.c
    gcc -fsyntax-only -I"$TOP/kmod/uapi" structures.c
    mapfile -t names < <(sed -n 's/^struct \(zcdma_dev_[a-z]*\) {$/\1/p' "$HEADER")
    for name in "${names[@]}"; do
        grep -q "^struct text_$name {" structures.c || fail "there is no $name"
        # Padding is a field too, so as many fields as the header has.
        assert_equal "$(sed -n "/^$name {/,/^}/p" "$TEXT" | grep -c $'^\t')" \
            "$(sed -n "/^struct $name {/,/^};/p" "$HEADER" | grep -cE $'^\t(__[us](32|64)|char) ')"
    done
}

@test "syzkaller: each ioctl, model and policy is named" {
    local word words
    mapfile -t words < <(sed -n 's/^#define \(ZCDMA_IOC_[A-Z_]*\)[\t ]*_IO(.*/\1/p' "$HEADER")
    for word in "${words[@]}"; do
        grep -qE "^ioctl\\\$$word\\(fd fd_zcdma, cmd const\\[$word\\]," "$TEXT" || fail "there is no $word"
    done
    mapfile -t words < <(sed -n 's/^\t\(ZCDMA_DEV_[A-Z]*\) = .*/\1/p' "$HEADER")
    for word in "${words[@]}"; do
        grep -qE "^zcdma_(models|policies) = .*\\b$word\\b" "$TEXT" || fail "there is no $word"
    done
}

# It names nothing that there is not: a flag, a resource or a structure that is used is defined.
@test "syzkaller: what is used is defined" {
    local word words
    mapfile -t words < <(grep -oE '\b(zcdma_[a-z_]+|fd_zcdma)\b' "$TEXT" | sort -u)
    for word in "${words[@]}"; do
        grep -qE "^(resource $word\[|$word( =| \{))" "$TEXT" || fail "$word is not defined"
    done
    mapfile -t words < <(grep -oE '\bZCDMA_[A-Z_]+\b' "$TEXT" | sort -u)
    for word in "${words[@]}"; do
        grep -qE "\b$word\b" "$HEADER" || fail "$word is not in the header"
    done
}
