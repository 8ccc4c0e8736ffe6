#!/bin/sh
# Runs a command with a limit, and sends a line of JSON about the run to the system's log:
# log-report.sh DURATION COMMAND [ARG]...
#
# From there: journalctl -t grpkill-timeout -o cat | jq -r -f report.jq
#
# The report is a file and no pipe to logger, for what lingers would hold that pipe open.
set -u
report=$(mktemp)
trap 'rm -f "$report"' EXIT
grpkill-timeout --report="$report" "$@"
status=$?
logger -t grpkill-timeout <"$report"
exit "$status"
