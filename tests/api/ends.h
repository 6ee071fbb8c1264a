// ends.h: who holds the ends of a channel in a test: puppets on two workers, or threads outside.
// What is done with an end is an act, fn(self, arg), and the same for either: for a thread self is
// TR_OUTSIDE.
//
//     ends_begin(&s);
//     player p = player_of(&s, AN_ACTOR);
//     hand(&s, &p, (bag){.oneshot = rx});        // it is the player's now: p.bag->oneshot
//     begin_act(&p, receive_one, &got);          // which waits, perhaps
//     …
//     await_act(&p);
//     ends_end(&s);
#ifndef TROUPE_TESTS_API_ENDS_H
#define TROUPE_TESTS_API_ENDS_H

#include "family.h"

#include <pthread.h>

#define CARRY(F, T)                                                                                \
    F(T, local(tr_token), token)                                                                   \
    F(T, local(tr_oneshot), oneshot)                                                               \
    F(T, local(tr_broadcast_tx), broadcast_tx)                                                     \
    F(T, local(tr_broadcast_rx), broadcast_rx)                                                     \
    F(T, local(tr_watch_tx), watch_tx)                                                             \
    F(T, local(tr_watch_rx), watch_rx)                                                             \
    F(T, local(tr_mpsc_tx), mpsc_tx)                                                               \
    F(T, local(tr_mpsc_rx), mpsc_rx)
TR_MESSAGE(carry, CARRY);
typedef carry bag;

typedef enum place { A_THREAD, AN_ACTOR, ANOTHER_ACTOR, PLACES } place;

// A parent on worker 0, of children whose ends may be hastened.
typedef struct ends {
    parent p;
} ends;

typedef struct player {
    tr_runtime *rt;
    place place;
    tr_ref_t ref;
    bag *bag; // what it was handed last; an actor's is its own to touch
    act_fn fn;
    void *arg;
    tr_err_t err;
    cue over;
    pthread_t thread;
} player;

static inline void
ends_begin(ends *s)
{
    parent_begin(&s->p);
}

static inline void
ends_end(ends *s)
{
    troupe_end(s->p.rt);
}

// Take every end out of a `carry`.
static inline void
take_all(tr_self *self, const tr_message *msg, bag *out)
{
    *out = (bag){
        .token = tr_take(self, msg, carry, token),
        .oneshot = tr_take(self, msg, carry, oneshot),
        .broadcast_tx = tr_take(self, msg, carry, broadcast_tx),
        .broadcast_rx = tr_take(self, msg, carry, broadcast_rx),
        .watch_tx = tr_take(self, msg, carry, watch_tx),
        .watch_rx = tr_take(self, msg, carry, watch_rx),
        .mpsc_tx = tr_take(self, msg, carry, mpsc_tx),
        .mpsc_rx = tr_take(self, msg, carry, mpsc_rx),
    };
}

