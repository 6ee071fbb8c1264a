#!/usr/bin/env bash
# Lint: no file over 700 lines, no feature macros, compiler specials only at the border.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

folders=(include runtime actors tools tests examples bench)
mapfile -t c_files < <(sources '*.[ch]' "${folders[@]}")
mapfile -t all < <(
    for pattern in '*.[chS]' '*.sh' '*.awk' '*.py' meson.build; do
        sources "$pattern" "${folders[@]}"
    done
    sources '[!.]*' tools | grep -v '\.'
)

check() {
    scan code.awk files.awk -- "${c_files[@]}"
    awk 'FNR == 701 { print FILENAME ":701: the file is over 700 lines: it is two files" }' "${all[@]}"
}
verdict "$(check)"
