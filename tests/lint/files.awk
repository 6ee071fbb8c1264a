# files.awk: what a source file may not hold.
FNR == 1 {
    is_border = FILENAME == "runtime/base/compat.h" || FILENAME == "include/troupe/export.h"
    is_library = FILENAME ~ /^(runtime|actors|include)\//
}

{
    line = code($0)
}

line ~ /^[ \t]*#[ \t]*(define|undef)[ \t]+_(GNU|POSIX_C|POSIX|XOPEN|DEFAULT|BSD|SVID|ISOC11|ISOC99)_SOURCE/ {
    wrong(FNR, "feature macros are set in meson.build, once for all files")
}

!is_border && is_library && match(line, /__attribute__|__builtin_[a-z_]+|__GNUC__|__clang__/) {
    wrong(FNR, substr(line, RSTART, RLENGTH) " belongs into runtime/base/compat.h, behind a TRI_ name")
}

# A program beside the library has no compat.h to hide a builtin in, but attributes are offered to it.
!is_border && !is_library && line ~ /__attribute__/ {
    wrong(FNR, "__attribute__ in a program: use what troupe/export.h offers, such as TR_PRINTF")
}
