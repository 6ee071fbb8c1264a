// mutex.h: who holds a mutex, for those who follow the chain of waits.
#ifndef TRI_SYNC_MUTEX_H
#define TRI_SYNC_MUTEX_H

#include "troupe/mutex.h"

// The actor that holds it now, also one that it was handed to and that does not know yet; none:
// nobody, or a thread outside. On any thread; an answer of this moment.
tr_ref_t tri_mutex_owner(tr_mutex *m);

#endif
