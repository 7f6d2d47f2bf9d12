# fish completion for relay-broker
function __relay_broker_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    # Only the part of the word that is the file's name.
    set -l before (string match -r -- '^(?:--[^=]*=)?@?' $typed)
    set -l name (string sub -s (math (string length -- "$before") + 1) -- $typed)
    for line in (command $words[1] __complete -- $words[2..] $typed 2>/dev/null)
        switch $line
            case ':file'
                printf '%s\n' $before(__fish_complete_path $name)
            case ':directory'
                printf '%s\n' $before(__fish_complete_directories $name '')
            case ':@file'
                string match -q -- '*@' $before; or set before $before@
                printf '%s\n' $before(__fish_complete_path $name)
            case ':command'
                complete -C $typed
            case ':rest *'
                set -l from (math (string replace ':rest ' '' -- $line) + 1)
                complete -C (string join ' ' -- (string escape -- $words[$from..]) $typed)
            case '*'
                printf '%s\n' $line
        end
    end
end
complete -c relay-broker -f -a '(__relay_broker_complete)'
