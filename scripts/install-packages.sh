#!/bin/sh
# install-packages.sh [--optional] FILE: the Debian packages that FILE lists, where they are missing.
# A line PROGRAM=PACKAGE is for a program that may also come from elsewhere. A question mark at a line's
# end: releases without that package have its programs in another one.
set -eu
optional=no
if [ "$1" = --optional ]; then
    optional=yes
    shift
fi

missing=
for line in $(grep -v '^#' "$1"); do
    package=${line#*=}
    if [ "$line" != "$package" ] && command -v "${line%%=*}" >/dev/null; then
        continue
    fi
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

# Print what is missing, without what this release does not have.
offered() {
    for package in $missing; do
        name=${package%\?}
        if [ "$name" = "$package" ] || apt-cache show "$name" >/dev/null 2>&1; then
            printf ' %s' "$name"
        fi
    done
}

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    [ "$optional" = no ] || exit 0
    missing=$(offered)
    echo "These Debian packages are needed, and only root can install them:$missing" >&2
    echo "  sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
log=$(mktemp)
if apt-get update -qq >"$log" 2>&1 && missing=$(offered) &&
    echo "Installing Debian packages:$missing" &&
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install --yes -qq --no-install-recommends $missing >>"$log" 2>&1
then
    rm -f "$log"
else
    cat "$log" >&2
    rm -f "$log"
    [ "$optional" = yes ]
fi
