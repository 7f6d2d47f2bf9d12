# bash completion for relay-broker

# Names of files (-f) or directories (-d) that begin as the value in `typed` does. The shell would quote an @ with the
# rest of the name.
_relay_broker_paths() {
  local line value=${typed#--*=} how=$1
  if [[ $value != @* ]]; then compopt -o filenames 2>/dev/null; fi
  while IFS='' read -r line; do
    if [[ $value == @* ]]; then
      if [[ -d $line ]]; then line+=/; fi
      printf -v line '%q' "$line"
    fi
    line=${typed%"${value#@}"}$line
    COMPREPLY+=("${line#"$kept"}")
  done < <(compgen "$how" -- "${value#@}")
  if [[ $value == @* && ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then compopt -o nospace 2>/dev/null; fi
}

_relay_broker() {
  # The shell takes a word apart at = : @; here what stands together is one word, up to the cursor.
  local left=${COMP_LINE:0:COMP_POINT} words=() starts=() piece i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if [[ $i == 0 || $left == [[:space:]]* ]]; then
      words+=('')
      starts+=("$i")
      left=${left#"${left%%[![:space:]]*}"}
    fi
    piece=${COMP_WORDS[i]}
    if [[ $i == "$COMP_CWORD" ]]; then piece=$left; fi
    words[-1]+=$piece
    left=${left#"$piece"}
  done
  # What of the last word the shell keeps; the @ before a word it does not.
  local typed=${words[-1]} kept=''
  if [[ $piece == [=:@]* && $COMP_WORDBREAKS == *"${piece:0:1}"* ]]; then kept=$typed; else kept=${typed%"$piece"}; fi
  kept=${kept%@}

  local line kind='' program=${words[0]/#\~\//$HOME/}
  COMPREPLY=()
  while IFS='' read -r line; do
    case $line in
      :*) kind=$line ;;
      *) line=${line%%$'\t'*} COMPREPLY+=("${line#"$kept"}") ;;
    esac
  done < <("$program" __complete -- "${words[@]:1}" 2>/dev/null)

  case $kind in
    :@file)
      if [[ $typed != *@* ]]; then
        COMPREPLY=(@)
        compopt -o nospace 2>/dev/null
      else
        _relay_broker_paths -f
      fi
      ;;
    :file) _relay_broker_paths -f ;;
    :directory) _relay_broker_paths -d ;;
    :command)
      while IFS='' read -r line; do COMPREPLY+=("$line"); done < <(compgen -c -- "$typed" | sort -u)
      ;;
    :rest*)
      if declare -F _command_offset >/dev/null; then
        _command_offset "${starts[${kind#:rest }]}"
      else
        compopt -o default 2>/dev/null
      fi
      ;;
  esac
}
complete -F _relay_broker relay-broker
