# layering.awk: who may include whom. Reads every C file and header; STYLE in one place:
#   runtime/   base < msg < trace < sched < actor < sync < io < inspect, each what stands before it
#   include/   the C library and itself
#   actors/, examples/   include/, the C and POSIX library, their own folder; actors/config ini.h
#   tools/     nothing of runtime/          tests/api/   nothing of runtime/

function words(text, set,    n, i, list)
{
    n = split(text, list, " ")
    for (i = 1; i <= n; i++) {
        set[list[i]] = i
    }
}

BEGIN {
    words("base msg trace sched actor sync io inspect", layer)
    words("sched io inspect", may_uv)
    words("msg inspect", may_msgpack)
    c_names = "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp " \
        "signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string " \
        "tgmath threads time uchar wchar wctype"
    words(c_names, c_library)
    # getopt.h is no part of POSIX, but of every system that has POSIX.
    words(c_names " aio arpa/inet dirent dlfcn fcntl fnmatch ftw getopt glob grp iconv langinfo " \
        "libgen mqueue net/if netdb netinet/in netinet/tcp nl_types poll pthread pwd regex sched " \
        "search semaphore spawn strings sys/ipc sys/mman sys/msg sys/resource sys/select sys/sem " \
        "sys/shm sys/socket sys/stat sys/statvfs sys/time sys/times sys/types sys/uio sys/un " \
        "sys/utsname sys/wait syslog termios ulimit unistd utime utmpx wordexp", posix)
    for (i = 1; i < ARGC; i++) {
        exists[ARGV[i]] = 1
    }
}

FNR == 1 {
    count = split(FILENAME, path, "/")
    top = path[1]
    own = substr(FILENAME, 1, length(FILENAME) - length(path[count]) - 1)
}

{
    text = code($0)
}

text !~ /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    next
}

{
    match($0, /[<"][^>"]*/)
    quoted = substr($0, RSTART, 1) == "\""
    name = substr($0, RSTART + 1, RLENGTH - 1)
    first = name
    sub(/\/.*/, "", first)
    stem = name
    sub(/\.h$/, "", stem)
    check()
}

function check()
{
    if (name ~ /(^|\/)\.\.\//) {
        wrong(FNR, "\"" name "\" climbs out of its folder")
    } else if (top == "include") {
        check_public()
    } else if (top == "runtime") {
        check_runtime()
    } else if (top == "actors" || top == "examples") {
        check_client(top "/")
    } else if (top == "tools") {
        check_tool()
    } else if (path[2] == "api" && first in layer && ("runtime/" name) in exists) {
        wrong(FNR, "tests/api/ uses include/ alone, not \"" name "\"")
    }
}

function check_public()
{
    if (quoted ? !(("include/" name) in exists) : !(stem in c_library)) {
        wrong(FNR, "a public header includes the C library and troupe/ only, not " name)
    }
}

function check_runtime(    here)
{
    here = path[2]
    if (first == "actors") {
        wrong(FNR, "runtime/ never includes actors/")
    } else if (name == "ini.h") {
        wrong(FNR, "ini.h stays in actors/config")
    } else if (name == "uv.h" || first == "uv") {
        if (!(here in may_uv)) {
            wrong(FNR, "uv.h stays in runtime/sched, runtime/io and runtime/inspect")
        }
    } else if (name == "msgpack.h" || first == "msgpack") {
        if (!(here in may_msgpack)) {
            wrong(FNR, "msgpack.h stays in runtime/msg and runtime/inspect")
        }
    } else if (first != name && first in layer) {
        if (layer[first] > layer[here]) {
            wrong(FNR, "runtime/" here " may not include " name ": " first " comes after " here)
        }
    } else if (quoted && !((own "/" name) in exists) && !(("include/" name) in exists)) {
        wrong(FNR, "\"" name "\" is not in include/ nor in this folder")
    }
}

function check_client(who)
{
    if (name == "ini.h" && top == "actors") {
        if (own != "actors/config") {
            wrong(FNR, "ini.h stays in actors/config")
        }
        return
    }
    if (("include/" name) in exists) {
        return # in quotes or, as a program outside would write it, in angle brackets
    }
    if (quoted && first == "actors" && top == "actors" && name in exists) {
        return # what stock actors share, from a folder below
    }
    if (quoted ? !((own "/" name) in exists) : !(stem in posix)) {
        wrong(FNR, who " includes troupe/, the C and POSIX library and its own folder only, not " name)
    }
}

function check_tool()
{
    if (quoted && !((own "/" name) in exists) && !(("include/" name) in exists) &&
        !(("tools/" name) in exists)) {
        wrong(FNR, "tools/ includes troupe/ and its own folder only, not " name)
    } else if (!quoted && ("runtime/" name) in exists) {
        wrong(FNR, "tools/ includes nothing of runtime/, not even <" name ">")
    }
}
