// actor_against_mutex.c: a till that many use, once as an actor and once behind a mutex.
//
//     build/examples/patterns/actor_against_mutex
//
// To put a coin in takes a wait between looking and writing, and nobody may come between. An actor
// is safe without a word: while its handler waits it takes no other message. A tr_mutex may be held
// across a wait, which a lock of the C library must not, and whoever wants it is suspended in turn.
// The actor has a bound, a deadline for each request and a place in the tools, and its own state
// begins anew when it fails. What a mutex guards is reached without a message, and outlives those
// who use it: when one ends with the mutex in hand, the next gets TR_EOWNERDEAD and has to look.
//
// Prints:
//     the actor has 30 coins
//     the mutex guards 30 coins
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define PEOPLE 3
#define COINS  10

#define AMOUNT(F, T) F(T, u32, coins)
TR_MESSAGE(amount, AMOUNT);
TR_MESSAGE_EMPTY(put);
TR_MESSAGE_EMPTY(count);
TR_MESSAGE_EMPTY(compare);

// ---- the till, as an actor

static tr_err_t
till_receive(tr_self *self, void *state, const tr_message *msg)
{
    uint32_t *coins = state;
    if (tr_as(count, msg) != NULL) {
        return tr_reply(self, TR_MSG(amount, .coins = *coins));
    }
    if (tr_as(put, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    uint32_t seen = *coins;
    tr_err_t err = tr_sleep(self, tr_ms(1)); // any wait; the next coin waits in the mailbox
    *coins = seen + 1;
    return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t till = {
    .name = "till",
    .state_size = sizeof(uint32_t),
    .receive = till_receive,
};

// ---- the till, behind a mutex

struct box {
    tr_mutex *lock;
    uint32_t coins; // under `lock`
    tr_ref_t till;  // the other one
};

static tr_err_t
put_one(tr_self *self, struct box *b)
{
    tr_err_t err = tr_mutex_lock(self, b->lock, tr_seconds(5));
    if (err == TR_OK || err == TR_EOWNERDEAD) { // mine too, and a number is never half written
        uint32_t seen = b->coins;
        err = tr_sleep(self, tr_ms(1)); // the next who comes waits for the mutex
        b->coins = seen + 1;
        tr_mutex_unlock(self, b->lock);
    }
    return err;
}

// ---- people: each is a task

static tr_err_t
put_many(tr_self *self, void *arg)
{
    struct box *b = *(struct box **)arg;
    tr_err_t err = TR_OK;
    for (int i = 0; i < COINS && err == TR_OK; i++) {
        err = tr_call(self, b->till, TR_MSG(put), TR_REPLY_NONE, tr_seconds(5));
        err = err == TR_OK ? put_one(self, b) : err;
    }
    return err;
}

// ---- the shop, which has the box

static tr_err_t
let_all_put(tr_self *self, struct box *b)
{
    tr_future *people[PEOPLE];
    for (int i = 0; i < PEOPLE; i++) {
        people[i] = tr_task(self, put_many, &b, sizeof b, TR_FOREVER); // no child outlives me
    }
    tr_err_t err = tr_try_join(self, people, PEOPLE);
    for (int i = 0; i < PEOPLE && err == TR_OK; i++) {
        err = tr_future_await(self, people[i], TR_REPLY_NONE);
    }
    return err;
}

static tr_err_t
shop_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    *(struct box *)state = *(const struct box *)arg;
    return TR_OK;
}

static tr_err_t
shop_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct box *b = state;
    const amount *a;
    if (tr_as(compare, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = let_all_put(self, b);
    if (err == TR_OK) {
        err = tr_call(self, b->till, TR_MSG(count), TR_REPLY(amount, &a), tr_seconds(5));
    }
    if (err != TR_OK) {
        return err;
    }
    printf("the actor has %" PRIu32 " coins\n", a->coins);
    printf("the mutex guards %" PRIu32 " coins\n", b->coins);
    return tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t shop = {
    .name = "shop",
    .state_size = sizeof(struct box),
    .start = shop_start,
    .receive = shop_receive,
};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    struct box box = {.coins = 0};
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_mutex_create(rt, &box.lock);
    }
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &till}, &box.till);
    }
    if (err == TR_OK) {
        tr_spawn_opts_t opts = {.behavior = &shop, .arg = &box, .arg_size = sizeof box};
        err = tr_runtime_spawn(rt, &opts, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(compare), TR_REPLY_NONE, tr_seconds(10));
    }
    if (err == TR_OK) {
        tr_runtime_stop(rt);
        err = tr_runtime_wait(rt, tr_seconds(10));
    }
    if (err == TR_OK) {
        tr_mutex_destroy(box.lock); // after all who use it
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
