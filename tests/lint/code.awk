# code.awk: C without what is not code. Used together with a second program: awk -f code.awk -f rule.awk

# The line without its comments and without what stands inside quotes. Call it for every line.
function code(line,    out, at, mark, c)
{
    if (FNR == 1) {
        in_comment = 0
    }
    out = ""
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (at == 0) {
                return out
            }
            in_comment = 0
            line = substr(line, at + 2)
            continue
        }
        if (!match(line, /\/\*|\/\/|"|'/)) {
            return out line
        }
        mark = substr(line, RSTART, 2)
        if (mark == "//") {
            return out substr(line, 1, RSTART - 1)
        }
        if (mark == "/*") {
            out = out substr(line, 1, RSTART - 1) " "
            line = substr(line, RSTART + 2)
            in_comment = 1
            continue
        }
        mark = substr(mark, 1, 1)
        out = out substr(line, 1, RSTART)
        line = substr(line, RSTART + 1)
        while (line != "") {
            c = substr(line, 1, 1)
            line = substr(line, c == "\\" ? 3 : 2)
            if (c == mark) {
                break
            }
        }
        out = out mark
    }
    return out
}

function wrong(line, what)
{
    print FILENAME ":" line ": " what
}
