# The first process of a sandbox, where what makes it brings none. Says over descriptor 6 that it is up; orders come the same
# way, one a line, and are over before anything of the function runs. Reaps what is orphaned, and ends as its command does.
#
#   v NAME=VALUE    for the command (variables.sh)      u    up
#   r               start this script's arguments

. "${0%/*}/variables.sh"

# What makes sandboxes passes 3 to 5 whether they are used or not; all that are used are sockets.
for lacre_fd in 3 4 5; do
  [ -S "/proc/self/fd/$lacre_fd" ] || eval "exec $lacre_fd<&-"
done
# It sets that one, too.
unset HOME

echo u >&6
while IFS= read -r lacre_line <&6; do
  case $lacre_line in
  v*) lacre_set "${lacre_line#??}" ;;
  *) break ;;
  esac
done
[ "$lacre_line" = r ] || exit 125

# A shell says aloud what signal ended its command.
exec 7>&1 8>&2 1>/dev/null 2>&1 6<&-
(
  exec 0</dev/null 1>&7 2>&8 7>&- 8>&-
  exec "$@"
)
exit "$?"
