# Sourced by scripts/test, after packages.sh: what the tests of foreign clients need, a browser and Debian's Python.

browser_missing=
python_missing=

# Leaves a browser in TROUPE_TEST_CHROMIUM; otherwise fails, with the reason in `browser_missing`.
prepare_browser() {
  find_browser && return
  if [ -z "$root_on_debian" ]; then
    browser_missing='there is no Chromium; install one, name it with TROUPE_TEST_CHROMIUM, or run this as root on Debian, where it installs its own.'
    return 1
  fi
  if ! apt_install chromium; then
    browser_missing=$packages_missing
    return 1
  fi
  find_browser && return
  browser_missing='the package chromium brought no command chromium.'
  return 1
}

# A browser that is named, or found; it must be one that runs, for on some systems the name is only a pointer to a store.
find_browser() {
  local name path
  for name in "${TROUPE_TEST_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    path=$(command -v -- "$name") || continue
    if "$path" --version >/dev/null 2>&1; then
      export TROUPE_TEST_CHROMIUM=$path
      return 0
    fi
  done
  return 1
}

# Debian's own Python, by its full path: another one before it on the PATH would not see Debian's packages.
prepare_python() {
  python_ready && return
  if [ -z "$root_on_debian" ]; then
    python_missing='/usr/bin/python3 has no websockets or no msgpack; install python3-websockets and python3-msgpack, or run this as root on Debian.'
    return 1
  fi
  if ! apt_install python3 python3-websockets python3-msgpack; then
    python_missing=$packages_missing
    return 1
  fi
  python_ready && return
  python_missing='/usr/bin/python3 cannot import websockets and msgpack, though their packages are installed.'
  return 1
}

python_ready() { /usr/bin/python3 -c 'import msgpack, websockets' 2>/dev/null; }
