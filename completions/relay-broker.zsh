#compdef relay-broker
# zsh completion for relay-broker
_relay_broker() {
  local -a found
  local line
  for line in "${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if (( ${#found} )); then
    _describe 'relay-broker' found
  else
    _files
  fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _relay_broker "$@"
else
  compdef _relay_broker relay-broker
fi
