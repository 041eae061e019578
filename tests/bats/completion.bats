#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Completion in bash, zsh and fish: whatever the binary lists is offered, and nothing else knows it.
# shellcheck disable=SC2016,SC2030,SC2031 # scripts for another shell; each test has its own PATH
load common

# A zcdma of the future: applets and options that no completion file can have heard of.
fake() {
    mkdir -p bin
    cat >bin/zcdma <<'END'
#!/bin/sh
case ${0##*/} in
zcdma) [ "$1" = --list ] && exec printf '%-10s %s\n' teleport 'beam: it up' duplicate 'in two'
    applet=$1
    shift ;;
*) applet=${0##*/} ;;
esac
[ "$applet" = teleport ] || exit 2
[ "$1" = --list ] && exec printf '%-10s %s\n' VIA '' ether 'by air' wire 'by cable' '' '' COLOUR '' red ''
printf -- '%s\t%s\n' --bytes=SIZE 'stop after SIZE [bytes]' --warp=slow\|fast 'how: fast' \
    --via=NAME,... 'ways to go' --manifest=FILE 'write one' --json 'one document'
printf -- '%s\t%s\t%s\n' --from=INTERFACE 'where' -f --into=FILE 'a file' -i --loud 'more' -l
END
    chmod +x bin/zcdma
    PATH=$PWD/bin:$PATH
}

