/*
 * The shell scripts between the agent and a build. All data reaches them as positional parameters; none is ever part of
 * their text. Each ends in `exec`, so that the process the agent started stays its child and dies with it.
 */

/**
 * Runs inside the sandbox, under bash, as its first process: says on descriptor 3 that the sandbox stands, and waits for
 * `go`. An agent that was killed meanwhile never answers, and end of input ends the build before it began. Then the
 * build's own limits: umask 022 (ImageBuilder refuses others), none of the descriptors the agent itself may have been
 * started with, and few possible ones, because fakeroot closes each at every start.
 * It stays, to reap what the build leaves behind: when the first process ends, the kernel has ended all others.
 * $@ the command.
 */
export const GATE_SCRIPT = `
echo ready >&3 && read -r answer && [ "$answer" = go ] || exit 125
umask 022
ulimit -c 0
ulimit -n 1024 2>/dev/null
for path in /proc/self/fd/*; do
  number=\${path##*/}
  if [ "$number" -gt 2 ]; then eval "exec $number>&-"; fi
done
"$@" </dev/null
exit $?
`;

/**
 * Runs in a new mount namespace: mounts the overlay of a view over its \`merged\` folder.
 * Works with relative paths: option strings give \`,\` and \`:\` of a path a meaning.
 * $1 folder of the view, $2 tree, $3 further mount options, rest: what to run.
 */
export const OVERLAY_SCRIPT = `
cd "$1" && mount --bind -- "$2" lower &&
mount -t overlay overlay -o "lowerdir=lower,upperdir=upper,workdir=work$3" merged || exit 125
shift 3
exec "$@"
`;

/**
 * Runs in new mount, pid, ipc and uts namespaces where bubblewrap is missing: builds a root folder as bubblewrap would.
 * $1 an empty folder to build in, then entries \`ro|rw SOURCE DESTINATION\`, \`link TARGET DESTINATION\`, \`dir - DESTINATION\`,
 * then \`--\` and what to run in it with \`/builder\` as working directory.
 */
export const ROOT_SCRIPT = `
set -e
trap 'exit 125' EXIT
root=$1
shift
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root"
cd "$root"
while [ "$1" != -- ]; do
  at=.$3
  mkdir -p "\${at%/*}"
  case $1 in
    dir) mkdir -p "$at" ;;
    link) ln -s -- "$2" "$at" ;;
    ro | rw)
      if [ -d "$2" ]; then mkdir -p "$at"; else : >"$at"; fi
      mount --rbind -- "$2" "$at"
      if [ "$1" = ro ]; then mount -o remount,bind,ro,nosuid,nodev "$at"; fi
      ;;
  esac
  shift 3
done
shift
mkdir dev tmp proc
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for node in null zero full random urandom; do
  : >"dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mkdir dev/shm
mount -t proc -o ro,nosuid,nodev,noexec proc proc
trap - EXIT
exec chroot . setpriv --no-new-privs --inh-caps=-all \\
  --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid \\
  /bin/sh -c 'cd /builder && exec "$@"' sh "$@"
`;
