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

static tr_mutex *lock;
static uint32_t guarded; // under `lock`

static tr_err_t
put_one(tr_self *self)
{
    tr_err_t err = tr_mutex_lock(self, lock, tr_seconds(5));
    if (err == TR_OK || err == TR_EOWNERDEAD) { // mine too, and a number is never half written
        uint32_t seen = guarded;
        err = tr_sleep(self, tr_ms(1)); // the next who comes waits for the mutex
        guarded = seen + 1;
        tr_mutex_unlock(self, lock);
    }
    return err;
}

// ---- three people, each a task, and who invited them

static tr_err_t
put_many(tr_self *self, void *arg)
{
    const tr_ref_t *to = arg;
    tr_err_t err = TR_OK;
    for (int i = 0; i < COINS && err == TR_OK; i++) {
        err = tr_call(self, *to, TR_MSG(put), TR_REPLY_NONE, tr_seconds(5));
        err = err == TR_OK ? put_one(self) : err;
    }
    return err;
}

static tr_err_t
let_all_put(tr_self *self, tr_ref_t to)
{
    tr_future *people[PEOPLE];
    for (int i = 0; i < PEOPLE; i++) {
        people[i] = tr_task(self, put_many, &to, sizeof to, TR_FOREVER);
    }
    tr_err_t err = tr_try_join(self, people, PEOPLE);
    for (int i = 0; i < PEOPLE && err == TR_OK; i++) {
        err = tr_future_await(self, people[i], TR_REPLY_NONE);
    }
    return err;
}

static tr_err_t
host_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    tr_ref_t to;
    const amount *a;
    if (tr_as(compare, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &till}, &to);
    err = err == TR_OK ? let_all_put(self, to) : err;
    err =
        err == TR_OK ? tr_call(self, to, TR_MSG(count), TR_REPLY(amount, &a), tr_seconds(5)) : err;
    if (err != TR_OK) {
        return err;
    }
    printf("the actor has %" PRIu32 " coins\n", a->coins);
    printf("the mutex guards %" PRIu32 " coins\n", guarded);
    return tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t host = {.name = "host", .receive = host_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_mutex_create(rt, &lock);
    }
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &host}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(compare), TR_REPLY_NONE, tr_seconds(10));
    }
    if (err == TR_OK) {
        tr_runtime_stop(rt);
        err = tr_runtime_wait(rt, tr_seconds(10));
    }
    if (err == TR_OK) {
        tr_mutex_destroy(lock); // after all who use it, and before the runtime
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
