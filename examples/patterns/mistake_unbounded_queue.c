// mistake_unbounded_queue.c: a producer that is faster than its consumer and does not look.
//
//     build/examples/patterns/mistake_unbounded_queue
//
// Every mailbox has a bound, so that a slow consumer is a problem of its producers and not of the
// machine's memory. tr_try_send says TR_EFULL there, and who does not look at it loses messages
// without a trace: what was refused was never accepted, and is in no ledger. tr_send waits for
// room, and the producer becomes as fast as its consumer.
//
// Prints:
//     blind: sent 1000, received 16
//     looking: sent 16, then TR_EFULL: the mailbox is at its bound; received 16
//     waiting: sent 1000, received 1000
//     the ledger: 1048 accepted, 1048 handled: 1032 numbers, and 16 questions and answers
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define BOUND   16
#define NUMBERS 1000

#define NUMBER(F, T)  F(T, u32, value)
#define PRODUCE(F, T) F(T, ref, consumer) F(T, u32, how)
#define COUNTED(F, T) F(T, u32, count) F(T, i32, error)
TR_MESSAGE(number, NUMBER);
TR_MESSAGE(produce, PRODUCE);
TR_MESSAGE(counted, COUNTED);
TR_MESSAGE_EMPTY(count); // how many have come since the last time

enum { BLIND, LOOKING, WAITING };

static tr_err_t
consumer_receive(tr_self *self, void *state, const tr_message *msg)
{
    uint32_t *received = state;
    if (tr_as(number, msg) != NULL) {
        ++*received;
        return TR_OK;
    }
    if (tr_as(count, msg) != NULL) {
        uint32_t so_far = *received;
        *received = 0;
        return tr_reply(self, TR_MSG(counted, .count = so_far));
    }
    return TR_EUNHANDLED;
}

static const tr_behavior_t consumer = {
    .name = "consumer",
    .state_size = sizeof(uint32_t),
    .receive = consumer_receive,
};

// There is one worker: the consumer gets its turn when this handler waits, or is over.
static tr_err_t
producer_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const produce *p = tr_as(produce, msg);
    if (p == NULL) {
        return TR_EUNHANDLED;
    }
    uint32_t sent = 0;
    tr_err_t err = TR_OK;
    while (sent < NUMBERS) {
        err = p->how == WAITING ? tr_send(self, p->consumer, TR_MSG(number, .value = sent))
                                : tr_try_send(self, p->consumer, TR_MSG(number, .value = sent));
        if (err != TR_OK && p->how != BLIND) { // BLIND is the mistake
            break;
        }
        sent++;
    }
    return tr_reply(self, TR_MSG(counted, .count = sent, .error = p->how == BLIND ? 0 : err));
}

static const tr_behavior_t producer = {.name = "producer", .receive = producer_receive};

// What was received is added to `total`.
static tr_err_t
play(tr_runtime *rt, tr_ref_t from, tr_ref_t to, uint32_t how, uint32_t *total)
{
    static const char *const names[] = {"blind", "looking", "waiting"};
    const counted *sent;
    const counted *received;
    tr_err_t err = tr_runtime_call(rt, from, TR_MSG(produce, .consumer = to, .how = how),
                                   TR_REPLY(counted, &sent), tr_seconds(5));
    if (err != TR_OK) {
        return err;
    }
    err = tr_runtime_call(rt, to, TR_MSG(count), TR_REPLY(counted, &received), tr_seconds(5));
    if (err == TR_OK) {
        tr_err_t met = (tr_err_t)sent->error;
        printf("%s: sent %u, ", names[how], sent->count);
        if (met != TR_OK) {
            printf("then %s: %s; ", tr_errname(met), tr_strerror(met));
        }
        printf("received %u\n", received->count);
        *total += received->count;
        tr_runtime_release(rt, received);
    }
    tr_runtime_release(rt, sent);
    return err;
}

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t from, to;
    uint32_t total = 0;
    tr_err_t err = tr_runtime_create(&(tr_runtime_opts_t){.workers = 1}, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &producer}, &from);
    }
    if (err == TR_OK) {
        err = tr_runtime_spawn(
            rt, &(tr_spawn_opts_t){.behavior = &consumer, .mailbox_count = BOUND}, &to);
    }
    for (uint32_t how = BLIND; how <= WAITING && err == TR_OK; how++) {
        err = play(rt, from, to, how, &total);
    }
    if (err == TR_OK) {
        tr_runtime_stop(rt);
        err = tr_runtime_wait(rt, tr_seconds(5)); // at rest the ledger is exact
    }
    if (err == TR_OK) {
        tr_stats_t stats;
        tr_runtime_stats(rt, &stats);
        const tr_ledger_t *l = &stats.ledger;
        printf("the ledger: %" PRIu64 " accepted, %" PRIu64 " handled: %u numbers, and %" PRIu64
               " questions and answers\n",
               l->accepted, l->handled, total, l->accepted - total);
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
