#!/bin/sh
# Make available what the tests start: found on the PATH, else installed with apt as root, else one clear sentence.
set -eu
missing=
PATH=$PATH:/usr/sbin:/sbin
need() { # need PACKAGE COMMAND…: any of the commands will do
  package=$1; shift
  for name in "$@"; do
    command -v "$name" >/dev/null && return
    for file in /usr/lib/postgresql/*/bin/"$name"; do [ -x "$file" ] && return; done
  done
  missing="$missing $package"
}
need redis-server redis-server
need rabbitmq-server rabbitmq-server
need postgresql initdb
need nginx nginx
need chromium chromium chromium-browser google-chrome
need nodejs node
need faketime faketime
need gcc cc gcc
need prometheus promtool
need prometheus-blackbox-exporter prometheus-blackbox-exporter
need npm npm
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing for the tests:$missing"
  # Debian would start them on their usual ports; the tests start private ones of their own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy
    trap 'rm -f $policy' EXIT
  fi
  apt-get update -qq
  # Chromium without windows, which takes half the processor time. Other systems have no such package: the tests take the browser.
  shell=chromium-headless-shell
  if ! command -v $shell >/dev/null && apt-cache show $shell >/dev/null 2>&1; then missing="$missing $shell"; fi
  # shellcheck disable=SC2086  # one word a package
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  exit 0
fi
echo "ratewire: the tests need$missing: install them (Debian: apt-get install$missing) or run 'make test' as root" >&2
exit 1
