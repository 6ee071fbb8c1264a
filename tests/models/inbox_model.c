// inbox_model.c: runtime/base/inbox.h, every interleaving of a few senders and an owner.
//
// Whoever wakes the owner is it, there and then, on its own thread: no queue between them orders
// memory that the inbox should order. The owner does what an actor does, turn.c: take, look at its
// orders, handle, and sleep when there is nothing; deaf while it waits for an answer, which is
// urgent (look_at_wait). An order is a bit and a nudge, tri_actor_order and take_orders.
#include "model.h"

#include "base/inbox.h"

#define SENDERS 3
#define LETTERS 3

typedef struct letter {
    tri_mail mail;
    unsigned sender;
    unsigned number; // counts from 1
    bool is_answer;
} letter;

static tri_inbox inbox;
static _Atomic uint32_t orders;
static letter letters[SENDERS][LETTERS];

// Laid out before an order is given, read by who takes it.
static unsigned order_details;

// The owner's.
static struct {
    unsigned turns;
    unsigned last[SENDERS]; // number of the latest letter of each
    unsigned handled;
    bool is_waiting; // for the answer: others are not handled
    unsigned queued; // while it waits
    unsigned orders;
} owner;

// The scenario's own words.
enum { OWNERS, PUSHED, ORDERED, ANSWERED, DEAF };

static const char *const inbox_flags[] = {"asleep", "deaf", "nudged"};

static void
setup(bool asleep)
{
    static const char *const names[SENDERS][LETTERS] = {
        {"letter a1", "letter a2", "letter a3"},
        {"letter b1", "letter b2", "letter b3"},
        {"letter c1", "letter c2", "letter c3"},
    };
    tri_inbox_init(&inbox, asleep);
    atomic_init(&orders, 0);
    order_details = 0;
    owner = (__typeof__(owner)){.turns = 0};
    model_name(&inbox, sizeof inbox, "inbox");
    model_flags(&inbox, inbox_flags);
    model_name(&orders, sizeof orders, "orders");
    model_name(&order_details, sizeof order_details, "what the order is about");
    model_name(&owner, sizeof owner, "the owner's state");
    for (unsigned i = 0; i < SENDERS; i++) {
        for (unsigned j = 0; j < LETTERS; j++) {
            letters[i][j] = (letter){.sender = 0};
            model_name(&letters[i][j], sizeof letters[i][j], names[i][j]);
        }
    }
}

static void
setup_asleep(void)
{
    setup(true);
}

static void
setup_awake(void)
{
    setup(false);
    model_set(OWNERS, 1);
}

static void
setup_waiting(void)
{
    setup_awake();
    owner.is_waiting = true;
}

// ---- the owner

static void
handle(const letter *it)
{
    MODEL_CHECK(it->number == owner.last[it->sender] + 1,
                "letter %u of sender %u comes after letter %u", it->number, it->sender,
                owner.last[it->sender]);
    owner.last[it->sender] = it->number;
    if (it->is_answer) {
        owner.is_waiting = false;
    }
    owner.queued++;
}

static void
take_orders(void)
{
    if (atomic_load_explicit(&orders, memory_order_relaxed) == 0) {
        return;
    }
    if (atomic_exchange_explicit(&orders, 0, memory_order_acquire) != 0) {
        MODEL_CHECK(order_details == 1, "the order is there, what it is about is not");
        owner.orders++;
        owner.is_waiting = false;
    }
}

static void
turn(void)
{
    owner.turns++;
    tri_mail *mail = tri_inbox_take(&inbox);
    while (mail != NULL) {
        tri_mail *next = mail->next;
        handle(TRI_CONTAINER(mail, letter, mail));
        mail = next;
    }
    take_orders();
    if (!owner.is_waiting) {
        owner.handled += owner.queued;
        owner.queued = 0;
    }
}

// From now on the calling thread owns the inbox, until it sleeps.
static void
own(void)
{
    for (;;) {
        turn();
        bool is_deaf = owner.is_waiting;
        model_set(OWNERS, model_get(OWNERS) - 1);
        model_set(DEAF, is_deaf);
        if (tri_inbox_sleep(&inbox, is_deaf)) {
            return;
        }
        model_set(OWNERS, model_get(OWNERS) + 1);
    }
}

