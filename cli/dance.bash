# bash completion for dance(1). Commands and options are asked of the program itself, so nothing is listed here.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0

_dance()
{
    local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} word=${COMP_WORDS[COMP_CWORD]} value
    COMPREPLY=()
    if ((COMP_CWORD == 1)) || { ((COMP_CWORD == 2)) && [[ $command == help ]]; }; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p') help --version" -- "$word")
        return
    fi
    # What the option before this word wants; nothing where it is none, or takes nothing.
    value=$("$program" help "$command" 2>/dev/null | sed -n "s/^  ${COMP_WORDS[COMP_CWORD - 1]} \([A-Z|0-9-]*\) .*/\1/p")
    case $value in
        *FILE* | PATH) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        DIR) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        UNIT) mapfile -t COMPREPLY < <(compgen -W "$(systemctl list-unit-files --type=service --no-legend 2>/dev/null | cut -d' ' -f1)" -- "$word") ;;
        USER) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
        *[0-9]*) mapfile -t COMPREPLY < <(compgen -W "${value//[|-]/ }" -- "$word") ;;
        "") [[ $word != -* ]] || mapfile -t COMPREPLY < <(compgen -W \
            "$("$program" help "$command" 2>/dev/null | sed -n 's/^  \(--[a-z-]*\) .*/\1/p')" -- "$word") ;;
    esac
}
complete -F _dance dance
