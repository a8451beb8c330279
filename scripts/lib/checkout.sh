# Sourced by the scripts that run Troupe from a checkout: finds Node, installs the packages, builds what has changed.
# Everything it says goes to stderr, for stdout belongs to the command that is run. Expects `root` to be set.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

need_node() {
  command -v node >/dev/null && command -v npm >/dev/null ||
    die 'Node is missing; install Node 20.19 or newer with its npm (https://nodejs.org).'
  node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
    die "Node $(node --version) is too old; install Node 20.19 or newer."
}

# Whether node_modules holds exactly what the lock file names. Optional packages of other platforms may be absent.
modules_fit() {
  [ -f "$root/node_modules/.package-lock.json" ] && (cd "$root" && node -e '
    const read = (path) => JSON.parse(require("fs").readFileSync(path)).packages
    const have = read("node_modules/.package-lock.json")
    const want = Object.entries(read("package-lock.json"))
    process.exit(want.every(([at, { version, optional }]) => !at || (have[at] ? have[at].version === version : optional)) ? 0 : 1)')
}

install_modules() {
  modules_fit && return
  say 'installing the packages of package-lock.json (npm ci) …'
  # Development tools are needed to build, whatever NODE_ENV says.
  (cd "$root" && NODE_ENV=development npm ci --include=dev --no-audit --no-fund --loglevel=error >&2) ||
    die 'npm ci failed; its message is above. Check that the npm registry can be reached, then run this again.'
}

# Whether everything in dist/ is younger than all that it is made from; folders count, so that deleted files do too.
build_fits() {
  local stamp="$root/dist/.built"
  [ -f "$stamp" ] && [ -z "$(cd "$root" && find actors transport runtime inspector scripts/schema.ts scripts/vendor.ts \
    scripts/charts.ts scripts/inspector.ts scripts/lib package.json tsconfig.json tsconfig.build.json -newer "$stamp" -print -quit)" ]
}

build() {
  build_fits && return
  mkdir -p "$root/dist"
  # Two commands started at once must not build into each other; where flock is missing they may, and then do it twice.
  (
    if command -v flock >/dev/null; then flock 9; fi
    build_fits && exit 0
    say 'building into dist/ …'
    touch "$root/dist/.building"
    (cd "$root" && npm run --silent build >&2) || die 'The build failed; the compiler says why above.'
    mv "$root/dist/.building" "$root/dist/.built"
  ) 9>"$root/dist/.lock"
}
