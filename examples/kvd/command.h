// command.h: the commands kvd knows: what each needs from the shards, or says without them.
#ifndef KVD_COMMAND_H
#define KVD_COMMAND_H

#include "plan.h"
#include "resp.h"

// Add a request to the plan. What is wrong with it becomes its reply, worded as Redis words it.
// The plan borrows the request's bytes until plan_reset.
void command_plan(plan *p, const resp_request_t *request);

#endif
