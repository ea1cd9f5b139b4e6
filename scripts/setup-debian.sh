#!/bin/sh
# Installs what the interop tests and the benchmark talk to, on Debian or Ubuntu: clients and servers of the kernel's TCP, and tools
# that read captures. The package itself needs none of it. Safe to run again: what is there is left as it is.
set -eu

packages="curl iperf3 iproute2 iputils-ping nginx-light tcpdump tshark util-linux"

if ! command -v apt-get >/dev/null; then
  echo "setup-debian: no apt-get here; install by hand: $packages" >&2
  exit 1
fi

missing=""
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  # Any of the nginx packages will do.
  if [ "$package" = nginx-light ] && command -v nginx >/dev/null; then state=installed; fi
  if [ "$state" != installed ]; then missing="$missing $package"; fi
done

if [ -z "$missing" ]; then
  echo "setup-debian: all there: $packages"
  exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
  echo "setup-debian: missing:$missing; run this as root: sudo $0" >&2
  exit 1
fi

echo "setup-debian: installing:$missing"
# No questions (tshark asks who may capture), and no server started by its installation (nginx would take port 80).
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -q
# shellcheck disable=SC2086  # a list of words
apt-get install -q -y --no-install-recommends $missing
echo "setup-debian: done"
