#!/bin/sh
# Create the virtual environment, or say in one sentence what is missing.  usage: make-venv.sh PYTHON DIRECTORY
set -eu
python=$1 venv=$2
[ -x "$venv/bin/pip" ] && exit 0
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  echo "ratewire: Python 3.11 or newer is needed; set PYTHON=… to one (tried: $python)" >&2
  exit 1
}
"$python" -m venv "$venv" >/dev/null 2>&1 && exit 0
# Debian ships the venv module apart from Python.
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
  exec "$python" -m venv "$venv"
fi
echo "ratewire: '$python -m venv' failed; install Python's venv module (Debian: apt-get install python3-venv)" >&2
exit 1
