#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The man pages tell of every applet, option, report key, function and number of the driver that there
# is, and of no other.

load common

# The pages as they are installed, with what they share.
BUILD=${BUILD:-build}
[[ $BUILD == /* ]] || BUILD=$TOP/$BUILD
MAN=$BUILD/man
PAGES=("$TOP"/man/*.[1-9])
PAGES=("${PAGES[@]/#"$TOP/man"/$MAN}")

applets() {
    zcdma --list | cut -d' ' -f1
}

# options APPLET: as its help has them, "-o, --output=FILE".
options() {
    zcdma "$1" --help | sed -nE 's/^  (-[a-z], |    )(--[^ ]*).*/\1\2/p' | sed 's/^ *//' | sort
}

# page_options PAGE: the same, from ".It Fl o , Fl -output Ns = Ns Ar FILE".
page_options() {
    sed -nE 's/^\.It (Fl .*)/\1/p' "$1" |
        sed -E 's/ Ns //g; s/Ns //g; s/(Ar|Cm) //g; s/Fl /-/g; s/ ,/,/g' | sort
}

# same WHAT: the files expected and found are the same, and not empty.
same() {
    [[ -s expected ]] || fail "$1: there is none at all, so this test is wrong"
    diff -u expected found >differences || fail "$1:"$'\n'"$(tail -n +3 differences)"
}

without_comments() {
    tr '\n\t' '  ' | sed -E 's:/\*([^*]|\*+[^*/])*\*+/: :g' | tr -s ' '
}

# "TYPE NAME(ARGUMENTS)" of each function that the headers declare.
declared() {
    sed "/^#/d" "$TOP"/lib/include/zcdma{,/*}.h | without_comments |
        grep -oE '[a-z][a-z_0-9 *]* \**zcdma_[a-z0-9_]+\([^;{}()]*\);' | sed 's/;$//' | sort
}

# The same, from the .Ft, .Fo, .Fa and .Fc lines of the page's synopsis.
documented() {
    sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$MAN/libzcdma.3" | tr -d '"' | awk '
        $1 == ".Ft" { sub(/^\.Ft /, ""); type = $0 (/\*$/ ? "" : " ") }
        $1 == ".Fo" { name = $2; list = "" }
        $1 == ".Fa" { sub(/^\.Fa /, ""); list = list (list == "" ? "" : ", ") $0 }
        $1 == ".Fc" { print type name "(" list ")" }' | sort
}

names() {
    grep -oE 'zcdma_[a-z0-9_]+\(' | tr -d '(' | sort
}

exported() {
    sed -n '/global:/,/local:/p' "$TOP/lib/libzcdma.map" | grep -oE 'zcdma_[a-z0-9_]+' | sort
}

# assert_keys PAGE: each key of the report in $output is in the page.
assert_keys() {
    jq -r 'del(.schema, .applet, .version, .notes, .error, .exit_status)
        | .. | objects | keys[]' <<<"$output" | sort -u >expected
    cat expected >>"${1##*/}.keys"
    sed -nE 's/^\.(It )?Va //p' "$1" | tr -s ' ,' '\n' | sort -u | comm -12 expected - >found
    same "${1##*/}: keys of the report that it does not tell of"
}

# assert_no_other_keys PAGE: each key that the page explains was in a report given to assert_keys().
assert_no_other_keys() {
    sed -nE 's/^\.It Va //p' "$1" | tr -s ' ,' '\n' | grep -vx Va | sort -u >expected
    sort -u "${1##*/}.keys" | comm -12 expected - >found
    same "${1##*/}: keys that no report has"
}

@test "every applet has a page, and every page its applet" {
    applets | sed 's/.*/zcdma-&.1/' | sort >expected
    (cd "$TOP/man" && printf '%s\n' zcdma-*.1) | sort >found
    same 'applets and pages'
    [[ -f $MAN/zcdma.1 && -f $MAN/zcdma.4 && -f $MAN/zcdma.7 && -f $MAN/libzcdma.3 ]]
}

@test "every part that pages share is shared, and stands in no page by itself" {
    local part
    for part in "$TOP"/man/shared/*.mdoc; do
        (($(grep -lxF ".so man/shared/${part##*/}" "$TOP"/man/*.[1-9] | wc -l) > 1)) ||
            fail "${part##*/} is for one page alone"
    done
    run ! grep -n '^\.so ' "${PAGES[@]}"
    for part in "$TOP"/man/*.[1-9]; do
        grep '^\.so ' "$part" >expected || continue
        sort expected | uniq -d >found
        [[ ! -s found ]] || fail "${part##*/} takes twice: $(<found)"
    done
}

