#!/bin/sh
# Installs the packages of debian-packages.txt whose programs are missing on this machine.
#
# usage: deploy/install.sh [--no-install] [PART ...]
#   --no-install   only say what is missing; exit code 1 when something is
#   PART           agent, farm or test; all of them when none is named
#
# Silent when nothing is missing. Services that Debian would start with a package are neither started nor enabled.
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
list=$(dirname -- "$0")/debian-packages.txt
policy=/usr/sbin/policy-rc.d
policy_mark='# temporary, by wrtfarm deploy/install.sh'

say() { printf 'wrtfarm: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

install=true
parts=
for argument in "$@"; do
  case $argument in
    --no-install) install=false ;;
    agent | farm | test) parts="$parts $argument " ;;
    -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) say "unknown argument $argument; see deploy/install.sh --help"; exit 64 ;;
  esac
done
[ -n "$parts" ] || parts=' agent farm test '

has() {
  case $1 in
    /*) [ -e "$1" ] ;;
    perl:*) perl -e 'eval "require $_; 1" or exit 1 for split /,/, shift' "${1#perl:}" 2>/dev/null ;;
    python3:*)
      /usr/bin/python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec(sys.argv[1]) is None)' \
        "${1#python3:}" 2>/dev/null ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

packages=
missing=
while read -r part package probes; do
  case $part in '' | '#'*) continue ;; esac
  case $parts in *" $part "*) ;; *) continue ;; esac
  absent=
  for probe in ${probes%%#*}; do
    has "$probe" || absent="$absent $probe"
  done
  [ -z "$absent" ] && continue
  packages="$packages $package"
  missing="$missing
  $package:$absent"
done <"$list"
[ -n "$packages" ] || exit 0

$install || fail "missing on this machine (package: what it lacks):$missing"
if ! command -v apt-get >/dev/null 2>&1; then
  fail "this system has no apt-get. Please install these yourself, then try again (Debian's name: what is missing):$missing"
fi

as_root() { "$@"; }
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 ||
    fail "packages are missing and there is no sudo. As root run: $0${parts% }
The packages:$packages"
  if ! sudo -n true 2>/dev/null && ! { [ -t 2 ] && (: </dev/tty) 2>/dev/null; }; then
    fail "packages are missing, sudo wants a password, and there is no terminal to ask for it. Run first: sudo $0${parts% }
The packages:$packages"
  fi
  as_root() { sudo "$@"; }
fi

log=$(mktemp)
clean_up() {
  rm -f "$log"
  if grep -qsF "$policy_mark" "$policy"; then as_root rm -f "$policy"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Debian starts what it installs unless policy-rc.d says 101 (invoke-rc.d(8)); the farm starts its own private servers.
if [ ! -e "$policy" ]; then
  # shellcheck disable=SC2016  # expanded by the inner shell
  as_root sh -c 'printf "#!/bin/sh\n%s\nexit 101\n" "$1" >"$2" && chmod 755 "$2"' sh "$policy_mark" "$policy"
fi

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null
}
say "installing Debian packages:$packages"
apt update || say "apt-get update failed; trying with the package lists that are here"
# shellcheck disable=SC2086  # one word per package
if ! apt install --yes --no-install-recommends $packages; then
  cat "$log" >&2
  fail "apt-get could not install:$packages"
fi
if command -v systemctl >/dev/null 2>&1; then
  for service in nats-server redis-server; do
    case "$packages " in *" $service "*) as_root systemctl disable "$service" >/dev/null 2>&1 || : ;; esac
  done
fi

# shellcheck disable=SC2086  # one word per part
if ! "$0" --no-install $parts; then fail "apt-get succeeded, but the programs above are still not found"; fi
