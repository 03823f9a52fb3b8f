# Starts a function's extensions and then its runtime, all in one sandbox, and tells how each ended. Orders come over
# descriptor 4, one a line; news go back the same way. Everything started inherits neither that descriptor nor 5, which takes
# the output of extensions. The variables of the function are set for what is started, not for this shell, which becomes none
# of it and starts nothing else.
#
#   v NAME=VALUE    for all that is started from now on (variables.sh)
#   x INDEX PATH    start an extension              p INDEX|r PID      started
#   r               start this script's arguments   e INDEX|r STATUS   ended, as a shell tells it
#   k SIGNAL PID    a signal to one of them

. "${0%/*}/variables.sh"

lacre_extension() {
  exec 1>&5 2>&5 3<&- 4<&- 5>&-
  exec "$1"
}

lacre_runtime() {
  exec 4<&- 5>&-
  [ -S /proc/self/fd/3 ] || exec 3<&-
  exec "$@"
}

lacre_watch() {
  lacre_name=$1
  shift
  "$@" &
  echo "p $lacre_name $!" >&4
  # A shell says aloud what signal ended a job.
  exec 1>/dev/null 2>&1 3<&- 5>&-
  wait $!
  echo "e $lacre_name $?" >&4
}

while IFS= read -r lacre_line <&4; do
  lacre_rest=${lacre_line#??}
  case $lacre_line in
  v*) lacre_set "$lacre_rest" ;;
  x*) lacre_watch "${lacre_rest%% *}" lacre_extension "${lacre_rest#* }" & ;;
  r*) lacre_watch r lacre_runtime "$@" & ;;
  k*) kill -s "${lacre_rest%% *}" "${lacre_rest#* }" 2>/dev/null ;;
  esac
done