@test "every page has its sections, and is about what its name says" {
    local applet section
    for applet in $(applets); do
        grep -qx "\.Nm zcdma-$applet" "$MAN/zcdma-$applet.1"
        for section in NAME SYNOPSIS DESCRIPTION OPTIONS REPORT 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
            grep -qx "\.Sh $section" "$MAN/zcdma-$applet.1" ||
                fail "zcdma-$applet.1 has no section $section"
        done
        grep -qx "\.It Xr zcdma-$applet 1" "$MAN/zcdma.1" || fail "zcdma.1 does not name $applet"
    done
}

@test "every option of an applet is in its page, and no other" {
    local applet
    for applet in $(applets); do
        options "$applet" >expected
        page_options "$MAN/zcdma-$applet.1" >found
        same "options of zcdma-$applet.1"

        # What completion offers, by itself: the help above may have been cut.
        zcdma "$applet" --complete | cut -f1 | sort >expected
        sed 's/^-., //' found | sort >long
        mv long found
        same "options of zcdma-$applet.1, by --complete"
    done
}

@test "zcdma.1 has the options that all applets have in common, and those of zcdma itself" {
    local applet first=yes
    for applet in $(applets); do
        options "$applet" >these
        [[ $first ]] || comm -12 these common >both
        [[ $first ]] && cp these both
        mv both common
        first=
    done
    printf '%s\n' '--list' '-V, --version' | sort - common >expected
    page_options "$MAN/zcdma.1" >found
    same 'options of zcdma.1'
    local option
    for option in --list -V --version -h --help; do
        zcdma "$option" >/dev/null
    done
}

@test "the applets that have no notes for -v are those that zcdma.1 says" {
    grep -lE '^(Print additional notes; )?this applet has none\.' "$MAN"/zcdma-*.1 | sed 's/.*-//; s/\.1$//' >expected
    sed -n '/^\.It Fl v ,/,/^have none/p' "$MAN/zcdma.1" | sed -nE 's/^\.Xr zcdma-([a-z]+) 1$/\1/p' >found
    same 'applets without notes'
}

# options_of KIND: those that zcdma.1 has of a kind of source, "blocks=".
options_of() {
    sed -n "/^\.It Cm $1 :/,/^\.El/p" "$MAN/zcdma.1" |
        sed -nE 's/^\.It Cm ([a-z]+) Ns =.*/\1=/p' | sort
}

@test "every kind of source is wherever pages list them, and no other" {
    local kinds page
    run -2 zcdma capture no-such-kind: -o out
    kinds=$(grep -oE '[a-z0-9]+:[[A-Z]' <<<"$output" | grep -vx 'file:N' | cut -d: -f1 | sort -u)
    for page in zcdma-{capture,zcsend,vmsplice,copysend,play}.1; do
        awk 'said ~ /^\.Ar SOURCE$/ && /^is/ { on = 1 } { said = $0 } on { print } on && /standard input/ { exit }' \
            "$MAN/$page" >"$page"
    done
    sed -n '/^\.It source$/,/^\.It path/p' "$MAN/zcdma.7" >zcdma.7
    sed -n '/unknown kind of source/,/^\.It \\/p' "$MAN/zcdma.1" >zcdma.1
    sed -n '/^\.Sh SOURCES/,/^\.Sh SI/s/^\.It/&/p' "$MAN/zcdma.1" >sources
    for page in zcdma*.[17] sources; do
        echo "$kinds" >expected
        grep -oE '(Cm|,) [a-z0-9]+ :' "$page" | cut -d' ' -f2 | sort -u >found
        same "kinds of sources, $page"
    done
}

@test "every option of sim: and dev: is in zcdma.1, and no other" {
    local kind
    for kind in sim dev; do
        run -2 zcdma capture $kind:no-such-option= -o out
        # shellcheck disable=SC2154 # bats sets output
        grep -oE '[a-z]+=' <<<"${output#*takes}" | sort >expected
        options_of $kind >found
        same "options of $kind:"
    done
}

# section PAGE TITLE
section() {
    sed -n "/^\.Sh $2\$/,/^\.Sh /p" "$MAN/$1"
}

