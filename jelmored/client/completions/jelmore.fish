# Completion of jelmore for fish. To have it in every shell:
#
#     jelmore completion fish > ~/.config/fish/completions/jelmore.fish

function __jelmore_complete
    set -l words (commandline -opc) (commandline -ct | string unescape)
    set -l program $words[1]
    set -l lines ($program __complete $words[2..] 2>/dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path (commandline -ct)
        case directories
            __fish_complete_directories (commandline -ct)
    end
    string join \n -- $lines[2..]
end

complete -c jelmore -f -a '(__jelmore_complete)'
