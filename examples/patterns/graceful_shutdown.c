// graceful_shutdown.c: the house closes while an order is being packed.
//
//     build/examples/patterns/graceful_shutdown
//
// tr_runtime_stop tells every actor to end: children before parents, the youngest first. So
// whoever was spawned later may count on those that were there before. What the packer waits for
// returns TR_ECANCELED; it puts the order back on the shelf, which is still there, behind a shield,
// because nothing else may wait now. Then the stop handlers run, each once. Who does not come to an
// end in its shutdown_ms is killed, and the end comes all the same.
//
// Prints:
//     the packer packs
//     the packer: TR_ECANCELED
//     the shelf has 1 order
//     the packer goes home
//     the shelf is locked with 1 order in it
//     all is at rest: TR_OK
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

TR_MESSAGE_EMPTY(put_back);
TR_MESSAGE_EMPTY(pack);

// ---- the shelf, the older of the two

static tr_err_t
shelf_receive(tr_self *self, void *state, const tr_message *msg)
{
    uint32_t *orders = state;
    if (tr_as(put_back, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    printf("the shelf has %" PRIu32 " order\n", ++*orders);
    return tr_reply(self, TR_MSG(tr_done));
}

static void
shelf_stop(tr_self *self, void *state, tr_err_t reason)
{
    (void)self;
    (void)reason;
    printf("the shelf is locked with %" PRIu32 " order in it\n", *(uint32_t *)state);
}

static const tr_behavior_t shelf = {
    .name = "shelf",
    .state_size = sizeof(uint32_t),
    .receive = shelf_receive,
    .stop = shelf_stop,
};

// ---- the packer, the younger

static tr_err_t
packer_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    *(tr_ref_t *)state = *(const tr_ref_t *)arg;
    return TR_OK;
}

static tr_err_t
put_order_back(tr_self *self, tr_ref_t to)
{
    tr_scope *shield;
    tr_err_t err = tr_scope_begin_shielded(self, tr_seconds(2), &shield);
    if (err == TR_OK) {
        err = tr_call(self, to, TR_MSG(put_back), TR_REPLY_NONE, TR_FOREVER);
        err = tr_scope_end(self, shield, err);
    }
    return err;
}

static tr_err_t
packer_receive(tr_self *self, void *state, const tr_message *msg)
{
    const tr_ref_t *to = state;
    if (tr_as(pack, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    puts("the packer packs");
    tr_err_t err = tr_reply(self, TR_MSG(tr_done)); // the order is taken; the work begins
    if (err == TR_OK) {
        err = tr_sleep(self, tr_seconds(60));
        printf("the packer: %s\n", tr_errname(err));
    }
    return err == TR_ECANCELED ? put_order_back(self, *to) : err;
}

static void
packer_stop(tr_self *self, void *state, tr_err_t reason)
{
    (void)self;
    (void)state;
    (void)reason;
    puts("the packer goes home");
}

static const tr_behavior_t packer = {
    .name = "packer",
    .state_size = sizeof(tr_ref_t),
    .start = packer_start,
    .receive = packer_receive,
    .stop = packer_stop,
};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t older, younger;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &shelf}, &older);
    }
    if (err == TR_OK) {
        tr_spawn_opts_t opts = {.behavior = &packer, .arg = &older, .arg_size = sizeof older};
        err = tr_runtime_spawn(rt, &opts, &younger);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, younger, TR_MSG(pack), TR_REPLY_NONE, tr_seconds(5));
    }
    if (err == TR_OK) {
        tr_runtime_stop(rt); // returns at once; tr_main does this at SIGTERM
        err = tr_runtime_wait(rt, tr_seconds(10));
        printf("all is at rest: %s\n", tr_errname(err));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
