# Sourced by scripts/test: Debian's packages, where they may be installed.

packages_missing=
root_on_debian=
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then root_on_debian=yes; fi

# Installs the packages whose command is missing; each argument is `command:package`. Fails with `packages_missing` set.
install_packages() {
  local pair missing=()
  for pair in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
}

apt_install() {
  say "installing $* (apt-get) …"
  local log
  log=$(mktemp)
  # Nothing may ask a question, and no service may be started behind our back.
  if ! { DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get update -q &&
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    packages_missing="apt-get could not install $*; its last lines are above."
    return 1
  fi
  rm -f "$log"
}
