#!/usr/bin/env bash
# run.sh SOURCE PROGRAM: an example must print what its first comment says it prints, and exit 0.
set -euo pipefail
source=$1
program=$2

expected=$(awk '/^\/\/ Prints:/ {on = 1; next} on && /^\/\/     / {print substr($0, 8); next} on {exit}' "$source")
if [[ -z $expected ]]; then
    echo "$source: its first comment has no lines after '// Prints:'" >&2
    exit 1
fi
printed=$("$program")
diff <(printf '%s\n' "$expected") <(printf '%s\n' "$printed")
