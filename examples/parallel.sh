#!/bin/sh
# Fetches every repository in a directory, eight at a time, with a limit for each, and says which
# did not end in time: parallel.sh DIRECTORY REPORT
#
# xargs goes on after a limit and returns 123 in the end. All runs append to one report, which is
# added to that of earlier ones.
set -u
limit=${LIMIT:-5m}
runs=$(mktemp) || exit
trap 'rm -f "$runs"' EXIT

find "$1" -mindepth 1 -maxdepth 1 -type d -print0 |
    xargs -0 -r -I DIR -P 8 \
        grpkill-timeout --quiet --allow='git maintenance*' --report="$runs" "$limit" \
        git -C DIR fetch --quiet
status=$?
jq -r 'select(.outcome == "timed-out") | "\(.command[2]) took too long"' "$runs"
cat "$runs" >>"$2"
exit "$status"
