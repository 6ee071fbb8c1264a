// pthread.h: the C library's, with what blocks or starts threads made a choice of the checker's.
#ifndef MODEL_SHIM_PTHREAD_H
#define MODEL_SHIM_PTHREAD_H

#pragma GCC system_header

#include_next <pthread.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

void model_mutex_lock(void *mutex, const char *site);
void model_mutex_unlock(void *mutex);
int model_cond_wait(void *cond, void *mutex, bool may_time_out, const char *site);
void model_cond_signal(void *cond, const char *site);
int model_pthread_create(pthread_t *thread, void *(*body)(void *), void *arg);
void model_pthread_join(pthread_t thread, const char *site);

#define pthread_mutex_init(mutex, attr)        ((void)(mutex), (void)(attr), 0)
#define pthread_mutex_destroy(mutex)           ((void)(mutex), 0)
#define pthread_mutex_lock(mutex)              model_mutex_lock((mutex), __func__)
#define pthread_mutex_unlock(mutex)            model_mutex_unlock((mutex))
#define pthread_condattr_init(attr)            ((void)(attr), 0)
#define pthread_condattr_setclock(attr, clock) ((void)(attr), 0)
#define pthread_condattr_destroy(attr)         ((void)(attr), 0)
#define pthread_cond_init(cond, attr)          ((void)(cond), (void)(attr), 0)
#define pthread_cond_destroy(cond)             ((void)(cond), 0)
#define pthread_cond_signal(cond)              model_cond_signal((cond), __func__)
#define pthread_cond_wait(cond, mutex)         model_cond_wait((cond), (mutex), false, __func__)
#define pthread_cond_timedwait(cond, mutex, at)                                                    \
    ((void)(at), model_cond_wait((cond), (mutex), true, __func__))
#define pthread_create(thread, attr, body, arg) model_pthread_create((thread), (body), (arg))
#define pthread_join(thread, out)               model_pthread_join((thread), __func__)
#define pthread_sigmask(how, set, old)          ((void)(how), (void)(set), 0)

#endif
