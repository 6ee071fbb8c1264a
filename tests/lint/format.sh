#!/usr/bin/env bash
# Lint: .clang-format decides. Another version of clang-format formats differently, so only the one
# that .clang-format is written for is asked; CLANG_FORMAT names another binary of it.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

version=14
for tool in ${CLANG_FORMAT:-clang-format-$version clang-format}; do
    if command -v "$tool" >/dev/null && "$tool" --version | grep -q "version $version\."; then
        mapfile -t files < <(sources '*.[ch]' include runtime actors tools tests examples bench)
        verdict "$("$tool" --dry-run -Werror "${files[@]}" 2>&1 || true)"
    fi
done
echo "skipped: there is no clang-format $version"
exit 77
