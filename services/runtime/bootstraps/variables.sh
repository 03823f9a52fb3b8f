# Of the shells that start programs in a sandbox: sets a variable for what they start, of `NAME=VALUE`, in which \\ and \n stand
# for a backslash and a line end.
lacre_set() {
  lacre_value=$1
  case $1 in
  *\\*)
    lacre_value=$(printf '%bx' "$1")
    lacre_value=${lacre_value%x}
    ;;
  esac
  # `command`: a name that a shell keeps for itself is left out rather than the end of us.
  command export "$lacre_value" 2>/dev/null
}
