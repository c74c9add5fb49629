#!/bin/sh
# Run on the host by the script module: its arguments go into a file that the module's `creates` names.
set -eu
printf '%s\n' "$1" "$2" >"$3"
echo "wrote $3"
