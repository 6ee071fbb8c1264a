// timeout.c: whoever asks says how long it may take, and all who help know it.
//
//     build/examples/patterns/timeout
//
// Every call has a timeout. The deadline goes along with the request, and what its handler waits
// for ends by then too, whatever timeout it asks for itself: the waiter would give the kitchen an
// hour, but the guest leaves in half a second, and nobody cooks on for a guest who has gone. An
// error that is no fault of the handler's is answered, with tr_reply_error; to return it would end
// the waiter.
//
// Prints:
//     the waiter has at most 500 ms
//     the kitchen has at most 500 ms
//     a guest with 500 ms: TR_ETIMEOUT
//     the waiter has at most 20000 ms
//     the kitchen has at most 200 ms
//     a guest with 20000 ms, and a kitchen with 200: TR_ETIMEOUT
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define MEAL(F, T) F(T, ref, kitchen) F(T, i64, patience_ms)
TR_MESSAGE(meal, MEAL);
TR_MESSAGE_EMPTY(cook);

// The first of these that it does not exceed: how much of it is gone depends on the machine.
static void
say_what_is_left(tr_self *self, const char *who)
{
    static const int64_t bounds_ms[] = {200, 500, 20000};
    for (int i = 0; i < 3; i++) {
        if (tr_deadline_left(self).ns <= tr_ms(bounds_ms[i]).ns) {
            printf("the %s has at most %" PRId64 " ms\n", who, bounds_ms[i]);
            return;
        }
    }
}

static tr_err_t
kitchen_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    if (tr_as(cook, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    say_what_is_left(self, "kitchen");
    tr_err_t err = tr_sleep(self, tr_seconds(3600)); // ends by the deadline
    return err == TR_OK ? tr_reply(self, TR_MSG(tr_done)) : tr_reply_error(self, err);
}

static tr_err_t
waiter_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const meal *m = tr_as(meal, msg);
    if (m == NULL) {
        return TR_EUNHANDLED;
    }
    say_what_is_left(self, "waiter");
    tr_err_t err = tr_call(self, m->kitchen, TR_MSG(cook), TR_REPLY_NONE, tr_ms(m->patience_ms));
    return err == TR_OK ? tr_reply(self, TR_MSG(tr_done)) : tr_reply_error(self, err);
}

static const tr_behavior_t waiter = {.name = "waiter", .receive = waiter_receive};
static const tr_behavior_t kitchen = {.name = "kitchen", .receive = kitchen_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t who, where;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &kitchen}, &where);
    }
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &waiter}, &who);
    }
    if (err == TR_OK) {
        tr_err_t late =
            tr_runtime_call(rt, who, TR_MSG(meal, .kitchen = where, .patience_ms = 3600 * 1000),
                            TR_REPLY_NONE, tr_ms(500));
        printf("a guest with 500 ms: %s\n", tr_errname(late));
        late = tr_runtime_call(rt, who, TR_MSG(meal, .kitchen = where, .patience_ms = 200),
                               TR_REPLY_NONE, tr_ms(20000));
        printf("a guest with 20000 ms, and a kitchen with 200: %s\n", tr_errname(late));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
