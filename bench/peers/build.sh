#!/bin/sh
# Builds the kernel's side of the benchmark into dist/bench, with Debian's gcc and nothing else. Does nothing where it is up to date.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../dist/bench

if [ "$out/peer" -nt "$here/peer.c" ]; then exit 0; fi
if ! command -v gcc >/dev/null; then
  echo "bench: gcc is missing: run scripts/setup-debian.sh" >&2
  exit 1
fi
mkdir -p "$out"
gcc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$out/peer" "$here/peer.c"
