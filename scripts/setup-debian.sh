#!/bin/sh
# Installs what the interop tests and the benchmark talk to, on Debian or Ubuntu: clients and servers of the kernel's TCP, and tools
# that read captures, and a browser. The package itself needs none of it. Safe to run again: what is there is left as it is, and no server is
# started.
set -eu

packages="apache2-utils chromium curl ethtool gcc iperf3 iproute2 iputils-ping libc6-dev nginx-light openssh-client openssh-server procps redis-server tcpdump tshark util-linux wrk"

if ! command -v apt-get >/dev/null; then
  echo "setup-debian: no apt-get here; install by hand: $packages" >&2
  exit 1
fi

missing=""
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  # Any of the nginx packages will do.
  if [ "$package" = nginx-light ] && [ -x /usr/sbin/nginx ]; then state=installed; fi
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

# Installing nginx and sshd starts them, unless this program, which asks who may be started, says no one (policy-rc.d, exit 101).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
fi

echo "setup-debian: installing:$missing"
# No questions: tshark asks who may capture.
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086  # a list of words
apt-get install -q -y --no-install-recommends $missing
echo "setup-debian: installed:$missing"
