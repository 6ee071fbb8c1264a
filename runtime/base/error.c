#include "troupe/error.h"

const char *
tr_errname(tr_err_t err)
{
    switch (err) {
#define X(name, value, text)                                                                       \
    case TR_##name:                                                                                \
        return "TR_" #name;
        TR_ERR_MAP(X)
#undef X
    }
    return "TR_E?";
}

const char *
tr_strerror(tr_err_t err)
{
    switch (err) {
#define X(name, value, text)                                                                       \
    case TR_##name:                                                                                \
        return text;
        TR_ERR_MAP(X)
#undef X
    }
    return "an error that is not in the list";
}
