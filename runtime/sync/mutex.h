// mutex.h: who holds a mutex, for those who follow the chain of waits.
#ifndef TRI_SYNC_MUTEX_H
#define TRI_SYNC_MUTEX_H

#include "troupe/mutex.h"

// The actor that holds it now; none: nobody, or a thread outside. Any thread. An answer of this
// moment, but for a mutex that the caller waits for, whose owner cannot be the caller.
tr_ref_t tri_mutex_owner(tr_mutex *m);

#endif
