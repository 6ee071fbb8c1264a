#!/usr/bin/env bash
# quotes.sh ROOT: what README and the docs quote between `<!-- quote FILE -->` and `<!-- /quote -->` is
# that file, to the letter.
set -euo pipefail
cd "$1"
found=0
for page in README.md $(find docs examples -name '*.md'); do
    while read -r file; do
        found=1
        quoted=$(awk -v file="$file" '
            $0 == "<!-- quote " file " -->" {on = 1; next}
            $0 == "<!-- /quote -->" {on = 0}
            on && !/^```/' "$page")
        if ! diff <(printf '%s\n' "$quoted") "$file" >/dev/null; then
            echo "$page: what it quotes of $file is not what stands there" >&2
            diff <(printf '%s\n' "$quoted") "$file" >&2 || true
            exit 1
        fi
    done < <(sed -n 's/^<!-- quote \(.*\) -->$/\1/p' "$page")
done
if [[ $found == 0 ]]; then
    echo "no page quotes anything: has the marker changed?" >&2
    exit 1
fi
