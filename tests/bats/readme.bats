#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Every command of the README runs, on this machine: a block of it is a script. What follows "sh" in its first line says
# what it takes: root, or a driver, which the virtual machine has; or that its data differs.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    ln -s "$ZCDMA" zcdma
    PORT=$((20000 + RANDOM % 10000))
}

# blocks KIND: the scripts of that kind, each ended by a line "====".
blocks() {
    awk -v first="\`\`\`sh${1:+ $1}" '$0 == first { on = 1; next } /^```/ && on { on = 0; print "====" } on' "$TOP/README.md"
}

# Other machines are this one, devices are simulated, and amounts are small. A receiver that is started in the
# background has to listen before a sender comes; and what captures packets has to capture, for long enough.
localized() {
    local plot=
    command -v gnuplot >/dev/null || plot='s/ --plot [^ ]*//'
    sed -E "$plot
        s/\bhost:/127.0.0.1:/g; s/:9000/:$PORT/g; s/port 9000/port $PORT/g; s/\beth0\b/lo/g; s/\bdev:/sim:/g; s/\b1G\b/16M/g
        s/^zcdma bench/& --seconds 0.05 --repeat 1 --memory=memfd/
        s/^(.*(capture tcp:|--listen).*)&([^&]*)$/\1\& listening; \3/
        s/listening;  sleep 1;/listening; tracing;/; s/--seconds 2 &/--seconds 5 \&/"
}

cat_prologue() {
    cat <<'END'
set -e
PATH=$PWD:$PATH
listening() {
    for _ in {1..400}; do
        ss -Hltn "sport = :$PORT" | grep -q . && return
        sleep 0.05
    done
    echo "nothing listens on $PORT after 20 s"
    exit 1
}
tracing() {
    until [[ -s trace.pcap ]]; do
        sleep 0.05
    done
}
ended() {
    for job in $(jobs -p); do
        wait "$job"
    done
}
END
}

# run_blocks KIND [STATUS]: each in a folder of its own. A sweep of the benchmark is the longest.
run_blocks() {
    local block='' line n=0 status limit=$((300 * ${LIMIT_SCALE:-1}))
    while IFS= read -r line; do
        [[ $line == ==== ]] || { block+=$line$'\n' && continue; }
        mkdir "$((++n))"
        ln -s "$ZCDMA" "$n/zcdma"
        { cat_prologue && localized <<<"$block" && echo ended; } >"$n/script"
        status=0
        (cd "$n" && PORT=$PORT timeout $limit bash script) >"$n/out" 2>&1 3>&- || status=$?
        ((status != 124)) || echo "it has not ended after $limit s" >>"$n/out"
        ((status == ${2:-0})) ||
            fail "status $status of:"$'\n'"$(tail -n +22 "$n/script")"$'\n'"$(cat "$n/out")"
        block=
    done < <(blocks "$1")
    ((n)) || fail "the README has no block of this kind: sh $1"
}

@test "README: every command that needs neither privilege nor a driver" {
    command -v gnuplot >/dev/null || echo '# without --plot, as gnuplot is not installed' >&3
    unshare -Urn ip link set lo up 2>/dev/null || skip 'no network namespaces here, as bench wants'
    run_blocks ''
    grep -q EFAULT 1/out
}

@test "README: what --unsafe-reuse does to the data" {
    run_blocks differs 1
    grep -q '^  result *wrong$' 1/out
}

@test "README: what takes root" {
    ((!EUID)) || skip 'needs root, to capture packets'
    run_blocks root
    grep -q '^  result *correct' 1/out
}

@test "README: what takes the driver names targets, commands and options that there are" {
    local word applet
    run -0 blocks driver
    while read -r _ word; do
        grep -qE "^$word:" "$TOP/Makefile" || fail "make $word: no such target"
    done < <(grep -oE '\bmake [a-z_-]+' <<<"$output")
    while read -r _ applet _; do
        zcdma "$applet" --help >/dev/null || fail "zcdma $applet"
    done < <(sed -nE 's/^(sudo )?(zcdma .*)/\2/p' <<<"$output")
}

# named FILE...: the scripts and the targets of make that they name.
named() {
    grep -ohE '(^\$ |`)(tests/[a-z]+\.sh|make [a-z][a-z_-]*)' "$@" | tr -d '`$' | sort -u
}

@test "README, FIGURES.md: scripts and targets that there are, and figures of those that README says have some" {
    local first second
    named "$TOP/README.md" "$TOP/.github/FIGURES.md" >names
    while read -r first second; do
        if [[ $first != make ]]; then
            [[ -x $TOP/$first ]] || fail "$first: no such script"
        else
            grep -qE "^([a-z _-]* )?$second( [a-z_ -]+)?:" "$TOP/Makefile" || fail "make $second: no such target"
        fi
    done <names
    grep 'print how it compares' -B 1 "$TOP/README.md" >measured
    named measured >names
    (($(wc -l <names) >= 5)) || fail 'README names no scripts of figures'
    while read -r first; do
        grep -qE "^\\$ $first( |\$)" "$TOP/.github/FIGURES.md" || fail "FIGURES.md has no output of $first"
    done <names
}
