#!/usr/bin/env bash
# Lint: every function that include/ exports is documented. The rule is in docs.awk.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

mapfile -t files < <(sources '*.h' include)
verdict "$(scan docs.awk -- "${files[@]}")"
