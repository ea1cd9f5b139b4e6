#!/bin/sh
# Builds the programs of the benchmark into dist/bench: the kernel's side with gcc alone, and the peers whose sources are there
# (scripts/setup-peers.sh). Does nothing where all is up to date.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../dist/bench

if ! command -v gcc >/dev/null; then
  echo "gcc is missing: run scripts/setup-debian.sh" >&2
  exit 1
fi
mkdir -p "$out"
for program in peer flood; do
  if [ "$out/$program" -nt "$here/$program.c" ]; then continue; fi
  gcc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$out/$program" "$here/$program.c"
done

# Whether $1 is there and newer than all that follow.
newer() {
  target=$1
  shift
  for source in "$@"; do
    if [ ! "$target" -nt "$source" ]; then return 1; fi
  done
}

# gVisor's netstack, from Debian's golang-gvisor-gvisor-dev.
gopath=/usr/share/gocode
if command -v go >/dev/null && [ -d $gopath/src/gvisor.dev/gvisor ] && ! newer "$out/gvisor" "$here"/gvisor/*.go; then
  echo "building gVisor's netstack" >&2
  (cd "$here/gvisor" && GO111MODULE=off GOFLAGS= GOPATH=$gopath GOCACHE="$out/go-cache" go build -o "$out/gvisor" .)
fi

# lwIP, from Debian's source package; what is its own is not judged by our warnings.
lwip=$out/lwip-source/src
if [ -d "$lwip" ] && ! newer "$out/lwip" "$here"/lwip/lwip.c "$here"/lwip/lwipopts.h; then
  echo "building lwIP" >&2
  gcc -std=gnu11 -O3 -w -I"$here/lwip" -I"$lwip/include" -o "$out/lwip" \
    "$here/lwip/lwip.c" "$lwip"/core/*.c "$lwip"/core/ipv4/*.c
fi
