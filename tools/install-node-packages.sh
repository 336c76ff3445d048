#!/bin/sh
# Install the packages of Node projects, once and after a change of their lock files.
# usage: install-node-packages.sh FOLDER...
set -eu
for folder; do
  done=$folder/node_modules/.installed
  if [ ! -e "$done" ] || [ "$folder/package-lock.json" -nt "$done" ]; then
    (cd "$folder" && npm ci --silent --no-audit --no-fund --prefer-offline)
    touch "$done"
  fi
done
