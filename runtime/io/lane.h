// lane.h: the lanes of a runtime, for its beginning and its end.
#ifndef TRI_IO_LANE_H
#define TRI_IO_LANE_H

#include "actor/runtime.h"

// The lanes that every runtime has; their threads are started when there is work.
tr_err_t tri_lanes_create(tr_runtime *rt, tri_lanes **out);

// Wait for the threads and free everything. No actor is left, and nothing that one left over. NULL
// is allowed.
void tri_lanes_destroy(tri_lanes *lanes);

#endif
