// uverr.h: the border where the numbers of libuv and the system become ours.
#ifndef TRI_IO_UVERR_H
#define TRI_IO_UVERR_H

#include "troupe/error.h"

// From a negative libuv status.
tr_err_t tri_err_from_uv(int status);

// From an errno.
tr_err_t tri_err_from_errno(int number);

#endif
