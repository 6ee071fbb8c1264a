#!/usr/bin/env bash
# run.sh SOURCE PROGRAM BUILD: an example must print what its first comment says it prints, and exit 0.
# BUILD is checked or unchecked, for one that prints something else in each.
set -euo pipefail
source=$1
program=$2
build=$3

expected=$(awk -v build="$build" '$0 == "// Prints:" || $0 == "// Prints, " build ":" {on = 1; next} on && /^\/\/     / {print substr($0, 8); next} on {exit}' "$source")
if [[ -z $expected ]]; then
    echo "$source: its first comment has no lines after '// Prints:' or '// Prints, $build:'" >&2
    exit 1
fi
printed=$("$program")
diff <(printf '%s\n' "$expected") <(printf '%s\n' "$printed")
