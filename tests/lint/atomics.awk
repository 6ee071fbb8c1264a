# atomics.awk: every atomic operation names its order; no pairs() tag stands alone.
{
    line = code($0)
    while (match(line, /(^|[^A-Za-z0-9_])atomic_(load|store|exchange|compare_exchange_strong|compare_exchange_weak|fetch_add|fetch_sub|fetch_or|fetch_xor|fetch_and|flag_test_and_set|flag_clear)[ \t]*\(/)) {
        name = substr(line, RSTART, RLENGTH)
        gsub(/[^a-z_]/, "", name)
        wrong(FNR, name "() leaves its memory order unsaid: use " name "_explicit")
        line = substr(line, RSTART + RLENGTH)
    }
    line = $0
    while (match(line, /pairs\([^)]*\)/)) {
        tag = substr(line, RSTART + 6, RLENGTH - 7)
        if (++uses[tag] == 1) {
            first[tag] = FILENAME ":" FNR
        }
        line = substr(line, RSTART + RLENGTH)
    }
}

END {
    for (tag in uses) {
        if (uses[tag] == 1) {
            print first[tag] ": pairs(" tag ") stands alone: its partner carries no such tag"
        }
    }
}
