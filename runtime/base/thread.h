// thread.h: threads of the runtime's own, beside those of the workers.
#ifndef TRI_BASE_THREAD_H
#define TRI_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

// Start a thread that takes no signal but those that are its own fault: the rest are for the
// threads that the program made. SIGPIPE among them: a write to a closed socket returns an error
// instead. `name` has at most 15 characters. False: the system refuses.
bool tri_thread_start(pthread_t *out, const char *name, void *(*run)(void *arg), void *arg);

#endif
