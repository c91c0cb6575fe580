#!/bin/sh
# What the tests of Windows logins need: a KDC, the GSSAPI libraries of both kinds, and libclang to build against them. Without a configuration the packages' own
# KDC does not start; the tests have theirs.
exec "$(dirname "$0")/../apt.sh" krb5-kdc krb5-admin-server krb5-user libkrb5-dev libclang-dev pkg-config gss-ntlmssp
