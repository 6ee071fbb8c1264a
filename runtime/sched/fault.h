// fault.h: a stack that ran over its end says whose it was. The guard below it turns the overflow
// into SIGSEGV; the handler runs on a stack of its own, names the actor, and lets the fault take
// its course.
#ifndef TRI_SCHED_FAULT_H
#define TRI_SCHED_FAULT_H

#include <stddef.h>

#define TRI_FAULT_STACK_BYTES ((size_t)64 * 1024)

struct tri_worker;

// The calling thread runs `worker` from now on: give it the worker's signal stack, and the process
// the handler.
void tri_fault_enter(struct tri_worker *worker);

// The calling thread is done with it.
void tri_fault_leave(void);

#endif
