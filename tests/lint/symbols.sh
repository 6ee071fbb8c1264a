#!/usr/bin/env bash
# Lint: what the libraries show. symbols.sh ROOT SHARED STATIC [checked]
# The shared library exports tr_ names only; in the static one, where the linker keeps nothing
# hidden, a name is tr_ or tri_, so that it meets no name of a user's program. A checked build also
# shows the lock functions that it puts in front of the C library's: these, and all of them.
shared=$(realpath "$2")
static=$(realpath "$3")
checked=${4:-}
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

where() { # where SYMBOL LIBRARY: the line that defines it, as house style writes definitions
    local line
    line=$(grep -rnE "^$1\b" --include='*.[chS]' runtime actors 2>/dev/null | head -n 1 | cut -d: -f1,2)
    echo "${line:-$(basename "$2")}"
}

lock_functions() {
    printf 'pthread_mutex_%s\n' lock trylock timedlock clocklock unlock
    printf 'pthread_rwlock_%s\n' rdlock tryrdlock timedrdlock clockrdlock \
        wrlock trywrlock timedwrlock clockwrlock unlock
    printf 'pthread_spin_%s\n' lock trylock unlock
    printf 'mtx_%s\n' lock trylock timedlock unlock
}
in_front=''
if [[ $checked == checked ]]; then
    in_front=$(lock_functions)
fi

check() { # check LIBRARY PATTERN NM_OPTION
    local name type
    while read -r name type _; do
        if [[ -n $type && ! $name =~ ^$2 ]] && ! grep -qx "$name" <<<"$in_front"; then
            echo "$(where "$name" "$1"): $name is visible in $(basename "$1"); allowed is $2"
        fi
    done < <(nm "$3" --defined-only --format=posix "$1")
}

missing() { # missing LIBRARY NM_OPTION: lock functions that it does not put in front
    local name
    for name in $in_front; do
        if ! grep -q "^$name " < <(nm "$2" --defined-only --format=posix "$1"); then
            echo "$(basename "$1"): $name is not visible in $(basename "$1"), which is a checked build"
        fi
    done
}

verdict "$(check "$shared" 'tr_' -D; check "$static" 'tri?_' -g
    missing "$shared" -D; missing "$static" -g)"