# subsection PAGE TITLE
subsection() {
    sed -n "/^\.Ss $2\$/,/^\.S[hs] /p" "$MAN/$1"
}

# members PREFIX: "compound" for the enumerator PREFIXCOMPOUND of the driver's header.
members() {
    grep -oE "^	$1[A-Z]+ =" "$TOP/kmod/uapi/linux/zcdma.h" | sed -E "s/^	$1//; s/ =//" |
        tr '[:upper:]' '[:lower:]'
}

@test "every memory model and policy is in zcdma.4 and in the options of dev:, and no other" {
    members 'ZCDMA_DEV_' | grep -vxE 'track|strict' | sort >expected
    subsection zcdma.4 'Memory models' | sed -nE 's/^\.It Cm ([a-z]+)$/\1/p' | sort >found
    same 'models in zcdma.4'
    subsection zcdma.4 'Memory models' | sed -nE 's/^\.It Cm ([a-z]+) Ta .*/\1/p' | sort >found
    same 'models in the table of zcdma.4'
    # A program hands the memory of this one to the driver itself.
    sed -i '/^imported$/d' expected
    grep '^\.It Cm model Ns' "$MAN/zcdma.1" | grep -oE 'Cm [a-z]+' | sed '1d; s/Cm //' | sort >found
    same 'models of dev: in zcdma.1'

    members 'ZCDMA_DEV_' | grep -xE 'track|strict' | sort >expected
    subsection zcdma.4 Policies | sed -n 's/^\.It Cm //p' | sort >found
    same 'policies in zcdma.4'
    grep '^\.It Cm policy Ns' "$MAN/zcdma.1" | grep -oE 'Cm [a-z]+' | sed '1d; s/Cm //' | sort >found
    same 'policies of dev: in zcdma.1'
}

@test "every state of a block is in zcdma.4, and no other" {
    sed -n '/state_names\[\] = {/,/};/p' "$TOP"/kmod/*.c | grep -oE '"[a-z]+"' | tr -d '"' |
        sort -u >expected
    subsection zcdma.4 Blocks | sed -n 's/^\.It //p' | sort >found
    same 'states'
}

@test "every call of the driver is in zcdma.4, and no other" {
    grep -oE '^#define ZCDMA_IOC_[A-Z]+	*_IO\(' "$TOP/kmod/uapi/linux/zcdma.h" |
        grep -oE 'ZCDMA_IOC_[A-Z]+' | sort >expected
    grep -oE 'ZCDMA_IOC_[A-Z]+' "$MAN/zcdma.4" | sort -u >found
    same 'calls'
}

# A driver's file begins with what its module's name ends with.
@test "every module parameter is in zcdma.4, and no other" {
    (cd "$TOP/kmod/drivers" && grep -oE '^module_param(_named)?\([a-z_]+' -- *.c) | grep -v 'fault\.c:' |
        sed -E 's/^([a-z]+)[a-z_]*\.c:module_param(_named)?\((.*)/\3 zcdma_\1/' | sort >expected
    section zcdma.4 'MODULE PARAMETERS' | sed -n 's/^\.It Va \(.*\) No of Li \(.*\)/\1 \2/p' | sort >found
    same 'module parameters'
}

# What a device consists of, in the header that is its contract.
contract() {
    sed -n "$1" "$TOP/kmod/include/linux/zcdma_device.h"
}

@test "every function, operation and limit of a device is in zcdma-driver.9, and no other" {
    contract p | grep -E '^[a-z]' | grep -oE 'zcdma_[a-z_]+\(' | tr -d '(' | sort >expected
    section zcdma-driver.9 SYNOPSIS | sed -nE 's/^\.Fn (zcdma_[a-z_]+) .*/\1/p' | sort >found
    same functions
    contract '/^struct zcdma_device_ops {/,/^};/p' | grep -oE '\(\*[a-z]+\)' | tr -d '(*)' | sort >expected
    subsection zcdma-driver.9 'The operations' | sed -nE 's/^\.It Fn ([a-z]+) .*/\1/p' | sort >found
    same operations
    contract '/^struct zcdma_limits {/,/^};/p' | sed -nE 's/^	[a-z0-9_]+ ([a-z_]+);.*/\1/p' | sort >expected
    subsection zcdma-driver.9 Memory | sed -n 's/^\.It Fa //p' | sort >found
    same limits
}

