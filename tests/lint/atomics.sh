#!/usr/bin/env bash
# Lint: atomic operations. The rules are in atomics.awk.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

mapfile -t files < <(sources '*.[ch]' runtime actors include)
verdict "$(scan code.awk atomics.awk -- "${files[@]}" | LC_ALL=C sort)"
