# bash completion for grpkill-timeout. It needs nothing; where bash-completion is there, the
# command and its arguments are completed as if they stood alone.

_grpkill_timeout_flags=(--die-with-parent --foreground --help --preserve-status --progress --quiet
    --verbose --version)
_grpkill_timeout_valued=(--allow --color --escalate --idle --kill-after --lingering
    --lingering-status --on-timeout --report --signal)

# Offers those of the words that begin with what is typed, behind a stem that stays as it is.
_grpkill_timeout_offer() {
    local stem=$1 typed=$2 word
    shift 2
    for word; do
        [[ $word == "$typed"* ]] && COMPREPLY+=("$stem$word")
    done
}

# Offers signals, with SIG where that is typed, in upper case whatever is typed.
_grpkill_timeout_signals() {
    local stem=$1 typed=${2^^} names
    # What bash calls junk, the C library keeps to itself.
    mapfile -t names < <(compgen -A signal -X 'SIGJUNK*' SIG)
    [[ $typed == SI* ]] || names=("${names[@]#SIG}")
    _grpkill_timeout_offer "$stem" "$typed" "${names[@]}"
}

# Offers units behind a number, and durations where nothing is typed.
_grpkill_timeout_durations() {
    local stem=$1 typed=$2
    case $typed in
        '') COMPREPLY+=("$stem"{10s,1m,1h}) ;;
        *[0-9.]) COMPREPLY+=("$stem$typed"{ms,s,m,h,d}) ;;
    esac
}

# Offers the next step of SIGNAL/GRACE/SIGNAL…: a grace behind an odd number of slashes.
_grpkill_timeout_ladder() {
    local last=${2##*/} slashes=${2//[!\/]/}
    local stem=$1${2%"$last"}
    compopt -o nospace
    if ((${#slashes} % 2)); then
        _grpkill_timeout_durations "$stem" "$last"
    else
        _grpkill_timeout_signals "$stem" "$last"
    fi
}

# Offers what an option takes.
_grpkill_timeout_values() {
    local option=$1 stem=$2 typed=$3
    case $option in
        --signal) _grpkill_timeout_signals "$stem" "$typed" ;;
        --escalate) _grpkill_timeout_ladder "$stem" "$typed" ;;
        --kill-after | --idle) _grpkill_timeout_durations "$stem" "$typed" ;;
        --lingering) _grpkill_timeout_offer "$stem" "$typed" report kill wait ignore ;;
        --color) _grpkill_timeout_offer "$stem" "$typed" auto always never ;;
        --on-timeout) mapfile -t COMPREPLY < <(compgen -P "$stem" -c -- "$typed") ;;
        --report)
            mapfile -t COMPREPLY < <(compgen -P "$stem" -f -- "$typed")
            compopt -o filenames
            ;;
    esac
}

# Completes the command, whose word has this index, or one of its arguments.
_grpkill_timeout_command() {
    local helper specification
    for helper in _comp_command_offset _command_offset; do
        declare -F "$helper" >/dev/null && "$helper" "$1" && return
    done
    COMP_WORDS=("${COMP_WORDS[@]:$1}")
    ((COMP_CWORD -= $1))
    COMP_LINE=${COMP_WORDS[*]}
    COMP_POINT=${#COMP_LINE}
    compopt -o bashdefault -o default
    if ((COMP_CWORD == 0)); then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[0]}")
        return
    fi
    specification=$(complete -p -- "${COMP_WORDS[0]##*/}" 2>/dev/null)
    if [[ $specification =~ ' -F '([^ ]+) ]]; then
        "${BASH_REMATCH[1]}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" \
            "${COMP_WORDS[COMP_CWORD - 1]}"
    fi
}

# Sets `option` to the one that this word leaves waiting for its value, or to nothing.
_grpkill_timeout_option() {
    local long
    option=
    if [[ $1 =~ ^-[fpqv]*([ksil])$ ]]; then
        case ${BASH_REMATCH[1]} in
            k) option=--kill-after ;;
            s) option=--signal ;;
            i) option=--idle ;;
            l) option=--lingering ;;
        esac
    elif [[ $1 == --?* ]]; then
        # A beginning will do; none of these shares one with a flag.
        for long in "${_grpkill_timeout_valued[@]}"; do
            [[ $long == "$1"* ]] && option=$long && return
        done
    fi
}

# Sets `words` to what the program will see, and `starts` to where among bash's words, which part
# --signal=TERM in three, each begins. The last is as long as the cursor is far.
_grpkill_timeout_words() {
    local line=$COMP_LINE index piece
    for ((index = 0; index <= COMP_CWORD; index++)); do
        piece=${COMP_WORDS[index]}
        if ((index == 0)) || [[ $line == [[:space:]]* ]]; then
            words+=('') starts+=("$index")
            line=${line#"${line%%[![:space:]]*}"}
        fi
        line=${line#"$piece"}
        ((index == COMP_CWORD)) && [[ $piece != [=:] ]] && piece=$1
        words[-1]+=$piece
    done
}

_grpkill_timeout() {
    local words=() starts=() option='' limit='' ended='' index word
    _grpkill_timeout_words "$2"
    COMPREPLY=()
    for ((index = 1; index < ${#words[@]} - 1; index++)); do
        word=${words[index]}
        if [[ -n $limit ]]; then
            [[ $word == -- ]] && ((index++))
            _grpkill_timeout_command "${starts[index]}"
            return
        elif [[ -n $option ]]; then
            option=
        elif [[ -z $ended && $word == -- ]]; then
            ended=1
        elif [[ -z $ended && $word == -?* ]]; then
            _grpkill_timeout_option "$word"
        else
            limit=1
        fi
    done
    word=${words[-1]}
    if [[ -n $limit ]]; then
        _grpkill_timeout_command "${starts[-1]}"
        return
    elif [[ -n $option ]]; then
        _grpkill_timeout_values "$option" '' "$word"
    elif [[ -z $ended && $word =~ ^(--[a-z-]+)=(.*)$ || $word =~ ^(-[fpqv]*[ksil])(.+)$ ]]; then
        local stem=${word%"${BASH_REMATCH[2]}"} value=${BASH_REMATCH[2]}
        _grpkill_timeout_option "${BASH_REMATCH[1]}"
        _grpkill_timeout_values "$option" "$stem" "$value"
    elif [[ -z $ended && $word == -* ]]; then
        _grpkill_timeout_offer '' "$word" "${_grpkill_timeout_flags[@]}" \
            "${_grpkill_timeout_valued[@]}"
    else
        _grpkill_timeout_durations '' "$word"
        compopt -o nospace
    fi
    # readline puts what is offered in the place of the last of bash's words.
    COMPREPLY=("${COMPREPLY[@]#"${word%"$2"}"}")
}

complete -F _grpkill_timeout grpkill-timeout
