#!/usr/bin/env bash
# A lint that cannot fail is useless: plant one violation after another in a small clean tree and
# expect each to be found at its line.
set -euo pipefail

lint_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_root=$(cd "${1:-$lint_dir/../..}" && pwd) # its .clang-format is the one that is tested
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
passed=0
failed=0

run() { # run LINT [ARGUMENT...]: its exit status and output
    status=0
    output=$(bash "$lint_dir/$1.sh" "$tree" "${@:2}" 2>&1) || status=$?
}

judge() { # judge NAME WANTED_STATUS WANTED_TEXT
    if [[ $status == "$2" && $output == *"$3"* ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$1: exit $status, expected $2 and the text: $3"
        printf '%s\n' "$output" | sed 's/^/    /'
    fi
}

# Put standard input into a file of the tree, run the lint, expect the finding, restore the file.
plant() { # plant LINT FILE LINE WHAT
    local file=$tree/$2 saved=''
    mkdir -p "$(dirname "$file")"
    if [[ -f $file ]]; then
        saved=$(cat "$file")
    fi
    cat >"$file"
    run "$1"
    judge "$1: $2" 1 "$2:$3: $4"
    rm "$file"
    if [[ -n $saved ]]; then
        printf '%s\n' "$saved" >"$file"
    fi
}

# ---- the clean tree ------------------------------------------------------------------------------

mkdir -p "$tree"/{include/troupe,runtime/{base,msg,trace,sched,actor,io,inspect},actors,tools} \
    "$tree"/{examples/kv,tests/api}
cp "$source_root/.clang-format" "$tree"
cat >"$tree/include/troupe/export.h" <<'EOF'
#ifndef TROUPE_EXPORT_H
#define TROUPE_EXPORT_H

#ifdef __cplusplus
#define TR_BEGIN_DECLS extern "C" {
#define TR_END_DECLS   }
#else
#define TR_BEGIN_DECLS
#define TR_END_DECLS
#endif

#define TR_API        __attribute__((visibility("default")))
#define TR_MUST_CHECK __attribute__((warn_unused_result))

#endif
EOF
cat >"$tree/include/troupe/noun.h" <<'EOF'
/**
 * @file noun.h
 * A noun.
 */
#ifndef TROUPE_NOUN_H
#define TROUPE_NOUN_H

#include "troupe/export.h"

#include <stdint.h>

TR_BEGIN_DECLS

/** A number. */
TR_API uint32_t tr_noun(void);

/**
 * A longer contract.
 * @return a number
 */
TR_API TR_MUST_CHECK uint32_t tr_noun_next(uint32_t a_rather_long_parameter,
                                           uint32_t a_rather_long_second_one);

TR_END_DECLS

#endif
EOF
cat >"$tree/runtime/base/noun.h" <<'EOF'
#ifndef TRI_BASE_NOUN_H
#define TRI_BASE_NOUN_H

#endif
EOF
cat >"$tree/runtime/sched/noun.c" <<'EOF'
#include "base/noun.h"
#include "troupe/noun.h"

#include <stdatomic.h>
#include <uv.h>

// pairs(noun.count) relaxed. A comment may say atomic_load(x), __attribute__ or #include "io/x.h".
static const char *text = "atomic_load(x) __attribute__ // no comment \" still none";

/* atomic_load(&x) in a block
   atomic_store(&x, 1) comment */
static uint32_t
count(_Atomic uint32_t *x)
{
    // pairs(noun.count)
    return atomic_load_explicit(x, memory_order_relaxed) + (uint32_t)text[0];
}
EOF
printf '#include <msgpack.h>\n' >"$tree/runtime/msg/noun.c"
printf '#include "noun.h"\n#include "troupe/noun.h"\n#include <unistd.h>\n' >"$tree/examples/kv/kv.c"
printf '\n' >"$tree/examples/kv/noun.h"
printf '#include "troupe/noun.h"\n#include <msgpack.h>\n' >"$tree/tools/tool.c"
mkdir "$tree/docs"
printf 'Test(noun, is_there)\n{\n}\nTest(noun,\n     has_a_long_name)\n' >"$tree/tests/api/noun_test.c"
printf 'A rule. `noun_test.c: is_there`, `noun_test.c: has_a_long_name`\n' >"$tree/docs/noun.md"

lints="layering atomics files docs proofs headers"
for lint in $lints; do
    run "$lint"
    judge "$lint: the clean tree" 0 ""
done

# ---- violations ----------------------------------------------------------------------------------

plant proofs docs/bad.md 2 'no test is_gone in noun_test.c' <<<$'A rule.\n`noun_test.c: is_gone`'
plant proofs docs/part.md 1 'no test there in noun_test.c' <<<'`noun_test.c: there`'
plant proofs docs/file.md 1 'no test is_there in verb_test.c' <<<'`verb_test.c: is_there`'
plant layering runtime/sched/up.c 2 'runtime/sched may not include actor/x.h' <<'EOF'
#include <stdio.h>
#include "actor/x.h"
EOF
plant layering runtime/io/actors.c 1 'runtime/ never includes actors/' <<<'#include "actors/pool.h"'
plant layering runtime/actor/uv.c 1 'uv.h stays in' <<<'#include <uv.h>'
plant layering runtime/io/pack.c 1 'msgpack.h stays in' <<<'#include <msgpack/pack.h>'
plant layering runtime/io/climb.c 1 '"../base/noun.h" climbs' <<<'#include "../base/noun.h"'
plant layering runtime/io/other.c 1 '"secret.h" is not in include/' <<<'#include "secret.h"'
plant layering include/troupe/bad.h 1 'a public header includes' <<<'#include <unistd.h>'
plant layering include/troupe/bad.h 1 'a public header includes' <<<'#include "base/noun.h"'
plant layering actors/pool.c 1 'actors/ includes troupe/' <<<'#include "base/noun.h"'
plant layering actors/pool.c 1 'actors/ includes troupe/' <<<'  # include <uv.h>'
plant layering examples/kv/x.c 1 'examples/ includes troupe/' <<<'#include "actor/view.h"'
plant layering tools/x.c 1 'tools/ includes troupe/' <<<'#include "base/noun.h"'
plant layering tools/x.c 1 'tools/ includes nothing of runtime/' <<<'#include <base/noun.h>'
plant layering tests/api/x_test.c 1 'tests/api/ uses include/ alone' <<<'#include "base/noun.h"'

plant atomics runtime/actor/a.c 2 'atomic_load() leaves its memory order unsaid' <<'EOF'
int a;
int b = atomic_load(&a) + atomic_load_explicit(&a, memory_order_relaxed);
EOF
plant atomics actors/a.c 1 'atomic_fetch_add() leaves' <<<'int c = atomic_fetch_add (&a, 1);'
plant atomics runtime/actor/a.c 1 'pairs(actor.alone) stands alone' <<<'// pairs(actor.alone) acq_rel'

plant files runtime/io/a.c 1 'feature macros are set' <<<'#define _GNU_SOURCE'
plant files runtime/io/a.c 1 '__attribute__ belongs' <<<'static int x __attribute__((unused));'
plant files runtime/io/a.c 1 '__builtin_clz belongs' <<<'int x = __builtin_clz(1);'
plant files actors/a.c 1 '__GNUC__ belongs' <<<'#ifdef __GNUC__'
plant files tools/a.c 1 '__attribute__ in a program' <<<'static int x __attribute__((unused));'
plant files actors/a.c 701 'the file is over 700 lines' < <(seq 701 | sed 's|^|// |')

plant docs include/troupe/bad.h 2 'tr_bad has no' <<'EOF'

TR_API void tr_bad(void);
EOF
plant docs include/troupe/bad.h 4 'tr_bad has no' <<'EOF'
/**
 * @file bad.h
 */
TR_API void tr_bad(void);
EOF
plant docs include/troupe/bad.h 3 'tr_bad has no' <<'EOF'
/** Documented. */
TR_API void tr_good(void);
TR_API void tr_bad(void);
EOF
plant docs include/troupe/bad.h 3 'tr_bad has no' <<'EOF'
/** Too far above. */

extern TR_API const int tr_bad;
EOF

plant headers include/troupe/bad.h 1 'does not compile alone as c17' <<<'extern uint8_t tr_bad;'
plant headers include/troupe/bad.h 1 'does not compile alone as c17' <<<'typedef struct a { int x; } a;'
plant headers include/troupe/bad.h 1 'does not compile alone as c++17' <<<'extern int new;'
plant headers include/troupe/bad.h 1 'does not compile alone as c17' <<'EOF'
#pragma once
static inline char narrow(int x) { return x; }
EOF

# ---- symbols -------------------------------------------------------------------------------------

library() { # library SOURCE: builds libs.so and libs.a of it
    printf '%s\n' "$1" | ${CC:-cc} -shared -fPIC -x c - -o "$tree/libs.so"
    printf '%s\n' "$1" | ${CC:-cc} -c -fPIC -x c - -o "$tree/libs.o"
    rm -f "$tree/libs.a"
    ar rc "$tree/libs.a" "$tree/libs.o"
}

library 'int tr_good; static int local; int tr_get(void) { return local; }'
run symbols "$tree/libs.so" "$tree/libs.a"
judge 'symbols: clean' 0 ''
library 'int tri_inner;'
run symbols "$tree/libs.so" "$tree/libs.a"
judge 'symbols: tri_ in the shared library' 1 'libs.so: tri_inner is visible in libs.so'
printf 'int\nbad_name(void)\n{\n    return 1;\n}\n' >"$tree/runtime/io/bad.c"
library "$(cat "$tree/runtime/io/bad.c")"
run symbols "$tree/libs.so" "$tree/libs.a"
judge 'symbols: any name in the static library' 1 'runtime/io/bad.c:2: bad_name is visible in libs.a'
rm "$tree/runtime/io/bad.c"
library 'int pthread_spin_lock;'
run symbols "$tree/libs.so" "$tree/libs.a"
judge 'symbols: a lock function' 1 'libs.so: pthread_spin_lock is visible in libs.so'
run symbols "$tree/libs.so" "$tree/libs.a" checked
judge 'symbols: only one lock function' 1 'libs.a: mtx_unlock is not visible in libs.a'
mapfile -t locks < <(. <(sed -n '/^lock_functions/,/^}/p' "$lint_dir/symbols.sh") && lock_functions)
library "$(printf 'int %s;\n' "${locks[@]}")"
run symbols "$tree/libs.so" "$tree/libs.a" checked
judge 'symbols: all lock functions in a checked build' 0 ''
library "$(printf 'int %s;\n' "${locks[@]}" pthread_create)"
run symbols "$tree/libs.so" "$tree/libs.a" checked
judge 'symbols: more than lock functions' 1 'libs.so: pthread_create is visible in libs.so'

# ---- format --------------------------------------------------------------------------------------

rm -r "$tree/runtime" "$tree/examples" "$tree/tools" "$tree/tests" # they were not written to be pretty
run format
if [[ $status == 77 ]]; then
    echo "format: $output"
else
    judge 'format: the clean tree' 0 ''
    printf '// A comment.\nint   x;\n' >"$tree/include/troupe/ugly.h"
    run format
    judge 'format: include/troupe/ugly.h' 1 'include/troupe/ugly.h:2:4: error:'
fi

echo "$passed planted violations and clean trees judged right, $failed wrong"
[[ $failed == 0 ]]
