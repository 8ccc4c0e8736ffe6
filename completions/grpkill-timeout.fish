# fish completion for grpkill-timeout.

# Whether this word leaves an option waiting for its value. The beginning of a long name will do;
# no flag shares one with these.
function __grpkill_timeout_waits
    string match -qr -- '^-[fpqv]*[ksil]$' $argv[1]
    and return
    string match -qr -- '^--[a-z]' $argv[1]
    and string match -q -- "$argv[1]*" --allow --color --escalate --idle --kill-after --lingering \
        --lingering-status --on-timeout --report --signal
end

# Prints the line that the command and its arguments are, as far as it is typed; fails where the
# cursor is before it.
function __grpkill_timeout_command
    set -l words (commandline -opc)
    set -l options yes
    set -l limit no
    set -e words[1]
    while set -q words[1]; and test $limit = no
        set -l word $words[1]
        set -e words[1]
        if test $options = yes; and test "$word" = --
            set options no
        else if test $options = yes; and string match -q -- '-?*' $word
            __grpkill_timeout_waits $word
            and set -e words[1]
        else
            set limit yes
        end
    end
    test "$words[1]" = --
    and set -e words[1]
    test $limit = no
    and return 1
    string join -- ' ' (string escape -- $words) (commandline -ct)
    return 0
end

# Whether options and the limit are still to come.
function __grpkill_timeout_before_command
    not __grpkill_timeout_command >/dev/null
end

# Prints units behind a number, and durations where nothing is typed yet.
function __grpkill_timeout_durations
    set -l number "$argv[1]"
    set -l stem "$argv[2]"
    if test -z "$number"
        printf '%s\n' $stem{10s,1m,1h}
    else if string match -qr '[0-9.]$' -- $number
        printf '%s\n' $stem$number{ms\tmilliseconds,s\tseconds,m\tminutes,h\thours,d\tdays}
    end
end

# Prints signals behind a stem.
function __grpkill_timeout_signals
    __fish_make_completion_signals
    string replace -r '^(\d+) (.*)' "$argv[1]\$2\tsignal \$1" -- $__kill_signals
end

# Prints the value that is being typed, without the option that it may be joined to.
function __grpkill_timeout_value
    commandline -ct | string replace -r -- '^(--[a-z-]+=|-[fpqv]*[ksil])' ''
end

# Prints the next step of SIGNAL/GRACE/SIGNAL…: a grace behind an odd number of slashes.
function __grpkill_timeout_ladder
    set -l steps (string split / -- (__grpkill_timeout_value))
    set -l last $steps[-1]
    set -e steps[-1]
    set -l stem (string join '' -- $steps/)
    if test (math (count $steps) % 2) -eq 1
        __grpkill_timeout_durations "$last" "$stem"
    else
        __grpkill_timeout_signals "$stem"
    end
end

# An option and what is known of it, before the command.
function __grpkill_timeout_complete
    complete -c grpkill-timeout -n __grpkill_timeout_before_command $argv
end

__grpkill_timeout_complete -f
__grpkill_timeout_complete -s k -l kill-after -d 'Send KILL this much later' \
    -xa '(__grpkill_timeout_durations (__grpkill_timeout_value))'
__grpkill_timeout_complete -s s -l signal -d 'Send this signal first' \
    -xa '(__grpkill_timeout_signals)'
__grpkill_timeout_complete -l escalate -d 'Send these signals' -xa '(__grpkill_timeout_ladder)'
__grpkill_timeout_complete -s i -l idle -d 'Time out when nothing happens for so long' \
    -xa '(__grpkill_timeout_durations (__grpkill_timeout_value))'
__grpkill_timeout_complete -l on-timeout -d 'Run this before the first signal' \
    -xa '(__fish_complete_command)'
__grpkill_timeout_complete -s l -l lingering -d 'What becomes of what outlives the command' \
    -xa "report\t'Name them and leave them' kill\t'End them'
        wait\t'Wait for them until the limit' ignore\t'Leave them and say nothing'"
__grpkill_timeout_complete -l allow -d 'Let this outlive the command' -x
__grpkill_timeout_complete -l lingering-status -d 'Exit with this where something outlives it' -x
__grpkill_timeout_complete -s f -l foreground -d 'Make no process group, signal the command alone'
__grpkill_timeout_complete -l die-with-parent -d 'End the job when our parent dies'
__grpkill_timeout_complete -s p -l preserve-status -d 'Return the command\'s status at the limit'
__grpkill_timeout_complete -s v -l verbose -d 'Say each signal and what the run has cost'
__grpkill_timeout_complete -s q -l quiet -d 'Say nothing but errors'
__grpkill_timeout_complete -l report -d 'Append a line of JSON about the run' -rF
__grpkill_timeout_complete -l progress -d 'Show the time in the terminal\'s progress and title'
__grpkill_timeout_complete -l color -d 'Use colour' -xa 'auto always never'
__grpkill_timeout_complete -s h -l help -d 'Show help'
__grpkill_timeout_complete -s V -l version -d 'Show the version'
__grpkill_timeout_complete -a '(__grpkill_timeout_durations (commandline -ct))'

# An empty line would stand for all that is typed; a blank is the start of one.
complete -c grpkill-timeout -n 'not __grpkill_timeout_before_command' \
    -xa '(complete -C " "(__grpkill_timeout_command))'
