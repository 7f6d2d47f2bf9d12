# fish completion for relay-broker
function __relay_broker_complete
    set -l words (commandline -opc) (commandline -ct)
    command $words[1] __complete -- $words[2..] 2>/dev/null
end
complete -c relay-broker -f -a '(__relay_broker_complete)'
