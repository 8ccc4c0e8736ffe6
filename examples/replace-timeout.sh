#!/bin/sh
# Runs a command in which `timeout` is grpkill-timeout: replace-timeout.sh COMMAND [ARG]...
#
# Under this name it has timeout(1)'s defaults and messages, and all of its own options. To put it
# in timeout's place for good, make such a link in a directory that comes first in the PATH.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
ln -s "$(command -v grpkill-timeout)" "$directory/timeout"
PATH=$directory:$PATH
export PATH
"$@"
