#!/usr/bin/env bash
# Lint: who may include whom. The rules are in layering.awk.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

mapfile -t files < <(sources '*.[ch]' include runtime actors tools examples tests)
verdict "$(scan code.awk layering.awk -- "${files[@]}")"
