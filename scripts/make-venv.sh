#!/bin/sh
# make-venv.sh PYTHON VENV: a virtual environment with pip, also on a Debian without python3-venv.
set -eu
python=$1
venv=$2

if "$python" -c 'import sys; sys.exit(sys.version_info >= (3, 11))'; then
    echo "ocistacks needs Python 3.11 or newer; $python is $("$python" --version)." >&2
    echo "Name another one: make PYTHON=/path/to/python3.13 ..." >&2
    exit 1
fi
if [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi
rm -rf "$venv"
if "$python" -c 'import ensurepip' 2>/dev/null; then
    exec "$python" -m venv "$venv"
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing python3-venv, which this Debian splits off from Python."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends python3-venv >/dev/null
    exec "$python" -m venv "$venv"
fi
# Not root: the package is unpacked beside, not installed.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -qq python3-pip-whl && dpkg-deb -x python3-pip-whl_*.deb root)
wheel=$(ls "$folder"/root/usr/share/python-wheels/pip-*.whl)
"$python" -m venv --without-pip "$venv"
"$venv/bin/python" "$wheel/pip" install --quiet --no-index "$wheel"
