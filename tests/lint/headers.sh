#!/usr/bin/env bash
# Lint: every public header compiles alone, twice in one file, as C17 and as C++17, with warnings as
# errors. CC and CXX choose compilers; without CC, each of gcc and clang that is there is asked.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

present() { # the first of these commands that is there, or nothing
    local name
    for name in "$@"; do
        if [[ -n $name ]] && command -v "$name" >/dev/null; then
            echo "$name"
            return
        fi
    done
}

check() { # check COMPILER LANGUAGE STANDARD HEADER
    local include="#include \"${4#include/}\""
    # The declaration at the end: a header of macros alone would leave the file empty.
    printf '%s\n%s\nextern int not_empty;\n' "$include" "$include" |
        "$1" -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only \
            -Iinclude - 2>&1 || echo "$4:1: does not compile alone as $3 with $1"
}

c_compilers=()
for name in ${CC:-gcc clang}; do
    if [[ -n $(present "$name") ]]; then
        c_compilers+=("$name")
    fi
done
cxx=$(present "${CXX:-}" c++ g++ clang++)

findings=$(
    while read -r header; do
        for cc in "${c_compilers[@]}"; do
            check "$cc" c c17 "$header"
        done
        if [[ -n $cxx ]]; then
            check "$cxx" c++ c++17 "$header"
        fi
    done < <(sources '*.h' include)
)
if [[ -z $findings && (${#c_compilers[@]} -eq 0 || -z $cxx) ]]; then
    echo "skipped: no C or no C++ compiler"
    exit 77
fi
verdict "$findings"
