# Completion of jelmore for bash. To have it in every shell, add to ~/.bashrc:
#
#     source <(jelmore completion bash)

_jelmore() {
    local typed=${COMP_WORDS[COMP_CWORD]} quote= word
    case $typed in [\"\']*) quote=${typed:0:1} ;; esac
    local words=("${COMP_WORDS[@]:1:COMP_CWORD-1}" "${typed#"$quote"}")
    local program=${COMP_WORDS[0]/#\~\//$HOME/}

    COMPREPLY=()
    local kind=
    while IFS=$'\t' read -r word _; do
        if [[ -z $kind ]]; then
            kind=$word
        elif [[ -n $quote ]]; then
            COMPREPLY+=("$word")
        else
            printf -v word %q "$word"
            COMPREPLY+=("$word")
        fi
    done < <("$program" __complete "${words[@]}" 2>/dev/null)
    case $kind in
        files) compopt -o default ;;
        directories) compopt -o dirnames ;;
    esac
}

complete -F _jelmore jelmore
