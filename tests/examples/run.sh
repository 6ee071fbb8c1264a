#!/usr/bin/env bash
# run.sh SOURCE PROGRAM BUILD: an example must print what its first comment says it prints, and exit 0.
# It is run as the comment says: with the variables before the first `build/examples/…` and the
# arguments behind it. BUILD is checked or unchecked, for one that prints something else in each.
set -euo pipefail
source=$(realpath "$1")
program=$(realpath "$2")
build=$3

expected=$(awk -v build="$build" '$0 == "// Prints:" || $0 == "// Prints, " build ":" {on = 1; next} on && /^\/\/     / {print substr($0, 8); next} on {exit}' "$source")
if [[ -z $expected ]]; then
    echo "$source: its first comment has no lines after '// Prints:' or '// Prints, $build:'" >&2
    exit 1
fi
command=$(awk '/^\/\/     .*build\/examples\// {print substr($0, 8); exit}' "$source")
read -ra variables <<<"${command%%build/examples/*}"
read -ra arguments <<<"${command#*build/examples/}"
cd "${source%/examples/*}" # where the names of files in the command start
printed=$(env "${variables[@]}" "$program" "${arguments[@]:1}")
diff <(printf '%s\n' "$expected") <(printf '%s\n' "$printed")
