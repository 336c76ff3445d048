#!/bin/sh
# Lint all TypeScript and JavaScript with biome, which npm installs once; without Node, say that it was left out.
set -eu
cd "$(dirname "$0")/typescript"
if ! command -v npm >/dev/null; then
  echo "ratewire: npm is not installed, so TypeScript is not linted"
  exit 0
fi
if [ ! -e node_modules/.installed ] || [ package-lock.json -nt node_modules/.installed ]; then
  npm ci --silent --no-audit --no-fund
  touch node_modules/.installed
fi
cd ../..
exec tools/typescript/node_modules/.bin/biome lint --error-on-warnings
