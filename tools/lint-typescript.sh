#!/bin/sh
# Lint all TypeScript and JavaScript with biome, which npm installs once; without Node, say that it was left out.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null; then
  echo "ratewire: npm is not installed, so TypeScript is not linted"
  exit 0
fi
tools/install-node-packages.sh tools/typescript
exec tools/typescript/node_modules/.bin/biome lint --error-on-warnings
