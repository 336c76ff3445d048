#!/usr/bin/env bash
# pytest-plain.sh PYTEST ARGUMENTS...: run pytest with assertions as they stand, which saves most of the time of collecting.
# Tests that failed run once more, to show the values that were compared. The run has failed whatever they do then.
set -uo pipefail
pytest=$1
shift
"$pytest" --assert=plain "$@"
status=$?
[ "$status" -eq 1 ] || exit "$status"
echo "the failed tests once more, with the values that they compare:"
"$pytest" "$@" --last-failed --last-failed-no-failures none
exit 1
