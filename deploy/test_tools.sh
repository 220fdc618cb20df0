#!/bin/sh
# Installs the servers that tests need and no wheel has: Dovecot, PostgreSQL, Chromium, ClamAV.
# It uses apt, as root or with sudo. Without both, the tests that need such a server are skipped with
# the reason (with CI=true they fail).
set -eu
missing=""
[ -x /usr/sbin/dovecot ] && [ -e /usr/lib/dovecot/imap ] || missing="$missing dovecot-imapd"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
[ -x /usr/bin/chromium ] || missing="$missing chromium"
[ -x /usr/sbin/clamd ] || missing="$missing clamav-daemon"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then sudo=""; else sudo="sudo -n"; fi
if ! command -v apt-get >/dev/null 2>&1 || { [ -n "$sudo" ] && ! sudo -n true 2>/dev/null; }; then
    echo "WARNING: can't install$missing (no apt-get, or no rights): their tests will be skipped" >&2
    exit 0
fi
echo "installing$missing by apt"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q >/dev/null
# The packages must not start their services, because tests start their own on loopback.
$sudo apt-get install -qy --no-install-recommends $missing >/dev/null
