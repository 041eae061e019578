# SPDX-License-Identifier: GPL-2.0-only
# Completion for bash. The binary lists its applets and their options, so nothing here names one.
# shellcheck shell=bash

# _zcdma_names OPTION COMMAND...: what a list of names may have, from the table of --list that is headed by
# the option's name.
_zcdma_names() {
    local option=${1#--}
    shift
    echo all
    "$@" --list 2>/dev/null |
        awk -v head="${option^^}" '!NF { on = 0 } on { print $1 } $1 == head { on = 1 }'
}

_zcdma_interfaces() {
    local path
    for path in /sys/class/net/*; do
        echo "${path##*/}"
    done
    echo any
}

# _zcdma_value OPTION VALUE PREFIX COMMAND...: what VALUE may become, each after PREFIX. OPTION is the long name
# or the short one. Fails if the option takes no value.
_zcdma_value() {
    local option=$1 value=$2 prefix=$3 line argument
    shift 3
    while IFS= read -r line; do
        argument=${line%%$'\t'*}
        [[ $argument == "$option="* || ($line == *$'\t'"$option" && $argument == *=*) ]] || continue
        argument=${argument#*=}
        case $argument in
        *'|'* | [[:lower:]]*) compgen -P "$prefix" -W "${argument//|/ }" -- "$value" ;;
        *FILE*) compgen -P "$prefix" -f -- "$value" ;;
        *INTERFACE*) compgen -P "$prefix" -W "$(_zcdma_interfaces)" -- "$value" ;;
        NAME,...)
            prefix+=${value%"${value##*,}"}
            compgen -P "$prefix" -W "$(_zcdma_names "$option" "$@")" -- "${value##*,}"
            ;;
        esac
        return 0
    done < <("$@" --complete 2>/dev/null)
    return 1
}

# _zcdma_words COMMAND...: every word that may stand in the place of the caller's $word, one per line.
_zcdma_words() {
    case $word in
    --*=*) _zcdma_value "${word%%=*}" "${word#*=}" "${word%%=*}=" "$@" ;;
    -*) compgen -W "$("$@" --complete 2>/dev/null | sed 's/\t.*//; s/=.*/=/')" -- "$word" ;;
    v4l2:*) compgen -P v4l2: -f -X '!/dev/video*' -- "${word#v4l2:}" ;;
    file:* | read:*) compgen -P "${word%%:*}:" -f -- "${word#*:}" ;;
    pcap:* | xdp:*) compgen -P "${word%%:*}:" -W "$(_zcdma_interfaces)" -- "${word#*:}" ;;
    *)
        [[ $previous == -* ]] && _zcdma_value "$previous" "$word" '' "$@" && return
        compgen -W 'dev: v4l2: iio: read: sim: file: pcap: xdp: tcp: udp:' -- "$word"
        compgen -f -- "$word"
        ;;
    esac
}

# Have readline treat the words as file names, which it quotes, if they are. Anything else it would quote as well:
# "--mode\=" and "file\:".
_zcdma_mark_files() {
    local name
    for name in "${COMPREPLY[@]}"; do
        [[ -e ${name/#\~/$HOME} ]] || return
    done
    compopt -o filenames
}

_zcdma() {
    # bash has split the line at = and : too, which are parts of words here.
    local line=${COMP_LINE:0:COMP_POINT}
    local word=${line##*[[:space:]]} previous breaks name
    local -a run=("${COMP_WORDS[0]/#\~/$HOME}")
    previous=${line%"$word"}
    previous=${previous%"${previous##*[![:space:]]}"}
    previous=${previous##*[[:space:]]}

    if [[ ${run[0]##*/} == zcdma ]]; then
        if ((COMP_CWORD == 1)); then
            mapfile -t COMPREPLY < <(compgen -W "$("${run[@]}" --list 2>/dev/null |
                cut -d' ' -f1) help --help --list --version" -- "$word")
            return
        fi
        if [[ ${COMP_WORDS[1]} == help ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$("${run[@]}" --list 2>/dev/null | cut -d' ' -f1)" -- "$word")
            return
        fi
        run+=("${COMP_WORDS[1]}")
    fi
    mapfile -t COMPREPLY < <(_zcdma_words "${run[@]}")

    # readline replaces only what follows the last of its breaks.
    breaks=${COMP_WORDBREAKS//[^=:]/}
    if [[ $breaks && $word == *[$breaks]* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*["$breaks"]}"}"}")
    fi
    if [[ ${#COMPREPLY[@]} -eq 1 ]]; then
        # Where readline does not break words at = or :, it does not see a file after one.
        name=${COMPREPLY[0]#*[=:]}
        if [[ $name != "${COMPREPLY[0]}" && -e $name ]]; then
            printf -v COMPREPLY[0] '%s%q' "${COMPREPLY[0]%"$name"}" "$name"
            [[ -d $name ]] && COMPREPLY[0]+=/
        fi
        [[ ${COMPREPLY[0]} == *[=:/] ]] && compopt -o nospace
    fi
    _zcdma_mark_files
}

# An applet's name belongs to zcdma only where that command is a link to it.
_zcdma_register() {
    local binary name file
    complete -F _zcdma zcdma
    binary=$(type -P zcdma) || return 0
    while read -r name _; do
        file=$(type -P "$name") && [[ $file -ef $binary ]] && complete -F _zcdma "$name"
    done < <("$binary" --list)
    return 0
}

_zcdma_register
unset -f _zcdma_register
