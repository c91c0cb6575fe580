#!/bin/sh
# What the tests of the key store need: a session bus, and a Secret Service on it.
exec "$(dirname "$0")/../apt.sh" dbus gnome-keyring