# items: the names of .It lines, one or several in each.
items() {
    sed -nE 's/^\.It Va //p' | tr -s ' ,' '\n' | grep -vx Va
}

# counters: the fields of the statistics, but for the array of what was copied for each reason.
counters() {
    sed -n '/^struct zcdma_dev_stats {/,/^};/p' "$TOP/kmod/uapi/linux/zcdma.h" |
        sed -nE 's/^	__u(32|64) ([a-z_]+);.*/\2/p' | grep -vx size
}

reasons() {
    sed -nE 's/^	ZCDMA_DEV_COPIED_([A-Z]+) = .*/splice_copied_\1/p' "$TOP/kmod/uapi/linux/zcdma.h" | tr '[:upper:]' '[:lower:]'
}

@test "every statistic of the driver is in zcdma.4 and in sysfs, and no other" {
    counters | sort >expected
    section zcdma.4 STATISTICS | items | sort >found
    same 'statistics in zcdma.4'
    reasons | sort >expected
    subsection zcdma.4 'Pages of others' | items | sort >found
    same 'reasons in zcdma.4'
    { counters && reasons; } | sort >expected
    sed -nE 's/^\t&stat_(copied_)?([a-z_]+)\.attr\.attr,/\1\2/p' "$TOP/kmod/statistics.c" | sed 's/^copied_/splice_&/' |
        sort >found
    same 'statistics in sysfs'
    sed -nE 's/^STAT\(([a-z_]+)\);/\1/p; s/^STAT_COPIED\(([a-z]+), .*/splice_copied_\1/p' "$TOP/kmod/statistics.c" |
        sort >found
    same 'files in statistics/'
}

@test "every trace event is in zcdma.4, and no other" {
    grep -oE '^(DEFINE_EVENT\(zcdma_block, |TRACE_EVENT\()zcdma_[a-z]+' "$TOP/kmod/trace.h" | grep -oE 'zcdma_[a-z]+$' |
        sort >expected
    section zcdma.4 'TRACE EVENTS' | sed -n 's/^\.It Li //p' | sort >found
    same events
}

# columns FILE: the first line of a file in debugfs.
columns() {
    sed -n "/^static void show_$1(/,/^}/p" "$TOP/kmod/debugfs.c" |
        sed -nE 's/.*seq_puts\(m, "(.*)\\n"\);/\1/p' | tr ' ' '\n'
}

@test "every column of debugfs is in zcdma.4, and no other" {
    local file
    for file in blocks pages; do
        columns $file >expected
        section zcdma.4 DEBUGFS | sed -n "/^\.It Pa $file/,/^\.El/p" | items >found
        same "columns of $file"
    done
}

@test "every kind of fault is in zcdma-verify.1 and zcdma.7, and no other" {
    sed -n '/names\[ZCDMA_FAULT_KINDS\]/,/};/p' "$TOP/lib/verify/check.c" |
        grep -oE '"[a-z]+"' | tr -d '"' | sort >expected
    section zcdma-verify.1 DESCRIPTION | sed -nE 's/^\.It Sy //p' | sort >found
    same 'kinds of fault in zcdma-verify.1'
    section zcdma.7 FAULTS | sed -n 's/^\.It //p' | sort >found
    same 'kinds of fault in zcdma.7'
}

@test "every applet is in the examples of zcdma.1, and they name no other" {
    applets | sort >expected
    section zcdma.1 EXAMPLES | grep -E '^(\$|\.Dl) ' | grep -oE 'zcdma [a-z]+' | cut -d' ' -f2 |
        sort -u >found
    same 'applets in the examples'
}

@test "every path is in the table of zcdma.7, and no other" {
    run -2 zcdma capture --path=no-such-path sim: -o out
    sed -n 's/.*must be one of //p' <<<"$output" | tr -d ',' | tr ' ' '\n' | sort >expected
    sed -nE 's/^\.It Cm ([a-z-]+) Ta .*/\1/p' "$MAN/zcdma.7" | sort >found
    same 'paths in zcdma.7'
}

