#include "actor/blame.h"

#include "actor/runtime.h"
#include "sched/held.h"

#include <execinfo.h>
#include <stdlib.h>

// A line for each caller; every line says whose it is, since other workers write to the log too.
// A static function has no name at run time: addr2line finds it by the object and the offset.
static void
log_callers(tri_actor *self, const char *what, const tri_callers *callers)
{
    char **names = backtrace_symbols(callers->of, (int)callers->count);
    for (uint32_t i = 0; i < callers->count && names != NULL; i++) {
        tri_log(self->rt, TR_LOG_ERROR, "%s (%u): %s %s", tri_actor_name(self), self->slot,
                i == 0 ? what : "  called from", names[i]);
    }
    free(names); // malloc's, and not of tri_alloc
}

static void
report(tri_actor *self, const char *what, const tri_held_lock *held, const tri_callers *wait)
{
    const tr_message *msg = self->in_hand;
    tri_log(self->rt, TR_LOG_ERROR, "%s (%u) holds a %s across a wait (%s), in %s%s%s",
            tri_actor_name(self), self->slot, held->kind, what,
            tri_handler_name(tri_actor_handler(self)), msg != NULL ? " of message " : "",
            msg != NULL ? msg->parcel.type->name : "");
    log_callers(self, "the lock was taken at", &held->taken);
    log_callers(self, "the wait began at", wait);
}

void
tri_blame(tri_actor *self, const char *what)
{
    tri_worker *worker = tri_actor_worker(self);
    tri_held_lock held;
    tri_callers wait;
    // One at a time: whoever writes the log may lock and unlock meanwhile.
    while (tri_held_pop(worker, &held)) {
        tri_held_walk(worker, TRI_FRAME(), &wait);
        if (tri_held_is_news(&held.taken, &wait)) {
            report(self, what, &held, &wait);
        }
    }
}
