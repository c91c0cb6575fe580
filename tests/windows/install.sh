#!/bin/sh
# What the tests of Windows logins need: a KDC, the GSSAPI libraries of both kinds, and libclang to build against them.
set -eu
missing=
for p in krb5-kdc krb5-admin-server krb5-user libkrb5-dev libclang-dev pkg-config gss-ntlmssp; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
# Without a configuration the packages' own KDC does not start; the tests have theirs.
# shellcheck disable=SC2086 # a list of packages
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
