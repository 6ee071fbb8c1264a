#include "io/address.h"

#include <netinet/in.h>
#include <uv.h>

tr_err_t
tri_address_parse(const char *host, uint16_t port, struct sockaddr_storage *out,
                  socklen_t *out_size)
{
    if (host == NULL) {
        return TR_EADDR;
    }
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0) {
        *out_size = sizeof(struct sockaddr_in);
        return TR_OK;
    }
    if (uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0) {
        *out_size = sizeof(struct sockaddr_in6);
        return TR_OK;
    }
    return TR_EADDR;
}
