# SPDX-License-Identifier: GPL-2.0-only
# Completion for fish. The binary lists its applets and their options, so nothing here names one.

function __zcdma_needs_applet
    set -l words (commandline -opc)
    test (count $words) -eq 1; and string match -qr '(^|/)zcdma$' -- $words[1]
end

function __zcdma_applets
    set -l words (commandline -opc)
    command -q $words[1]; or return
    $words[1] --list 2>/dev/null | string replace -r ' +' \t
end

function __zcdma_interfaces
    path basename /sys/class/net/*
    echo any
end

function __zcdma_wants_help
    string match -qr '(^|/)zcdma help$' -- (string join ' ' (commandline -opc))
end

# "--name=ARG<TAB>text" becomes "--name=<TAB>text", and one line for each of several fixed values.
function __zcdma_options
    set -l run (commandline -opc)
    command -q $run[1]; or return
    if string match -qr '(^|/)zcdma$' -- $run[1]
        set run $run[1..2]
    else
        set run $run[1]
    end
    set -l last (commandline -opc)[-1]
    for line in ($run --complete 2>/dev/null)
        set -l option (string split \t -- $line)
        # After a short name comes a value alone.
        if test "$option[3]" = $last; and string match -q '*=INTERFACE' -- $option[1]
            __zcdma_interfaces
        end
        set -l parts (string split -m 1 = -- $option[1])
        if string match -qr '[|]|^[a-z]' -- $parts[2]
            for value in (string split '|' -- $parts[2])
                printf '%s=%s\t%s\n' $parts[1] $value $option[2]
            end
        else if test "$parts[2]" = NAME,...
            # Behind what the list has already.
            set -l list (string match -r -- "^$parts[1]=(.*,)?" (commandline -ct); or echo $parts[1]=)[1]
            set -l head (string upper -- (string sub -s 3 -- $parts[1]))
            for name in all ($run --list 2>/dev/null |
                    awk -v head=$head '!NF { on = 0 } on { print $1 } $1 == head { on = 1 }')
                printf '%s%s\t%s\n' $list $name $option[2]
            end
        else if test "$parts[2]" = INTERFACE
            for name in (__zcdma_interfaces)
                printf '%s=%s\t%s\n' $parts[1] $name $option[2]
            end
        else
            printf '%s\t%s\n' (string replace -r '=.*' = -- $option[1]) $option[2]
        end
    end
end

# The option that is being written has values to choose from, and a file is none of them.
function __zcdma_wants_choice
    set -l option (string match -r -- '^--[a-z-]+=' (commandline -ct)); or return
    __zcdma_options | string match -rq -- "^$option""[^\t]"
end

function __zcdma_complete -a name
    complete -c $name -n __zcdma_needs_applet -f -a '(__zcdma_applets)'
    complete -c $name -n __zcdma_needs_applet -f -a 'help --help --list --version'
    complete -c $name -n __zcdma_wants_help -f -a '(__zcdma_applets)'
    complete -c $name -n 'not __zcdma_needs_applet; and __zcdma_wants_choice' -f
    complete -c $name -n 'not __zcdma_needs_applet; and not __zcdma_wants_help' -a '(__zcdma_options)'
    complete -c $name -n 'not __zcdma_needs_applet; and not __zcdma_wants_help' -a 'dev: v4l2: iio: read: sim: file: pcap: xdp: tcp: udp:'
    complete -c $name -n 'not __zcdma_needs_applet; and not __zcdma_wants_help' -a '{pcap,xdp}:(__zcdma_interfaces)'
    complete -c $name -n 'not __zcdma_needs_applet; and not __zcdma_wants_help' -a 'v4l2:(path filter /dev/video*)'
end

# An applet's name belongs to zcdma only where that command is a link to it.
__zcdma_complete zcdma
set -l binary (command -s zcdma)
and for name in (zcdma --list | string replace -r ' .*' '')
    set -l file (command -s $name)
    and test (path resolve $file) = (path resolve $binary)
    and __zcdma_complete $name
end
