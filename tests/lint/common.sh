# shellcheck shell=bash
# common.sh: what the lints share. Each is called as `LINT.sh [ROOT]`, prints `file:line: what is
# wrong` with paths from ROOT, and exits 0 (clean), 1 (something is wrong) or 77 (cannot look).
set -euo pipefail

lint_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${1:-$lint_dir/../..}"

# The files of these folders whose names match; a folder that is not there has none.
# The list is of folders rather than of everything, so that build directories stay out.
sources() { # sources PATTERN FOLDER...
    local pattern=$1 folder
    shift
    for folder in "$@"; do
        if [[ -d $folder ]]; then
            find "$folder" -type f -name "$pattern"
        fi
    done | LC_ALL=C sort
}

# awk over files that may be none: without names it would read the terminal.
scan() { # scan PROGRAM... -- FILE...
    local programs=()
    while [[ $1 != -- ]]; do
        programs+=(-f "$lint_dir/$1")
        shift
    done
    shift
    awk "${programs[@]}" "$@" </dev/null
}

# Print the findings and end with the verdict.
verdict() { # verdict FINDINGS
    if [[ -n $1 ]]; then
        printf '%s\n' "$1"
        exit 1
    fi
    exit 0
}
