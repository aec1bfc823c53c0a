#!/bin/sh
# Installs the Debian packages that some tests need, when run as root on a system with apt.
# Otherwise those tests skip and say how to get them; with CI=true a missing one is a failure.
set -eu
packages="tftpd-hpa tftp-hpa dnsmasq-base curl openssl prometheus prometheus-alertmanager debootstrap systemd-container openssh-client openssh-server"
missing=
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "some tests will skip: missing$missing (on Debian: apt-get install$missing)" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# A test needs the program, not a service of the distribution beside it.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"; chmod 755 "$policy"; made_policy=1
fi
trap '[ -z "$made_policy" ] || rm -f "$policy"' EXIT
apt-get -qq update
# shellcheck disable=SC2086
apt-get -qq install --yes --no-install-recommends $missing >/dev/null
