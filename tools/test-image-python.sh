#!/bin/sh
# Run the unit tests of some folders with the Python that the image runs, where that is installed; otherwise say that they were left out.
# usage: test-image-python.sh VENV PATH... [OPTION...]
set -eu
version=$(sed -n 's/^FROM python:\([0-9.]*\)-slim AS build$/\1/p' Dockerfile)
[ -n "$version" ] || { echo "ratewire: the Dockerfile names no Python" >&2; exit 1; }
if "$1/bin/python" -c "import sys; sys.exit(f'{sys.version_info[0]}.{sys.version_info[1]}' != '$version')"; then
  echo "the Python of $1 is that of the image: $version"
  exit 0
fi
python=
# pyenv has a command for a version that is installed but not selected, which fails.
for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
  "$candidate" -c pass >/dev/null 2>&1 && python=$candidate && break
done
if [ -z "$python" ]; then
  echo "ratewire: Python $version, that of the image, is not installed, so its unit tests were left out"
  exit 0
fi
venv=.venv-$version
if [ ! -e "$venv/.dev" ] || [ requirements-dev.lock -nt "$venv/.dev" ]; then
  echo "installing into $venv (once)"
  tools/make-venv.sh "$python" "$venv"
  "$venv/bin/pip" --disable-pip-version-check --quiet install --require-hashes -r requirements-dev.lock
  "$venv/bin/pip" --disable-pip-version-check --quiet install --no-deps -e .
  touch "$venv/.dev"
fi
shift
exec "$venv/bin/pytest" -q -m "not servers and not slow and not alone and not long" "$@"
