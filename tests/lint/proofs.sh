#!/usr/bin/env bash
# Lint: every test that docs/ names as a proof, `file_test.c: name_of_the_test`, is there.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

check() {
    local doc line proof file name
    while IFS=: read -r doc line proof; do
        file=${proof#\`}
        file=${file%%:*}
        name=${proof##*: }
        name=${name%\`}
        # A long one stands on the line after its suite.
        if ! find tests -name "$file" -exec grep -hE '^(Test\(\w+,| {5})' {} + 2>/dev/null |
            grep -E "[ ,]$name[,)]" >/dev/null; then
            printf '%s:%s: no test %s in %s\n' "$doc" "$line" "$name" "$file"
        fi
    done < <(sources '*.md' docs | xargs -r grep -HnoE '`\w+_test\.c: \w+`' || true)
}
verdict "$(check)"
