#include "io/uverr.h"

#include <uv.h>

tr_err_t
tri_err_from_uv(int status)
{
    switch (status) {
    case 0:
        return TR_OK;
    case UV_EOF:
        return TR_EEOF;
    case UV_ECONNRESET:
    case UV_EPIPE:
    case UV_ECONNABORTED:
    case UV_ENOTCONN:
        return TR_ERESET;
    case UV_ECONNREFUSED:
        return TR_EREFUSED;
    case UV_ETIMEDOUT:
        return TR_ETIMEOUT;
    case UV_EADDRINUSE:
        return TR_EADDRINUSE;
    case UV_EADDRNOTAVAIL:
    case UV_EAFNOSUPPORT:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
        return TR_EADDR;
    case UV_EACCES:
    case UV_EPERM:
        return TR_EACCESS;
    case UV_ENOMEM:
    case UV_ENOBUFS:
        return TR_ENOMEM;
    case UV_EMFILE:
    case UV_ENFILE:
        return TR_ELIMIT;
    case UV_ECANCELED:
        return TR_ECANCELED;
    case UV_EINVAL:
    case UV_EBADF:
    case UV_ENOTSOCK:
        return TR_EINVAL;
    default:
        return TR_EIO;
    }
}

tr_err_t
tri_err_from_errno(int number)
{
    return tri_err_from_uv(uv_translate_sys_error(number));
}
