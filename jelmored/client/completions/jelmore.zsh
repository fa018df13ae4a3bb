#compdef jelmore
# Completion of jelmore for zsh. To have it in every shell, add to ~/.zshrc, after compinit:
#
#     source <(jelmore completion zsh)

_jelmore() {
    local -a lines found
    local line
    lines=("${(@f)$("${(Q)~words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    case ${lines[1]%%$'\t'*} in
        files) _files ;;
        directories) _files -/ ;;
    esac
    for line in "${(@)lines[2,-1]}"; do
        found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    (( $#found )) && _describe -t jelmore jelmore found
}

compdef _jelmore jelmore
