#!/usr/bin/env bash
# Lint: every public header compiles alone, twice in one file, as C17 and as C++17, with warnings as
# errors; and so does a program with every kind of field (kinds.c).
# CC and CXX choose compilers; without CC, each of gcc and clang that is there is asked.
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

compile() { # compile COMPILER LANGUAGE STANDARD [OPTION...]: standard input
    "$1" -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only -Iinclude \
        "${@:4}" - 2>&1
}

check() { # check COMPILER LANGUAGE STANDARD HEADER
    local include="#include \"${4#include/}\""
    # The declaration at the end: a header of macros alone would leave the file empty.
    printf '%s\n%s\nextern int not_empty;\n' "$include" "$include" | compile "$1" "$2" "$3" ||
        echo "$4:1: does not compile alone as $3 with $1"
}

check_kinds() { # check_kinds COMPILER LANGUAGE STANDARD
    local kind header=include/troupe/message.h
    if [[ ! -f $header ]]; then
        return # the small trees of selftest.sh have no messages
    fi
    compile "$1" "$2" "$3" <"$lint_dir/kinds.c" || echo "$header:1: kinds.c does not compile as $3 with $1"
    for kind in buf 'local(toy)'; do
        if compile "$1" "$2" "$3" "-DLIST(F,T)=F(T,list($kind),items)" <"$lint_dir/kinds.c" >/dev/null; then
            echo "$header:1: a list of $kind compiles as $3 with $1"
        fi
    done
    compile "$1" "$2" "$3" '-DLIST(F,T)=F(T,list(u8),items)' <"$lint_dir/kinds.c" ||
        echo "$header:1: a list of u8 does not compile as $3 with $1"
}

c_compilers=()
for name in ${CC:-gcc clang}; do
    if [[ -n $(present "$name") ]]; then
        c_compilers+=("$name")
    fi
done
cxx=$(present "${CXX:-}" c++ g++ clang++)

findings=$(
    for cc in "${c_compilers[@]}"; do
        check_kinds "$cc" c c17
    done
    if [[ -n $cxx ]]; then
        check_kinds "$cxx" c++ c++17
    fi
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