# complete_bash LINE: what bash offers at the end of it.
complete_bash() {
    bash --norc -c '
        source "$1" 2>/dev/null
        COMP_LINE=$2 COMP_POINT=${#2}
        read -ra COMP_WORDS <<<"$2"
        [[ $2 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _zcdma 2>/dev/null # compopt works only in a completion
        [[ ${#COMPREPLY[@]} -eq 0 ]] || printf "%s\n" "${COMPREPLY[@]}"
    ' - "$TOP/completions/zcdma.bash" "$1"
}

# fish writes to its user's home, even without its configuration.
complete_fish() {
    HOME=$BATS_TEST_TMPDIR XDG_DATA_HOME='' XDG_CONFIG_HOME='' XDG_CACHE_HOME='' fish --no-config -c "source '$TOP/completions/zcdma.fish'; complete -C '$1'"
}

# type_bash LINE [COMMAND]: what becomes of LINE, in brackets, when a TAB is typed after it at the prompt of a bash which
# has run COMMAND: readline quotes and cuts what complete_bash shows. It gets a terminal, and no key before its prompt.
type_bash() {
    cat >rc <<END
PS1='ready '
source '$TOP/completions/zcdma.bash'
${2:-}
bind -x '"\C-x": printf "\n[%s]\n" "\$READLINE_LINE"'
END
    : >typed
    {
        until_true 30 grep -q ready typed
        printf '%s\t\030' "$1"
        until_true 30 grep -qa '^\[.*\]' typed
        printf '\025exit\n'
    } | TERM=xterm timeout 60 script -qfc 'bash --rcfile rc -i' typed >/dev/null
    grep -a '^\[.*\]' typed | tr -d '\r'
}

need() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
}

@test "--complete: the options of an applet, as its help has them" {
    local applet
    for applet in $(zcdma --list | cut -d' ' -f1); do
        run -0 zcdma "$applet" --help
        # shellcheck disable=SC2154 # bats sets output
        grep -o -e '^  ...[ -]*--[a-z-]*[^ ]*' <<<"$output" | sed 's/.*--/--/' | sort >help
        run -0 zcdma "$applet" --complete
        refute_line --regexp $'\t$'
        cut -f1 <<<"$output" | sort >complete
        diff help complete
        grep -qx -e --json complete
    done
}

@test "bash: applets and options of the real binary" {
    mkdir bin
    ln -s "$ZCDMA" bin/zcdma
    PATH=$PWD/bin:$PATH
    run -0 complete_bash 'zcdma '
    assert_output "$(zcdma --list | cut -d' ' -f1 && printf '%s\n' help --help --list --version)"
    local applet
    for applet in $(zcdma --list | cut -d' ' -f1); do
        run -0 complete_bash "zcdma $applet --"
        assert_output "$(zcdma "$applet" --complete | sed -E 's/\t.*//; s/=.*/=/')"
    done
    run -0 complete_bash 'zcdma bench --mode=copy,zero'
    assert_output copy,zerocopy
    run -0 complete_bash 'zcdma bench --direction=in --mode=recv,tcp-s'
    assert_line --partial 'tcp-splice'
    run -0 complete_bash 'zcdma bench --memory=vv'
    assert_output vvar
    run -0 complete_bash 'zcdma bench --net=v'
    assert_output veth
    run -0 complete_bash 'zcdma bench --sweep='
    assert_output block
    run -0 complete_bash './bin/zcdma capture --jso'
    assert_output --json
    run -0 complete_bash 'zcdma help cap'
    assert_output capture
    [[ -e /sys/class/net/lo ]] || skip 'no /sys/class/net/lo here'
    run -0 complete_bash 'zcdma verify -i l'
    assert_output lo
    run -0 complete_bash 'zcdma verify --interface=l'
    assert_output lo
    run -0 complete_bash 'zcdma capture pcap:l'
    assert_output lo
}

@test "bash: what readline makes of it: no backslash, no space where more comes, and file names as they are" {
    fake
    mkdir 'a folder'
    touch some.bin 'a folder/x y.bin'
    local breaks
    # With readline's own word breaks, and without = and : among them.
    for breaks in '' "COMP_WORDBREAKS=\${COMP_WORDBREAKS//[:=]}"; do
        run -0 type_bash 'zcdma teleport --wa' "$breaks"
        assert_output '[zcdma teleport --warp=]'
        run -0 type_bash 'zcdma teleport --warp=f' "$breaks"
        assert_output '[zcdma teleport --warp=fast ]'
        run -0 type_bash 'zcdma teleport fil' "$breaks"
        assert_output '[zcdma teleport file:]'
        run -0 type_bash 'zcdma teleport file:so' "$breaks"
        assert_output '[zcdma teleport file:some.bin ]'
    done
    run -0 type_bash 'zcdma teleport --into so'
    assert_output '[zcdma teleport --into some.bin ]'
    run -0 type_bash 'zcdma teleport a'
    assert_output '[zcdma teleport a\ folder/]'
    run -0 type_bash 'zcdma teleport --manifest=a'
    assert_output '[zcdma teleport --manifest=a\ folder/]'
}

@test "bash: values and sources" {
    fake
    touch some.bin
    run -0 complete_bash 'zcdma tele'
    assert_output teleport
    run -0 complete_bash 'zcdma teleport --wa'
    assert_output --warp=
    run -0 complete_bash 'zcdma teleport --warp='
    assert_output $'slow\nfast'
    run -0 complete_bash 'zcdma teleport --warp f'
    assert_output fast
    run -0 complete_bash 'zcdma teleport --via='
    assert_output $'all\nether\nwire'
    run -0 complete_bash 'zcdma teleport --via=wire,e'
    assert_output wire,ether
    run -0 complete_bash 'zcdma teleport --via e'
    assert_output ether
    run -0 complete_bash 'zcdma teleport --manifest=some'
    assert_output some.bin
    run -0 complete_bash 'zcdma teleport --bytes '
    assert_output ''
    run -0 complete_bash 'zcdma teleport s'
    assert_output $'sim:\nsome.bin'
    run -0 complete_bash 'zcdma teleport de'
    assert_output dev:
    run -0 complete_bash 'zcdma teleport file:so'
    assert_output some.bin
    run -0 complete_bash 'zcdma teleport -i some'
    assert_output some.bin
    run -0 complete_bash 'zcdma teleport -l s' # takes no value
    assert_output $'sim:\nsome.bin'
}

@test "bash: an applet's name is completed only where it is a link to zcdma" {
    fake
    ln -s zcdma bin/teleport
    printf '#!/bin/sh\n' >bin/duplicate
    chmod +x bin/duplicate
    run -0 bash --norc -c 'source "$1"; complete -p' - "$TOP/completions/zcdma.bash"
    assert_line --regexp '-F _zcdma zcdma$'
    assert_line --regexp '-F _zcdma teleport$'
    refute_line --partial duplicate
    run -0 complete_bash 'teleport --js'
    assert_output --json
}

@test "bash: loads without a zcdma in PATH" {
    run -0 bash --norc -c 'PATH=/nonexistent; source "$1"; complete -p zcdma' - \
        "$TOP/completions/zcdma.bash"
    assert_output --partial '_zcdma zcdma'
}

@test "fish: applets, options, values, sources, links" {
    need fish
    local before
    before=$(ls -A "$HOME" 2>/dev/null || :) # HOME may be unset
    HOME=$BATS_TEST_TMPDIR XDG_DATA_HOME='' fish --no-execute "$TOP/completions/zcdma.fish"
    fake
    ln -s zcdma bin/teleport
    printf '#!/bin/sh\n' >bin/duplicate
    chmod +x bin/duplicate
    run -0 complete_fish 'zcdma '
    assert_line $'teleport\tbeam: it up'
    assert_line $'duplicate\tin two'
    refute_line --partial sim:
    run -0 complete_fish 'zcdma teleport --'
    assert_line $'--bytes=\tstop after SIZE [bytes]'
    assert_line $'--json\tone document'
    run -0 complete_fish 'zcdma teleport --warp=f'
    assert_output $'--warp=fast\thow: fast'
    : >a-file
    run -0 complete_fish 'zcdma teleport --warp='
    assert_line $'--warp=fast\thow: fast'
    refute_line --partial a-file
    run -0 complete_fish 'zcdma teleport --manifest='
    assert_line --partial a-file
    run -0 complete_fish 'zcdma teleport --via=e'
    assert_output $'--via=ether\tways to go'
    run -0 complete_fish 'zcdma teleport --via=wire,e'
    assert_output $'--via=wire,ether\tways to go'
    run -0 complete_fish 'zcdma teleport si'
    assert_output sim:
    run -0 complete_fish 'zcdma teleport de'
    assert_output dev:
    run -0 complete_fish 'teleport --js'
    assert_output $'--json\tone document'
    run -0 complete_fish 'duplicate --js'
    assert_output ''
    assert_equal "$(ls -A "$HOME" 2>/dev/null || :)" "$before"
    [[ -e /sys/class/net/lo ]] || skip 'no /sys/class/net/lo here'
    run -0 complete_fish 'zcdma teleport --from=l'
    assert_output $'--from=lo\twhere'
    run -0 complete_fish 'zcdma teleport -f l'
    assert_line lo
    run -0 complete_fish 'zcdma teleport pcap:l'
    assert_output pcap:lo
}

@test "fish: the options of the real binary" {
    need fish
    mkdir bin
    ln -s "$ZCDMA" bin/zcdma
    PATH=$PWD/bin:$PATH
    run -0 complete_fish 'zcdma zcsend --'
    assert_line $'--json\tprint one JSON document, errors included'
    assert_line --regexp '^--fallback=keep'
}

# complete_zsh LINE EXPECTED: zsh completes only in its line editor, so it gets a terminal: LINE, TAB,
# and a key that prints the line as it is now. EXPECTED must appear: of the list, or "[LINE]".
complete_zsh() {
    cat >.zshrc <<END
PS1=
fpath=($TOP/completions \$fpath)
autoload -Uz compinit
compinit -u -D
show() print -r -- "[\$BUFFER]"
zle -N show
bindkey '^I' complete-word '^X' show
zle-line-init() print ready
zle -N zle-line-init
END
    LINE=$1 EXPECTED=$2 ZDOTDIR=$PWD timeout 60 zsh -f -c '
        zmodload zsh/zpty
        zpty z zsh -d -i
        zpty -r -m z out "*ready*" || exit 3
        zpty -w -n z "$LINE$(printf "\t\030")"
        zpty -r -m z out "*${(b)EXPECTED}*" || exit 4
        zpty -d z
    '
}

@test "zsh: applets, options, values, links" {
    need zsh
    zsh -n "$TOP/completions/_zcdma"
    fake
    ln -s zcdma bin/teleport
    complete_zsh 'zcdma ' 'beam: it up'
    complete_zsh 'zcdma teleport --' 'stop after SIZE [bytes]'
    complete_zsh 'zcdma teleport --by' '[zcdma teleport --bytes=]'
    complete_zsh 'zcdma teleport --warp=f' '[zcdma teleport --warp=fast '
    complete_zsh 'zcdma teleport --via=w' '[zcdma teleport --via=wire'
    complete_zsh 'zcdma teleport --via=wire,e' '[zcdma teleport --via=wire,ether'
    complete_zsh 'zcdma teleport --manifest=bi' '[zcdma teleport --manifest=bin/]'
    complete_zsh 'zcdma teleport -i bi' '[zcdma teleport -i bin/]'
    complete_zsh 'zcdma help tele' '[zcdma help teleport '
    if [[ -e /sys/class/net/lo ]]; then
        complete_zsh 'zcdma teleport --from=l' '[zcdma teleport --from=lo'
        complete_zsh 'zcdma teleport -f l' '[zcdma teleport -f lo'
        complete_zsh 'zcdma teleport pcap:l' '[zcdma teleport pcap:lo'
    fi
    # compinit knows the first line of _zcdma only; the rest runs with the first completion
    complete_zsh $'zcdma \t\025teleport si' '[teleport sim:]'
    complete_zsh $'zcdma \t\025teleport de' '[teleport dev:]'
}