@test "every key of a report is in its page, and no other" {
    local applet streams
    run -0 zcdma capture --json --bytes 64K sim: -o out
    assert_keys "$MAN/zcdma-capture.1"
    assert_no_other_keys "$MAN/zcdma-capture.1"
    for applet in zcsend vmsplice copysend; do
        receiver
        run -0 zcdma "$applet" --json --bytes 64K "$TO" sim:
        assert_keys "$MAN/zcdma-$applet.1"
        assert_no_other_keys "$MAN/zcdma-$applet.1"
        received
    done
    zcdma capture -q --bytes 64K --pattern 1 -o other sim:
    run -1 zcdma verify --json other
    assert_keys "$MAN/zcdma-verify.1"
    zcdma capture -q --bytes 64K --manifest other.xxh -o other sim:block=16K
    sed -i -E 's/^(3 [0-9]+ [0-9]+ [0-9]+) 0/\1 1\/16384/' other.xxh
    run -4 zcdma verify --json --manifest other.xxh other
    assert_keys "$MAN/zcdma-verify.1"
    receiver --streams 2 --json
    zcdma copysend -q "$TO" out
    zcdma copysend -q "$TO" out
    received
    output=$(<receiver.out)
    assert_keys "$MAN/zcdma-verify.1"
    for streams in 1 2; do
        LISTEN=udp:127.0.0.1:0 receiver --streams $streams --json
        zcdma copysend -q "$TO" out
        ((streams == 1)) || zcdma copysend -q "$TO" out
        received
        output=$(<receiver.out)
        assert_keys "$MAN/zcdma-verify.1"
    done
    run -1 --separate-stderr zcdma verify --json -r "$TOP/tests/data/wire/overwritten.pcap"
    assert_keys "$MAN/zcdma-verify.1"
    assert_no_other_keys "$MAN/zcdma-verify.1"
    run -0 --separate-stderr zcdma probe --json
    assert_keys "$MAN/zcdma-probe.1"
    assert_no_other_keys "$MAN/zcdma-probe.1"
    run -0 --separate-stderr zcdma bench --mode=copy --memory=memfd --seconds 0.05 --repeat 1 --json
    cat >then.json <<<"$output"
    assert_keys "$MAN/zcdma-bench.1"
    run -0 --separate-stderr zcdma bench --direction=in --mode=recv,recvmmsg,tcp-splice --seconds 0.05 --repeat 1 --json
    assert_keys "$MAN/zcdma-bench.1"
    prlimit --memlock=unlimited true 2>/dev/null && raise=(prlimit --memlock=unlimited)
    run -0 --separate-stderr "${raise[@]}" "$ZCDMA" bench --mode=copy,splice --memory=memfd,anon --seconds 0.05 \
        --repeat 1 --json --compare then.json
    assert_keys "$MAN/zcdma-bench.1"
    run -0 jq -r 'keys_unsorted[]' <(zcdma capture --json -q --bytes 64K sim: -o out | jq '
        {schema, applet, version, notes, error, exit_status}')
    sort -u <<<"$output" >expected
    sed -nE '/^\.Ss JSON/,/^\.Sh/s/^\.It Va //p' "$MAN/zcdma.1" | sort >found
    same 'keys of every document in zcdma.1'
    zcdma capture --json --bytes 64K --interval 0.01 sim:rate=1M,block=16K -o out |
        jq -r 'select(has("tcp")) | del(.applet) | keys[]' | sort -u >expected
    sed -nE '/^\.Ss Figures/,/^\.Ss JSON/s/^\.It Va //p' "$MAN/zcdma.1" | sed 's/ , Va /\n/g' | sort >found
    same 'keys of an interval in zcdma.1'
}

@test "the headers declare what the map exports, and nothing else" {
    exported >expected
    declared | names >found
    same 'headers against libzcdma.map'
}

@test "the library exports what the map says" {
    command -v nm >/dev/null || skip 'nm is not installed'
    [[ -e $BUILD/libzcdma.so ]] || skip "$BUILD/libzcdma.so is not built"
    exported >expected
    nm -D --defined-only "$BUILD/libzcdma.so" | sed -nE 's/.* [TDB] (zcdma_[a-z0-9_]+).*/\1/p' |
        sort >found
    same 'libzcdma.so against libzcdma.map'
}

@test "every function is in libzcdma.3: its prototype, and a line on what it does" {
    declared >expected
    documented >found
    same 'prototypes'
    exported >expected
    sed -nE 's/^\.It Fn //p' "$MAN/libzcdma.3" | sort >found
    same 'lines'
}

# program PAGE NAME: the program in a page whose first line is a comment about NAME.
program() {
    sed -n "/^\/\* $2 /,/^\.Ed/p" "$MAN/$1" |
        sed "/^\.Ed/d; s/\\\\-/-/g; s/\\\\(aq/'/g; s/\\\\e/\\\\/g"
}

@test "the program in libzcdma.3 is the one that is tested" {
    program libzcdma.3 ship >found
    cp "$TOP/tests/examples/ship.c" expected
    same 'ship.c in libzcdma.3'
}

@test "the program in zcdma.4 compiles against the driver's header" {
    command -v cc >/dev/null || skip 'cc is not installed'
    program zcdma.4 devcat >devcat.c
    grep -q '^int main(' devcat.c
    run -0 cc -std=gnu11 -Wall -Wextra -Werror -I "$TOP/kmod/uapi" -c devcat.c
}

@test "pages refer to pages that exist" {
    local page
    sed -nE 's/^\.(It )?Xr ((lib)?zcdma[^ ]*) ([0-9]).*/\2.\4/p' "${PAGES[@]}" | sort -u >expected
    while read -r page; do
        [[ ! -f $MAN/$page ]] || echo "$page"
    done <expected >found
    same 'pages referred to that do not exist'
}

# labels: of the lines of a report, sorted.
labels() {
    sed -nE 's/^  ([a-z]+([ -][a-z]+)*)  .*/\1/p' | sort -u
}

# example_reports PAGE: its reports on what was sent, a line each, without those of the driver.
example_reports() {
    sed -n '/^\.Sh EXAMPLES/,$p' "$1" | sed 's/\\-/-/g' | awk '
        /^  sent / { report = $0; next }
        report != "" && /^  [a-z]/ { report = report "\n" $0; next }
        report != "" { if (report !~ /\n  source +dev:/) { gsub(/\n/, "\r", report); print report }; report = "" }'
}

@test "the reports in examples have the lines that a command prints" {
    local applet source report found=0 applets=(copysend vmsplice zcsend)
    zcdma capture -q sim: --bytes 64K -o file
    receiver --streams 6 --bytes 64K
    # What every report on what was sent has, whatever the path and the source are.
    for applet in "${applets[@]}"; do
        for source in sim: file:file; do
            zcdma "$applet" "$TO" $source --bytes 64K 2>&1 | labels >now
            [[ ! -e printed ]] || { comm -12 now printed >both && mv both now; }
            mv now printed
        done
    done
    received
    grep -x sent printed
    for applet in "${applets[@]}"; do
        while IFS= read -r report; do
            found=$((found + 1))
            tr '\r' '\n' <<<"$report" | labels | comm -12 - printed >kept
            comm -13 kept printed >lacking
            [[ ! -s lacking ]] || fail "$applet: an example lacks $(tr '\n' ' ' <lacking): ${report%%$'\r'*}"
        done < <(example_reports "$MAN/zcdma-$applet.1")
    done
    ((found >= 6)) || fail "only $found examples were found, so this test is wrong"
}

@test "a table fits a terminal of 80 columns" {
    local page
    command -v groff >/dev/null || skip 'groff is not installed'
    for page in "${PAGES[@]}"; do
        # What does not fit into its cell goes on far to the right, a word a line.
        run -0 groff -mandoc -rLL=78n -Tascii -P-cbou "$page"
        refute_line --regexp '^ {56,}[^ ]' || fail "${page##*/}"
    done
}

# not_printed WORDS REGEX: no page prints it, neither by groff nor by mandoc.
not_printed() {
    local page
    for page in "${PAGES[@]}"; do
        { groff -mandoc -rLL=78n -Tascii -P-cbou "$page" && mandoc -T ascii "$page" | col -b; } >printed
        ! grep -E "$2" printed >found || fail "${page##*/}: $1: $(cat found)"
    done
}

@test "no word of a page is taken for a macro, no quotation within another, no cell without a gap after it" {
    command -v groff >/dev/null || skip 'groff is not installed'
    command -v mandoc >/dev/null || skip 'mandoc is not installed'
    not_printed 'the macro In for a header' '^ *<[a-zA-Z]+>'
    not_printed 'quotations within each other' '"""|"[^" ]*, "[^"]*""'
    not_printed 'cells of a table' 'bytes0x'
}

@test "mandoc has nothing to complain about" {
    command -v mandoc >/dev/null || skip 'mandoc is not installed'
    local page
    for page in "${PAGES[@]}"; do
        mandoc -Tlint -W warning "$page" >lint 2>/dev/null || fail "$(cat lint)"
    done
}