static inline tr_err_t
take_bag(tr_self *self, void *arg, const tr_message *msg)
{
    if (tr_as(carry, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    take_all(self, msg, arg);
    return TR_OK;
}

// An actor of either worker that takes what it is handed into `b`.
static inline tr_ref_t
actor_with(ends *s, uint32_t worker, bag *b)
{
    part role = {.receive = take_bag, .arg = b};
    return child_of(&s->p, PUPPET_WITH(&role, .place = TR_PLACE_AT, .worker = worker));
}

static inline player
player_of(ends *s, place where, bag *b)
{
    player p = {.rt = s->p.rt, .place = where, .bag = b};
    if (where != A_THREAD) {
        p.ref = actor_with(s, where == AN_ACTOR ? 0 : 1, b);
    }
    cue_init(&p.over);
    return p;
}

static inline void
hand_to(tr_runtime *rt, tr_ref_t to, const bag *b)
{
    assert_ok(tr_runtime_send(rt, to, &carry_type, b, TR_FOREVER));
    assert_ok(troupe_act(rt, to, do_nothing, NULL)); // it has them
}

static inline void
hand(player *p, bag b)
{
    if (p->place == A_THREAD) {
        *p->bag = b;
    } else {
        hand_to(p->rt, p->ref, &b);
    }
}

// ---- acts that may wait

static inline tr_err_t
player_acts(tr_self *self, void *arg)
{
    player *p = arg;
    p->err = p->fn(self, p->arg);
    cue_give(&p->over);
    return TR_OK;
}

static inline void *
player_thread(void *arg)
{
    (void)player_acts(TR_OUTSIDE, arg);
    return NULL;
}

static inline void
begin_act(player *p, act_fn fn, void *arg)
{
    p->fn = fn;
    p->arg = arg;
    p->err = TR_EBUSY;
    if (p->place == A_THREAD) {
        cr_assert(pthread_create(&p->thread, NULL, player_thread, p) == 0);
    } else {
        assert_ok(troupe_prompt(p->rt, p->ref, player_acts, p));
    }
}

static inline tr_err_t
await_act(player *p)
{
    CUE_AWAIT(&p->over);
    if (p->place == A_THREAD) {
        pthread_join(p->thread, NULL);
    }
    return p->err;
}

static inline tr_err_t
do_act(player *p, act_fn fn, void *arg)
{
    begin_act(p, fn, arg);
    return await_act(p);
}

// What a player has received.
static inline void
give_back(tr_runtime *rt, tr_self *self, const void *value)
{
    if (self != NULL) {
        tr_release(self, value);
    } else {
        tr_runtime_release(rt, value);
    }
}

static inline uint64_t
value_of(const tr_message *msg)
{
    const number *n = tr_as(number, msg);
    return n != NULL ? n->value : UINT64_MAX;
}

// So many handlers are suspended.
static inline bool
are_waiting(tr_runtime *rt, uint64_t count)
{
    tr_stats_t stats;
    tr_runtime_stats(rt, &stats);
    return stats.stacks == count;
}

// ---- how a life ends

typedef enum ending { BY_RETURN, BY_CRASH, BY_FAIL, BY_KILL, BY_STOP, ENDINGS } ending;

static inline void
end_life(ends *s, tr_ref_t who, ending how)
{
    deed d = {.child = who};
    static const act_fn acts[] = {leave, return_eio, fail_with_text};
    if (how == BY_KILL || how == BY_STOP) {
        assert_ok(deed_of(&s->p, how == BY_KILL ? do_kill : do_stop, &d));
    } else {
        assert_ok(troupe_prompt(s->p.rt, who, acts[how], NULL));
    }
    TROUPE_EVENTUALLY(troupe_is_gone(s->p.rt, who));
}

// What a token answers that a life left open.
static inline tr_err_t
left_open(ending how)
{
    return how == BY_RETURN || how == BY_STOP ? TR_ENOREPLY : TR_ECRASHED;
}

// ---- bytes that tell when nobody holds them any more

static inline void
count_free(void *data, size_t size, void *arg)
{
    (void)data;
    (void)size;
    atomic_fetch_add((_Atomic int *)arg, 1);
}

#define BLOB(F, T) F(T, buf, data)
TR_MESSAGE(blob, BLOB);

static inline tr_buf *
blob_of(size_t size, _Atomic int *freed)
{
    static const char bytes[4096];
    tr_buf *data;
    assert_ok(tr_buf_wrap(bytes, size, (tr_buf_free_fn)count_free, freed, &data));
    return data;
}

// ---- an object that tells how it ends

typedef struct thing {
    _Atomic int drops, leaves, adopts;
} thing;

static inline void
thing_drop(void *object)
{
    atomic_fetch_add(&((thing *)object)->drops, 1);
}

static inline void
thing_leave(void *object)
{
    atomic_fetch_add(&((thing *)object)->leaves, 1);
}

static inline void
thing_adopt(tr_self *self, void *object)
{
    (void)self;
    atomic_fetch_add(&((thing *)object)->adopts, 1);
}

static const tr_local_t thing_local = {
    .name = "thing", .drop = thing_drop, .leave = thing_leave, .adopt = thing_adopt};

#define PARCEL(F, T) F(T, local(thing), object)
TR_MESSAGE(parcel, PARCEL);

#endif
