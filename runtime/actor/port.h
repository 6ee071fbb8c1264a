// port.h: the address of a thread outside the runtime while it talks to actors. A port is a slot of
// the address table, so answers and grants reach it as they reach actors; being woken means a
// signal to the thread that holds it.
#ifndef TRI_ACTOR_PORT_H
#define TRI_ACTOR_PORT_H

#include "actor/actor.h"

#include <pthread.h>

typedef struct tri_port tri_port;

// A port for the calling thread alone; NULL: no memory. Ports are kept and used again.
tri_port *tri_port_take(tr_runtime *rt);
void tri_port_give(tr_runtime *rt, tri_port *port);

tr_ref_t tri_port_ref(const tri_port *port);
tri_actor *tri_port_slot(const tri_port *port);

// A number for a request that is sent from this port.
uint32_t tri_port_request(tri_port *port);

// Block until the answer to a request is there. TR_OK: *out is yours. TR_ETIMEOUT.
tr_err_t tri_port_await(tr_runtime *rt, tri_port *port, uint32_t request, int64_t deadline_ns,
                        tr_message **out);

// Block until `is_ready`, which is asked again after every nudge of the slot. TR_OK; TR_ETIMEOUT.
tr_err_t tri_port_await_ready(tr_runtime *rt, tri_port *port, bool (*is_ready)(void *arg),
                              void *arg, int64_t deadline_ns);

// Its inbox has woken: from tri_actor_post.
void tri_port_signal(tri_actor *slot);

// Free all ports and what has come too late to them. No thread holds one, no worker runs.
void tri_ports_destroy(tr_runtime *rt);

#endif
