# docs.awk: what include/ exports has its contract directly above it.
/^[ \t]*\/\*\*/ {
    is_doc = 1
    in_doc = 1
}

# The comment of a file speaks for no function.
in_doc && /@file/ {
    is_doc = 0
}

in_doc && /\*\// {
    in_doc = 0
    doc_end = is_doc ? FNR : 0
}

FNR == 1 && !in_doc {
    doc_end = 0
}

/^(extern[ \t]+)?TR_API([ \t]|$)/ {
    if (doc_end == 0 || doc_end != FNR - 1) {
        match($0, /tr_[a-z0-9_]+[ \t]*[(;]/)
        name = RSTART > 0 ? substr($0, RSTART, RLENGTH - 1) : "this declaration"
        print FILENAME ":" FNR ": " name " has no /** contract */ directly above it"
    }
}
