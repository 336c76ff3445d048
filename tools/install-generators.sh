#!/bin/sh
# Install the code generators and linters of GraphQL that tests run, once and after a change of their lock files.
# usage: install-generators.sh PYTHON
set -eu
cd "$(dirname "$0")/.."
folder=tests/generators venv=.venv-generators
tools/install-node-packages.sh $folder
if [ ! -e $venv/.installed ] || [ $folder/requirements.lock -nt $venv/.installed ]; then
  tools/make-venv.sh "$1" $venv
  $venv/bin/pip --disable-pip-version-check --quiet install --require-hashes -r $folder/requirements.lock
  touch $venv/.installed
fi
