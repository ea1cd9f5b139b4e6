#!/bin/sh
# Installs the other stacks that `synfin bench` runs beside ours, from Debian's packages alone, and builds the thin programs around them
# (bench/peers): gVisor's netstack, lwIP, slirp4netns and pasta. Safe to run again. The benchmark runs without them, and says so.
set -eu

packages="dpkg-dev gcc golang-go golang-gvisor-gvisor-dev iproute2 libc6-dev passt slirp4netns util-linux wrk"
here=$(cd "$(dirname "$0")/.." && pwd)
out=$here/dist/bench

. /etc/os-release
if [ "${ID:-}" != debian ] || ! command -v apt-get >/dev/null; then
  echo "setup-peers: this is not Debian (${PRETTY_NAME:-unknown}): the peers are built from its packages" >&2
  exit 1
fi

missing=""
for package in $packages; do
  if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]; then missing="$missing $package"; fi
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "setup-peers: missing:$missing; run this as root: sudo $0" >&2
    exit 1
  fi
  echo "setup-peers: installing:$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  # shellcheck disable=SC2086  # a list of words
  apt-get install -q -y --no-install-recommends $missing
fi

# lwIP's library in Debian is built for windows of 64 KiB and for threads: its source package is compiled with bench/peers/lwip/lwipopts.h. apt fetches it and checks
# its signature, with lists of its own: the machine's stay as they are.
if [ ! -d "$out/lwip-source" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  chmod 755 "$work"
  mkdir "$work/lists"
  printf 'Types: deb-src\nURIs: http://deb.debian.org/debian\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "$VERSION_CODENAME" >"$work/source.sources"
  apt="apt-get -q -o Dir::Etc::sourcelist=$work/source.sources -o Dir::Etc::sourceparts=- -o Dir::State::lists=$work/lists -o APT::Sandbox::User=root"
  $apt update
  (cd "$work" && $apt source --download-only lwip)
  mkdir -p "$out/lwip-source.new"
  tar -xf "$work"/lwip_*.orig.tar.* -C "$out/lwip-source.new" --strip-components=1
  mv "$out/lwip-source.new" "$out/lwip-source"
fi

sh "$here/bench/peers/build.sh"
for program in gvisor lwip; do
  if [ ! -x "$out/$program" ]; then
    echo "setup-peers: $program was not built" >&2
    exit 1
  fi
done
echo "setup-peers: all there: synfin bench --list"