static void
begin_to_own(void)
{
    model_set(OWNERS, model_get(OWNERS) + 1);
    MODEL_CHECK(model_get(OWNERS) == 1, "there are %d owners at once", model_get(OWNERS));
    model_note("is the owner now");
    own();
}

// ---- the others

static void
push(unsigned sender, unsigned index, bool urgent)
{
    letter *it = &letters[sender][index];
    it->sender = sender;
    it->number = index + 1;
    it->is_answer = urgent;
    model_set(PUSHED, model_get(PUSHED) + 1);
    bool woke =
        urgent ? tri_inbox_push_urgent(&inbox, &it->mail) : tri_inbox_push(&inbox, &it->mail);
    if (urgent) {
        model_set(ANSWERED, 1);
    }
    MODEL_CHECK(!woke || urgent || model_get(DEAF) == 0, "ordinary mail wakes a deaf sleeper");
    if (woke) {
        begin_to_own();
    }
}

static void
order(void)
{
    order_details = 1;
    model_set(ORDERED, 1);
    if (model_is_mutant("nudge-before-order")) {
        if (tri_inbox_nudge(&inbox)) {
            begin_to_own();
        }
        atomic_fetch_or_explicit(&orders, 1, memory_order_release);
        return;
    }
    atomic_fetch_or_explicit(&orders, 1, memory_order_release);
    if (tri_inbox_nudge(&inbox)) {
        begin_to_own();
    }
}

static void
claim(void)
{
    if (tri_inbox_claim(&inbox)) {
        begin_to_own();
    }
}

// Everybody has done all he does, so somebody slept last, and nobody is to be woken any more.
static void
finish(bool all_ended)
{
    MODEL_CHECK(all_ended, "a thread waits, for ever");
    uintptr_t word = atomic_load_explicit(&inbox.word, memory_order_relaxed);
    MODEL_CHECK((word & TRI_INBOX_ASLEEP) != 0, "there is no owner, and it does not sleep");
    bool may_rest = owner.is_waiting && (word & TRI_INBOX_DEAF) != 0;
    bool is_woken = model_get(ANSWERED) != 0 || model_get(ORDERED) != 0;
    MODEL_CHECK(!may_rest || !is_woken, "it was to be woken and sleeps on");
    MODEL_CHECK(owner.orders == (unsigned)model_get(ORDERED), "an order was not seen");
    if (!may_rest) {
        MODEL_CHECK(owner.handled == (unsigned)model_get(PUSHED), "%u letters handled of %d",
                    owner.handled, model_get(PUSHED));
        MODEL_CHECK((word & ~TRI_INBOX_ASLEEP) == 0, "mail is left");
    }
}

// ---- scenarios

static void
send_two(unsigned thread)
{
    push(thread, 0, false);
    push(thread, 1, false);
}

static void
send_or_own(unsigned thread)
{
    if (thread == 2) {
        own();
    } else {
        push(thread, 0, false);
    }
}

static void
send_two_or_own(unsigned thread)
{
    if (thread == 3) {
        own();
    } else {
        send_two(thread);
    }
}

static void
wait_for_answer(unsigned thread)
{
    switch (thread) {
    case 0:
        own();
        break;
    case 1:
        push(0, 0, false);
        push(0, 1, false);
        break;
    case 2:
        push(1, 0, true);
        break;
    default:
        order();
        break;
    }
}

// The same with less to do, for every retry.
static void
wait_for_answer_or_order(unsigned thread)
{
    switch (thread) {
    case 0:
        own();
        break;
    case 1:
        push(1, 0, true);
        break;
    default:
        order();
        break;
    }
}

static void
claim_with_late_mail(unsigned thread)
{
    switch (thread) {
    case 0:
        push(0, 0, false);
        push(0, 1, false);
        break;
    case 1:
        push(1, 0, false);
        claim();
        break;
    default:
        claim();
        break;
    }
}

static const char *const two_senders[] = {"sender a", "sender b", NULL};
static const char *const three_senders[] = {"sender a", "sender b", "sender c", NULL};
static const char *const two_and_owner[] = {"sender a", "sender b", "owner", NULL};
static const char *const three_and_owner[] = {"sender a", "sender b", "sender c", "owner", NULL};
static const char *const waiting[] = {"owner", "sender a", "answerer", "parent", NULL};
static const char *const waiting_less[] = {"owner", "answerer", "parent", NULL};
static const char *const claiming[] = {"sender a", "sender b", "claimer", NULL};

