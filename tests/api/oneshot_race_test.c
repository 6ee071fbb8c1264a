// oneshot_race_test.c: a receiver gives up while the message comes. It is received, or its sender
// is told that it was not.
#include "ends.h"

#include <sched.h>

TestSuite(oneshot, .timeout = 60);

static ends s;
static tr_oneshot *rx;

static tr_err_t
receive_now(void)
{
    return tr_oneshot_recv(TR_OUTSIDE, rx, TR_REPLY_NONE, tr_ms(0));
}

// A sender on a thread of its own that is told to start a round, and when it is over.
typedef struct race {
    pthread_t thread;
    act_fn send;
    _Atomic int begun, over;
    tr_token *token;
    tr_err_t err;
    thing thing;
    int delay;
    int drops; // before the receiving end was closed
} race;

#define ROUNDS 3000
#define IS_END -1

static void
await_number(_Atomic int *at, int n)
{
    while (atomic_load(at) != n && atomic_load(at) != IS_END) {
        sched_yield();
    }
}

// So long that each of the two comes first about as often.
static void
spin(int turns)
{
    for (volatile int i = 0; i < turns; i++) {
    }
}

static void *
race_rounds(void *arg)
{
    race *r = arg;
    for (int i = 1;; i++) {
        await_number(&r->begun, i);
        if (atomic_load(&r->begun) == IS_END) {
            return NULL;
        }
        r->err = r->send(TR_OUTSIDE, r);
        atomic_store(&r->over, i);
    }
}

static void
begin_race(race *r, act_fn send)
{
    *r = (race){.send = send};
    ends_begin(&s);
    pthread_create(&r->thread, NULL, race_rounds, r);
}

// Shut the receiving end while the other sends.
static void
race_to_shut(race *r, int round)
{
    assert_ok(tr_runtime_oneshot_create(s.p.rt, &r->token, &rx));
    atomic_store(&r->begun, round);
    spin(r->delay);
    tr_oneshot_shut(rx);
    await_number(&r->over, round);
    r->delay += r->err == TR_OK ? -r->delay / 8 : r->delay / 16 + 8;
}

static void
end_race(race *r)
{
    atomic_store(&r->begun, IS_END);
    pthread_join(r->thread, NULL);
    ends_end(&s);
}

static tr_err_t
send_five(tr_self *self, void *arg)
{
    race *r = arg;
    return tr_token_reply(self, r->token, TR_MSG(number, .value = 5));
}

Test(oneshot, that_is_shut_while_it_is_sent_is_received_or_its_sender_is_told)
{
    race r;
    int received = 0;
    begin_race(&r, send_five);
    for (int i = 1; i <= ROUNDS; i++) {
        race_to_shut(&r, i);
        tr_err_t err = receive_now();
        cr_assert(r.err == (err == TR_OK ? TR_OK : TR_ECLOSED), "sent: %s, received: %s",
                  tr_errname(r.err), tr_errname(err));
        cr_assert(err == TR_OK || err == TR_ECLOSED);
        received += err == TR_OK;
        tr_oneshot_close(rx);
    }
    cr_log_info("%d of %d were received", received, ROUNDS);
    end_race(&r);
}

// Where nobody received it, the object in it is still the sender's, however close the race was.
static tr_err_t
send_object(tr_self *self, void *arg)
{
    race *r = arg;
    r->thing = (thing){.drops = 0};
    tr_err_t err = tr_token_reply(self, r->token, TR_MSG(parcel, .object = &r->thing));
    r->drops = r->thing.drops;
    return err;
}

Test(oneshot, object_that_was_sent_while_it_was_shut_is_dropped_or_still_the_senders)
{
    race r;
    int in_between = 0; // it had left, and came back
    begin_race(&r, send_object);
    for (int i = 1; i <= 5 * ROUNDS; i++) {
        race_to_shut(&r, i);
        cr_assert(r.drops == 0, "dropped while it was sent, in round %d", i);
        cr_assert(r.thing.leaves == r.thing.adopts + (r.err == TR_OK));
        in_between += r.thing.adopts;
        tr_oneshot_close(rx);
        cr_assert(eq(int, r.thing.drops, r.err == TR_OK));
    }
    cr_log_info("%d came back", in_between);
    end_race(&r);
}

// The receiver is an actor that waits for a moment, and gives up.
static tr_err_t
give_up_and_shut(tr_self *self, void *arg)
{
    const player *p = arg;
    tr_oneshot *mine = p->bag->oneshot;
    tr_err_t err = tr_oneshot_recv(self, mine, TR_REPLY_NONE, tr_us(50));
    if (err == TR_ETIMEOUT) {
        tr_oneshot_shut(mine);
        err = tr_oneshot_recv(self, mine, TR_REPLY_NONE, tr_ms(0));
    }
    tr_oneshot_close(mine);
    return err;
}

Test(oneshot, given_up_at_a_deadline_is_received_or_its_sender_is_told)
{
    bag holds;
    int received = 0, delay = 1000;
    ends_begin(&s);
    player p = player_of(&s, ANOTHER_ACTOR, &holds);
    for (int i = 0; i < ROUNDS / 10; i++) {
        tr_token *tx;
        assert_ok(tr_runtime_oneshot_create(s.p.rt, &tx, &rx));
        hand(&p, (bag){.oneshot = rx});
        begin_act(&p, give_up_and_shut, &p);
        spin(delay);
        tr_err_t sent = tr_token_reply(TR_OUTSIDE, tx, TR_MSG(number, .value = 9));
        tr_err_t err = await_act(&p);
        cr_assert(sent == (err == TR_OK ? TR_OK : TR_ECLOSED), "sent: %s, received: %s",
                  tr_errname(sent), tr_errname(err));
        received += err == TR_OK;
        delay += err == TR_OK ? delay / 8 + 8 : -delay / 8;
    }
    cr_log_info("%d of %d were received", received, ROUNDS / 10);
    ends_end(&s);
}
