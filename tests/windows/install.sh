#!/bin/sh
# What the tests of Windows logins need: a KDC, the GSSAPI libraries of both kinds, and libclang to build against them.
set -eu
missing=
for p in krb5-kdc krb5-admin-server krb5-user libkrb5-dev libclang-dev pkg-config gss-ntlmssp; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
export DEBIAN_FRONTEND=noninteractive
as_root=
[ "$(id -u)" = 0 ] || as_root="sudo -E"
$as_root apt-get update -q
# The packages' own KDC is not started: tests have theirs.
$as_root apt-get install -q -y --no-install-recommends $missing
