#!/usr/bin/env bash
# Lint: every public header compiles alone, twice in one file, as C17 and as C++17, with warnings as
# errors; so do a program with every kind of field (kinds.c), and a use of the macros that are made
# differently in the two. CC and CXX choose compilers; without CC, each of gcc and clang that is
# there is asked.
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

# A program that uses TR_TYPES with one type to eight.
types_in_use() {
    local all=(t1 t2 t3 t4 t5 t6 t7 t8) name count
    echo '#include "troupe/mailbox.h"'
    for name in "${all[@]}"; do
        echo "TR_MESSAGE_EMPTY($name);"
    done
    echo 'tr_err_t use(tr_self *self, const tr_message **out);'
    echo 'tr_err_t use(tr_self *self, const tr_message **out) {'
    echo '    tr_err_t err = tr_receive(self, TR_ANY_TYPE, out, tr_ms(1));'
    for count in "${!all[@]}"; do
        name=$(printf '%s, ' "${all[@]:0:count+1}")
        echo '    if (err == TR_OK) {'
        echo "        err = tr_receive(self, TR_TYPES(${name%, }), out, tr_ms(1));"
        echo '    }'
    done
    echo '    return err;'
    echo '}'
}

check_use() { # check_use COMPILER LANGUAGE STANDARD
    types_in_use | compile "$1" "$2" "$3" ||
        echo "include/troupe/mailbox.h:1: TR_TYPES is no $3 with $1"
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
    if [[ -e include/troupe/mailbox.h ]]; then
        for cc in "${c_compilers[@]}"; do
            check_use "$cc" c c17
        done
        if [[ -n $cxx ]]; then
            check_use "$cxx" c++ c++17
        fi
    fi
)
if [[ -z $findings && (${#c_compilers[@]} -eq 0 || -z $cxx) ]]; then
    echo "skipped: no C or no C++ compiler"
    exit 77
fi
verdict "$findings"
