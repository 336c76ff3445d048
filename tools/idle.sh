#!/bin/sh
# idle.sh COMMAND ARGUMENTS...: run a command that gets the processor only while nothing else wants it.
# `nice` alone leaves it a share, and lets others wait for the end of its turn; elsewhere than on Linux there is nothing better.
if command -v chrt >/dev/null; then exec chrt --idle 0 "$@"; fi
exec nice -n 19 "$@"
