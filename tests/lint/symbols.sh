#!/usr/bin/env bash
# Lint: what the libraries show. symbols.sh ROOT SHARED STATIC
# The shared library exports tr_ names only; in the static one, where the linker keeps nothing
# hidden, a name is tr_ or tri_, so that it meets no name of a user's program.
shared=$(realpath "$2")
static=$(realpath "$3")
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

where() { # where SYMBOL LIBRARY: the line that defines it, as house style writes definitions
    local line
    line=$(grep -rnE "^$1\b" --include='*.[chS]' runtime actors 2>/dev/null | head -n 1 | cut -d: -f1,2)
    echo "${line:-$(basename "$2")}"
}

check() { # check LIBRARY PATTERN NM_OPTION
    local name type
    while read -r name type _; do
        if [[ -n $type && ! $name =~ ^$2 ]]; then
            echo "$(where "$name" "$1"): $name is visible in $(basename "$1"); allowed is $2"
        fi
    done < <(nm "$3" --defined-only --format=posix "$1")
}

verdict "$(check "$shared" 'tr_' -D; check "$static" 'tri?_' -g)"
