# Sourced by scripts/test, after packages.sh: finds or starts a Docker engine and sees to the test image `troupe-test/busybox:1`.

test_image=troupe-test/busybox:1
engine_dir=
engine_pid=
engine_had_bridge=
engine_missing=

engine_api() { node --import tsx "$root/scripts/lib/engine.ts" "$@"; }

# Leaves an engine that answers and has the test image; otherwise fails, with the reason in `engine_missing`.
prepare_engine() {
  if engine_api ping; then
    say "using the Docker engine that answers ($(engine_api version))"
  elif [ -n "$root_on_debian" ]; then
    install_engine_packages dockerd:docker.io iptables:iptables ip:iproute2 || return 1
    # Where a service manager runs, the package has started its engine already, and that one stays.
    if ! engine_api ping; then start_engine || return 1; fi
  else
    engine_missing='no Docker engine answers; start one, or run this as root on Debian, where it installs its own.'
    return 1
  fi
  if [ -n "$root_on_debian" ]; then
    install_engine_packages flock:util-linux ps:procps ip:iproute2 faketime:faketime || return 1
  fi
  prepare_image
}

install_engine_packages() {
  install_packages "$@" && return
  engine_missing=$packages_missing
  return 1
}

# A kernel without mounted cgroups cannot run containers; where nobody did it, mount what the kernel offers.
mount_cgroups() {
  local at=/sys/fs/cgroup controller
  if [ -e "$at/cgroup.controllers" ] || [ -d "$at/memory" ]; then return 0; fi
  say "mounting the kernel's cgroups at $at …"
  if mount -t cgroup2 cgroup2 "$at" 2>/dev/null; then
    if grep -qw memory "$at/cgroup.controllers"; then return 0; fi
    umount "$at"
  fi
  mount -t tmpfs -o mode=755 cgroup "$at" 2>/dev/null || return 0
  while read -r controller _ _ enabled; do
    if [ "$enabled" != 1 ]; then continue; fi
    mkdir -p "$at/$controller"
    mount -t cgroup -o "$controller" cgroup "$at/$controller" 2>/dev/null || rmdir "$at/$controller"
  done < <(grep -v '^#' /proc/cgroups)
}

# Starts dockerd with all its files in a folder of our own. Some kernels lack nftables and some lack any firewall, so
# it is tried with Debian's choice of iptables, with the older one, and without.
start_engine() {
  engine_dir=$(mktemp -d "${TMPDIR:-/tmp}/troupe-engine.XXXXXX")
  if ip link show docker0 >/dev/null 2>&1; then engine_had_bridge=yes; fi
  unset DOCKER_HOST DOCKER_CONTEXT
  mount_cgroups
  local firewall
  for firewall in default legacy none; do
    say "starting a Docker engine of our own in $engine_dir (firewall: $firewall) …"
    local path="$PATH:/usr/sbin:/sbin" flags=()
    case $firewall in
      legacy)
        [ -x /usr/sbin/iptables-legacy ] || continue
        mkdir -p "$engine_dir/bin"
        ln -sf /usr/sbin/iptables-legacy "$engine_dir/bin/iptables"
        ln -sf /usr/sbin/ip6tables-legacy "$engine_dir/bin/ip6tables"
        path="$engine_dir/bin:$path"
        ;;
      none) flags=(--iptables=false --ip6tables=false) ;;
    esac
    # Its own session, so that Ctrl-C reaches the tests first; and if this script is killed outright, the engine goes too.
    PATH="$path" setsid setpriv --pdeathsig TERM dockerd --data-root "$engine_dir/data" --exec-root "$engine_dir/exec" \
      --pidfile "$engine_dir/pid" --host unix:///var/run/docker.sock "${flags[@]}" \
      >"$engine_dir/log" 2>&1 </dev/null &
    engine_pid=$!
    if wait_for_engine; then return 0; fi
    end_engine
  done
  tail -n 20 "$engine_dir/log" >&2
  engine_missing='the Docker engine did not start; its last lines are above. In a container it needs --privileged; elsewhere start an engine yourself.'
  return 1
}

# At most 60 s; gives up at once when the engine has ended.
wait_for_engine() {
  local deadline=$((SECONDS + 60))
  while [ "$SECONDS" -lt "$deadline" ]; do
    kill -0 "$engine_pid" 2>/dev/null || return 1
    if [ -S /var/run/docker.sock ] && engine_api ping; then return 0; fi
    sleep 0.2
  done
  return 1
}

prepare_image() {
  if engine_api has "$test_image"; then return 0; fi
  if [ -n "$root_on_debian" ] && ! static_busybox; then install_engine_packages busybox-static:busybox-static || return 1; fi
  if static_busybox; then
    say "making the test image $test_image from busybox-static …"
    if pack_image | engine_api import "$test_image"; then return 0; fi
  else
    say "making the test image $test_image from the registry's busybox …"
    if engine_api pull busybox 1.36-musl "$test_image"; then return 0; fi
  fi
  engine_missing="the test image $test_image could not be made; the engine says why above. Debian's package busybox-static would let it be made without a registry."
  return 1
}

static_busybox() { [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1; }

# The image as a tar on stdout: busybox, a link for each of its applets, a /tmp for all, and two users.
pack_image() {
  local files applet
  files=$(mktemp -d "${TMPDIR:-/tmp}/troupe-image.XXXXXX")
  chmod 755 "$files"
  mkdir -p "$files"/{bin,etc,proc,sys,dev,root,var}
  mkdir -m 1777 "$files/tmp"
  cp /bin/busybox "$files/bin/busybox"
  for applet in $(/bin/busybox --list); do
    if [ "$applet" != busybox ]; then ln -s busybox "$files/bin/$applet"; fi
  done
  printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'nobody:x:65534:65534:nobody:/:/bin/sh' >"$files/etc/passwd"
  printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$files/etc/group"
  local code=0
  tar -C "$files" --numeric-owner --owner=0 --group=0 -cf - . || code=$?
  rm -rf "$files"
  return "$code"
}

# Ends dockerd and all that it started, by the ids and the folder that are ours alone.
end_engine() {
  [ -n "$engine_pid" ] || return 0
  kill -TERM "$engine_pid" 2>/dev/null || true
  local deadline=$((SECONDS + 20)) pid
  while kill -0 "$engine_pid" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.1; done
  kill -KILL "$engine_pid" 2>/dev/null || true
  wait "$engine_pid" 2>/dev/null || true
  engine_pid=
  for pid in $(our_engine_processes); do kill -KILL "$pid" 2>/dev/null || true; done
}

# containerd and its shims name our folder on their command line.
our_engine_processes() {
  local entry
  for entry in /proc/[0-9]*; do
    if { tr '\0' ' ' <"$entry/cmdline"; } 2>/dev/null | grep -qF "$engine_dir/exec"; then echo "${entry##*/}"; fi
  done
}

stop_engine() {
  [ -n "$engine_dir" ] || return 0
  end_engine
  local mount
  while read -r mount; do umount -l "$mount" 2>/dev/null || true; done < <(
    awk -v dir="$engine_dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r
  )
  if [ -z "$engine_had_bridge" ]; then ip link delete docker0 2>/dev/null || true; fi
  rm -rf "$engine_dir"
  engine_dir=
}