static const model_scenario scenarios[] = {
    {"two-senders", two_senders, setup_asleep, send_two, finish, NULL, 0},
    {"three-senders", three_senders, setup_asleep, send_two, finish, NULL, 0},
    {"retries", two_and_owner, setup_awake, send_or_own, finish, "tri_inbox_publish", 2},
    {"more-retries", two_senders, setup_asleep, send_two, finish, "tri_inbox_publish", 2},
    {"waiting-retries", waiting_less, setup_waiting, wait_for_answer_or_order, finish,
     "tri_inbox_publish", 2},
    {"three-and-owner", three_and_owner, setup_awake, send_two_or_own, finish, NULL, 0},
    {"waiting", waiting, setup_waiting, wait_for_answer, finish, NULL, 0},
    {"claim", claiming, setup_asleep, claim_with_late_mail, finish, NULL, 0},
};

// ---- mutants

static void
push_does_not_release(model_access *access)
{
    model_weaken(access, "tri_inbox_publish", MODEL_CAS, memory_order_acq_rel,
                 memory_order_acquire);
}

static void
wake_does_not_acquire(model_access *access)
{
    model_weaken(access, "tri_inbox_publish", MODEL_CAS, memory_order_acq_rel,
                 memory_order_release);
}

static void
take_does_not_acquire(model_access *access)
{
    model_weaken(access, "tri_inbox_take", MODEL_RMW, memory_order_acquire, memory_order_relaxed);
}

static void
sleep_does_not_release(model_access *access)
{
    model_weaken(access, "tri_inbox_sleep", MODEL_CAS, memory_order_release, memory_order_relaxed);
}

static void
claim_does_not_acquire(model_access *access)
{
    model_weaken(access, "tri_inbox_claim", MODEL_CAS, memory_order_acquire, memory_order_relaxed);
}

static void
order_does_not_release(model_access *access)
{
    model_weaken(access, "order", MODEL_RMW, memory_order_release, memory_order_relaxed);
}

static bool
is_at(const model_access *access, const char *site)
{
    return __builtin_strcmp(access->site, site) == 0;
}

static void
sleep_does_not_look(model_access *access)
{
    access->is_blind = access->is_blind || is_at(access, "tri_inbox_sleep");
}

static void
claim_does_not_look(model_access *access)
{
    access->is_blind = access->is_blind || is_at(access, "tri_inbox_claim");
}

static void
nudge_leaves_no_mark(model_access *access)
{
    if (access->kind == MODEL_CAS && is_at(access, "tri_inbox_publish")) {
        access->operand &= ~(uint64_t)TRI_INBOX_NUDGED;
    }
}

static void
sleeps_not_deaf(model_access *access)
{
    if (access->kind == MODEL_CAS && is_at(access, "tri_inbox_sleep")) {
        access->operand &= ~(uint64_t)TRI_INBOX_DEAF;
    }
}

static const model_mutant mutants[] = {
    {"push-does-not-release", "two-senders", push_does_not_release, NULL},
    {"take-does-not-acquire", "two-senders", take_does_not_acquire, NULL},
    {"sleep-does-not-release", "two-senders", sleep_does_not_release, NULL},
    {"wake-does-not-acquire", "two-senders", wake_does_not_acquire, NULL},
    {"claim-does-not-acquire", "claim", claim_does_not_acquire, NULL},
    {"sleep-does-not-look", "two-senders", sleep_does_not_look, NULL},
    {"claim-does-not-look", "claim", claim_does_not_look, NULL},
    {"nudge-leaves-no-mark", "waiting", nudge_leaves_no_mark, NULL},
    {"nudge-before-order", "waiting", NULL, NULL},
    {"order-does-not-release", "waiting", order_does_not_release, NULL},
    {"sleeps-not-deaf", "waiting", sleeps_not_deaf, NULL},
};

int
main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios, sizeof scenarios / sizeof *scenarios, mutants,
                      sizeof mutants / sizeof *mutants);
}
