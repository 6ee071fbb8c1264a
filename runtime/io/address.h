// address.h: numeric addresses.
#ifndef TRI_IO_ADDRESS_H
#define TRI_IO_ADDRESS_H

#include "troupe/error.h"

#include <stdint.h>
#include <sys/socket.h>

// Read "127.0.0.1" or "::1". TR_EADDR when it is neither.
tr_err_t tri_address_parse(const char *host, uint16_t port, struct sockaddr_storage *out,
                           socklen_t *out_size);

#endif
