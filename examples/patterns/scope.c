// scope.c: three steps, 500 ms for all of them together, and time to clean up afterwards.
//
//     build/examples/patterns/scope
//
// A scope has one deadline for all the waits in it, however many there are, so that nobody has to
// reckon what is left for each. What must be done however it went is done in a shielded scope: its
// waits are not ended by the deadline around it, by a caller that gives up, or by a stop. It has a
// time of its own, five seconds here.
//
// Prints:
//     bake: TR_OK
//     fill: TR_OK
//     decorate: TR_ETIMEOUT
//     tidy up: TR_ETIMEOUT
//     tidy up behind a shield: TR_OK
//     the cake: TR_ETIMEOUT
#include <stdio.h>
#include <troupe/troupe.h>

TR_MESSAGE_EMPTY(make_cake);

static tr_err_t
step(tr_self *self, const char *what, int64_t takes_ms)
{
    tr_err_t err = tr_sleep(self, tr_ms(takes_ms)); // a call, a file, a lock: any wait
    printf("%s: %s\n", what, tr_errname(err));
    return err;
}

static tr_err_t
bake(tr_self *self)
{
    tr_err_t err = step(self, "bake", 10);
    if (err == TR_OK) {
        err = step(self, "fill", 10);
    }
    return err != TR_OK ? err : step(self, "decorate", 60000);
}

static tr_err_t
tidy_up(tr_self *self)
{
    tr_scope *shield;
    (void)step(self, "tidy up", 10); // there is no time left: it ends as it begins
    tr_err_t err = tr_scope_begin_shielded(self, tr_seconds(5), &shield);
    if (err == TR_OK) {
        err = tr_scope_end(self, shield, step(self, "tidy up behind a shield", 10));
    }
    return err;
}

static tr_err_t
baker_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    tr_scope *scope;
    if (tr_as(make_cake, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_scope_begin(self, tr_ms(500), &scope);
    if (err != TR_OK) {
        return err;
    }
    tr_err_t baked = bake(self);
    err = tidy_up(self);
    baked = tr_scope_end(self, scope, baked); // TR_ETIMEOUT: by the scope, not by a step
    printf("the cake: %s\n", tr_errname(baked));
    return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t baker = {.name = "baker", .receive = baker_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &baker}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(make_cake), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
