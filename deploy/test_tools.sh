#!/bin/sh
# Brings the servers that tests need and that no wheel has: Dovecot, PostgreSQL, Chromium,
# ClamAV.
# As root or with sudo by apt; where neither is, the tests that need one say so and are skipped
# (with CI=true that is a failure).
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
# No service is to be started by the packages: tests start their own, on loopback.
$sudo apt-get install -qy --no-install-recommends $missing >/dev/null
