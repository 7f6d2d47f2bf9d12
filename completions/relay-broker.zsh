#compdef relay-broker
# zsh completion for relay-broker
_relay_broker() {
  local -a found
  local line kind
  for line in "${(@f)$("${(Q)words[1]/#\~/$HOME}" __complete -- "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :*) kind=$line ;;
      *$'\t') found+=("${${line%$'\t'}//:/\\:}") ;;
      *) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  local -i nothing=1
  if (( ${#found} )); then
    _describe 'relay-broker' found && nothing=0
  fi
  if [[ $kind == :(file|directory|@file) ]]; then
    compset -P '--*='
    if [[ $kind == :@file ]] && ! compset -P '@'; then
      _files -P @ && nothing=0
    elif [[ $kind == :directory ]]; then
      _files -/ && nothing=0
    else
      _files && nothing=0
    fi
  elif [[ $kind == :command ]]; then
    _command_names -e && nothing=0
  elif [[ $kind == :rest\ * ]]; then
    local -i skip=${kind#:rest }
    shift $skip words
    (( CURRENT -= skip ))
    _normal && nothing=0
  fi
  return nothing
}
# As the file of a directory in fpath this is the body of _relay-broker, each time; else it is read once.
if [[ $funcstack[1] == _relay-broker ]]; then
  _relay_broker "$@"
else
  compdef _relay_broker relay-broker
fi
