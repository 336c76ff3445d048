#!/usr/bin/env bash
# pytest-again.sh PYTEST ARGUMENTS...: run pytest; run those tests that failed once more, one by one and without the others beside them.
# A test that fails twice fails the run. Both reports are printed, so a test that needed its second run is seen.
set -uo pipefail
pytest=$1
shift
"$pytest" "$@"
status=$?
# Other statuses mean that pytest itself was stopped or could not collect.
[ "$status" -eq 1 ] || exit "$status"
echo "tests failed beside others; once more, by themselves:"
exec "$pytest" "$@" --last-failed --last-failed-no-failures none -n 0
