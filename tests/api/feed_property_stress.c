// feed_property_stress.c: random operations on a broadcast, and on a watch, and on the model of
// both: numbered messages, of which the newest are kept.
#include "property_stage.h"

#ifndef FEED_RUNS
#define FEED_RUNS 60000
#endif

TestSuite(feed, .timeout = 280);

#define ITEM(F, T) F(T, u64, number) F(T, bytes, data)
TR_MESSAGE(item, ITEM);
#define ITEM_CHARGE 72 // what one without data takes of a bound in bytes
#define SIZE_UNIT   8
#define ENDS        4
#define NUMBERS     128

static const char data[64 * SIZE_UNIT];

// ---- the model

typedef struct end {
    void *real; // NULL: there is none
    uint32_t holder;
    uint64_t next; // of a reader: the number that it reads next
} end;

static struct {
    bool is_watch;
    uint32_t count_max;
    uint64_t bytes_max;
    end tx[ENDS], rx[ENDS];
    uint64_t first, next, bytes;
    uint64_t charges[NUMBERS];
    uint64_t dropped, discarded;
} m;

static uint32_t
count_of(const end *row)
{
    uint32_t count = 0;
    for (int i = 0; i < ENDS; i++) {
        count += row[i].real != NULL;
    }
    return count;
}

static void
model_send(uint64_t charge)
{
    while (m.next - m.first == m.count_max || m.bytes + charge > m.bytes_max) {
        m.bytes -= m.charges[m.first++];
    }
    m.charges[m.next++] = charge;
    m.bytes += charge;
}

static void
model_close(end *e)
{
    bool is_reader = e >= m.rx && e < m.rx + ENDS;
    m.discarded += is_reader && !m.is_watch ? m.next - e->next : 0;
    *e = (end){.real = NULL};
}

// ---- one operation on the real thing

typedef struct doing {
    void *of;   // the end
    void *made; // another
    bool of_sender;
    uint64_t number;
    size_t size;
    uint32_t readers;
    tr_err_t err;
    bool is_so;
} doing;

static tr_err_t
do_subscribe(tr_self *self, void *arg)
{
    doing *d = arg;
    tr_broadcast_rx *rx = NULL;
    tr_watch_rx *watch_rx = NULL;
    if (m.is_watch) {
        d->err = d->of_sender ? tr_watch_subscribe(self, d->of, &watch_rx)
                              : tr_watch_resubscribe(self, d->of, &watch_rx);
    } else {
        d->err = d->of_sender ? tr_broadcast_subscribe(self, d->of, &rx)
                              : tr_broadcast_resubscribe(self, d->of, &rx);
    }
    d->made = m.is_watch ? (void *)watch_rx : rx;
    return TR_OK;
}

static tr_err_t
do_clone(tr_self *self, void *arg)
{
    doing *d = arg;
    tr_broadcast_tx *tx = NULL;
    tr_watch_tx *watch_tx = NULL;
    d->err = m.is_watch ? tr_watch_tx_clone(self, d->of, &watch_tx)
                        : tr_broadcast_tx_clone(self, d->of, &tx);
    d->made = m.is_watch ? (void *)watch_tx : tx;
    return TR_OK;
}

static tr_err_t
do_close(tr_self *self, void *arg)
{
    doing *d = arg;
    (void)self;
    if (m.is_watch && d->of_sender) {
        tr_watch_tx_close(d->of);
    } else if (m.is_watch) {
        tr_watch_rx_close(d->of);
    } else if (d->of_sender) {
        tr_broadcast_tx_close(d->of);
    } else {
        tr_broadcast_rx_close(d->of);
    }
    return TR_OK;
}

static tr_err_t
do_put(tr_self *self, void *arg)
{
    doing *d = arg;
    item value = {.number = d->number, .data = tr_bytes(data, d->size)};
    d->err = m.is_watch ? tr_watch_send(self, d->of, &item_type, &value)
                        : tr_broadcast_send(self, d->of, &item_type, &value, &d->readers);
    return TR_OK;
}

static tr_err_t
do_read(tr_self *self, void *arg)
{
    doing *d = arg;
    const tr_message *msg = NULL;
    d->err = m.is_watch ? tr_watch_get(self, d->of, &msg)
                        : tr_broadcast_recv(self, d->of, &msg, tr_ms(0));
    if (d->err == TR_OK) {
        const item *value = tr_as(item, msg);
        d->number = value->number;
        d->size = value->data.size;
        give_back(stage.rt, self, msg);
    } else if (d->err == TR_ELAGGED) {
        d->number = tr_broadcast_missed(d->of);
    }
    return TR_OK;
}

static tr_err_t
do_await_change(tr_self *self, void *arg)
{
    doing *d = arg;
    d->is_so = tr_watch_has_changed(d->of);
    d->err = tr_watch_await_change(self, d->of, tr_ms(0));
    return TR_OK;
}

static tr_err_t
do_select(tr_self *self, void *arg)
{
    doing *d = arg;
    size_t which;
    tr_branch_t branch = m.is_watch ? tr_when_watch(d->of) : tr_when_broadcast(d->of);
    d->err = self != NULL ? tr_select(self, &branch, 1, tr_ms(0), &which)
                          : tr_runtime_select(stage.rt, &branch, 1, tr_ms(0), &which);
    return TR_OK;
}

static tr_err_t
do_await_unread(tr_self *self, void *arg)
{
    doing *d = arg;
    d->err = m.is_watch ? tr_watch_await_unread(self, d->of, tr_ms(0))
                        : tr_broadcast_await_unread(self, d->of, tr_ms(0));
    return TR_OK;
}

// ---- operations

typedef enum code {
    OPEN,
    SEND,
    READ,
    SELECT,
    CHANGE,
    UNREAD,
    SUBSCRIBE,
    CLONE,
    CLOSE,
    MOVE,
    END,
    CODES
} code;

// Ends are named by a number: of those that there are, this one. NULL: there is none.
static end *
pick(end *row, uint32_t nth)
{
    uint32_t count = count_of(row);
    for (int i = 0; i < ENDS && count > 0; i++) {
        if (row[i].real != NULL && nth-- % count == 0) {
            return &row[i];
        }
    }
    return NULL;
}

// Even numbers are senders, odd ones readers.
static end *
pick_any(uint32_t nth)
{
    return pick(nth % 2 == 0 ? m.tx : m.rx, nth / 2);
}

static bool
is_sender(const end *e)
{
    return e >= m.tx && e < m.tx + ENDS;
}

static void
add(end *row, end made)
{
    for (int i = 0; i < ENDS; i++) {
        if (row[i].real == NULL) {
            row[i] = made;
            return;
        }
    }
}

static bool
send_one(trouble t, end *tx, uint32_t units)
{
    doing d = {.of = tx->real, .number = m.next, .size = (size_t)units * SIZE_UNIT};
    uint64_t charge = ITEM_CHARGE + d.size;
    uint32_t readers = count_of(m.rx);
    tr_err_t expected = charge > m.bytes_max          ? TR_ETOOBIG
                        : readers == 0 && !m.is_watch ? TR_ECLOSED
                                                      : TR_OK;
    on(tx->holder, do_put, &d);
    if (expected == TR_OK) {
        model_send(charge);
    }
    return SAME_ERR(t, "send", d.err, expected) &&
           (m.is_watch || expected != TR_OK || SAME(t, "readers", d.readers, readers));
}

static bool
read_broadcast(trouble t, end *rx)
{
    doing d = {.of = rx->real};
    uint64_t missed = rx->next < m.first ? m.first - rx->next : 0;
    tr_err_t nothing = count_of(m.tx) == 0 ? TR_ECLOSED : TR_ETIMEOUT;
    tr_err_t expected = missed != 0 ? TR_ELAGGED : rx->next == m.next ? nothing : TR_OK;
    on(rx->holder, do_read, &d);
    if (!SAME_ERR(t, "recv", d.err, expected)) {
        return false;
    }
    m.dropped += missed;
    rx->next += missed;
    if (expected == TR_OK) {
        rx->next++;
        return SAME(t, "number received", d.number, rx->next - 1) &&
               SAME(t, "its size", ITEM_CHARGE + d.size, m.charges[rx->next - 1]);
    }
    return missed == 0 || SAME(t, "missed", d.number, missed);
}

static bool
read_watch(trouble t, end *rx)
{
    doing d = {.of = rx->real};
    on(rx->holder, do_read, &d);
    rx->next = m.next;
    return SAME_ERR(t, "get", d.err, TR_OK) && SAME(t, "value", d.number, m.next - 1);
}

static bool
look_for_change(trouble t, end *rx)
{
    doing d = {.of = rx->real};
    bool has_changed = rx->next < m.next;
    tr_err_t nothing = count_of(m.tx) == 0 ? TR_ECLOSED : TR_ETIMEOUT;
    on(rx->holder, do_await_change, &d);
    return SAME(t, "has_changed", d.is_so, has_changed) &&
           SAME_ERR(t, "await_change", d.err, has_changed ? TR_OK : nothing);
}

static bool
select_one(trouble t, end *rx)
{
    doing d = {.of = rx->real};
    bool is_ready = rx->next < m.next || count_of(m.tx) == 0;
    on(rx->holder, do_select, &d);
    return SAME_ERR(t, "select", d.err, is_ready ? TR_OK : TR_ETIMEOUT);
}

static bool
look_for_readers(trouble t, end *tx)
{
    doing d = {.of = tx->real};
    on(tx->holder, do_await_unread, &d);
    return SAME_ERR(t, "await_unread", d.err, count_of(m.rx) == 0 ? TR_OK : TR_ETIMEOUT);
}

static bool
make_one(trouble t, const end *of, code what)
{
    doing d = {.of = of->real, .of_sender = is_sender(of)};
    end *row = what == CLONE ? m.tx : m.rx;
    if (count_of(row) == ENDS) {
        return true;
    }
    on(of->holder, what == CLONE ? do_clone : do_subscribe, &d);
    add(row, (end){.real = d.made, .holder = of->holder, .next = m.next});
    return SAME_ERR(t, "one more end", d.err, TR_OK);
}

static void
close_one(end *e)
{
    doing d = {.of = e->real, .of_sender = is_sender(e)};
    on(e->holder, do_close, &d);
    model_close(e);
}

static void
move_one(end *e, uint32_t to)
{
    bag b = {.token = NULL};
    bool sends = is_sender(e);
    if (m.is_watch) {
        *(sends ? (void **)&b.watch_tx : (void **)&b.watch_rx) = e->real;
    } else {
        *(sends ? (void **)&b.broadcast_tx : (void **)&b.broadcast_rx) = e->real;
    }
    if (move(e->holder, to, b)) {
        e->holder = to;
    } else if (to == TO_BIN) {
        model_close(e);
    }
}

static void
end_holder(uint32_t who, bool by_crash)
{
    end_actor(who, by_crash);
    for (int i = 0; i < ENDS; i++) {
        if (m.tx[i].real != NULL && m.tx[i].holder == who) {
            model_close(&m.tx[i]);
        }
        if (m.rx[i].real != NULL && m.rx[i].holder == who) {
            model_close(&m.rx[i]);
        }
    }
}

static bool
operate(trouble t, const property_op *op)
{
    code what = (code)op->code;
    if (what == END) {
        end_holder(1 + op->args[0], op->args[1] != 0);
        return true;
    }
    bool is_any = what == SUBSCRIBE || what == CLOSE || what == MOVE;
    bool by_sender = what == SEND || what == UNREAD || what == CLONE;
    end *e = is_any ? pick_any(op->args[0]) : pick(by_sender ? m.tx : m.rx, op->args[0]);
    if (e == NULL) {
        return true;
    }
    switch (what) {
    case SEND:
        return send_one(t, e, op->args[1]);
    case READ:
        return m.is_watch ? read_watch(t, e) : read_broadcast(t, e);
    case SELECT:
        return select_one(t, e);
    case CHANGE:
        return look_for_change(t, e);
    case UNREAD:
        return look_for_readers(t, e);
    case SUBSCRIBE:
    case CLONE:
        return make_one(t, e, what);
    case CLOSE:
        close_one(e);
        return true;
    case MOVE:
        move_one(e, op->args[1]);
        return true;
    case OPEN:
    case END:
    case CODES:
        break;
    }
    return WRONG(t, "no such operation");
}

static void
begin(bool is_watch, const property_op *open)
{
    tr_broadcast_tx *tx = NULL;
    tr_watch_tx *watch_tx = NULL;
    memset(&m, 0, sizeof m);
    stage_begin_run();
    m.is_watch = is_watch;
    m.count_max = is_watch ? 1 : 1 + open->args[0];
    m.bytes_max = is_watch ? UINT64_MAX : ITEM_CHARGE * (1 + (uint64_t)open->args[1]);
    tr_broadcast_opts_t opts = {.count = m.count_max, .bytes = m.bytes_max};
    if (is_watch) {
        model_send(ITEM_CHARGE);
        assert_ok(tr_runtime_watch_create(stage.rt, TR_MSG(item, .number = 0), &watch_tx, NULL));
    } else {
        assert_ok(tr_runtime_broadcast_create(stage.rt, &opts, &tx, NULL));
    }
    add(m.tx, (end){.real = is_watch ? (void *)watch_tx : tx});
}

static bool
play(bool is_watch, const property_op *ops, size_t count, char *why, size_t why_size)
{
    trouble t = {.why = why, .size = why_size};
    bool is_same = true;
    begin(is_watch, &ops[0]);
    for (size_t i = 1; i < count && is_same; i++) {
        is_same = operate(t, &ops[i]);
    }
    for (int i = 0; i < ENDS; i++) {
        end *left[] = {&m.tx[i], &m.rx[i]};
        for (int j = 0; j < 2; j++) {
            if (left[j]->real != NULL) {
                close_one(left[j]);
            }
        }
    }
    return is_same && stage_end_run(t, m.dropped, m.discarded, 0);
}

static bool
play_broadcast(const property_op *ops, size_t count, char *why, size_t why_size)
{
    return play(false, ops, count, why, why_size);
}

static bool
play_watch(const property_op *ops, size_t count, char *why, size_t why_size)
{
    return play(true, ops, count, why, why_size);
}

#define KINDS(watches)                                                                             \
    {                                                                                              \
        [OPEN] = {.name = "open", .args = 2, .below = {4, 6}},                                     \
        [SEND] = {.name = "send", .weight = 14, .args = 2, .below = {ENDS, 40}},                   \
        [READ] = {.name = "read", .weight = 14, .args = 1, .below = {ENDS}},                       \
        [SELECT] = {.name = "select", .weight = 2, .args = 1, .below = {ENDS}},                    \
        [CHANGE] = {.name = "change", .weight = watches, .args = 1, .below = {ENDS}},              \
        [UNREAD] = {.name = "unread", .weight = 1, .args = 1, .below = {ENDS}},                    \
        [SUBSCRIBE] = {.name = "subscribe", .weight = 5, .args = 1, .below = {2 * ENDS}},          \
        [CLONE] = {.name = "clone", .weight = 2, .args = 1, .below = {ENDS}},                      \
        [CLOSE] = {.name = "close", .weight = 2, .args = 1, .below = {2 * ENDS}},                  \
        [MOVE] = {.name = "move", .weight = 4, .args = 2, .below = {2 * ENDS, DESTINATIONS}},      \
        [END] = {.name = "end", .weight = 1, .args = 2, .below = {2, 2}},                          \
    }

static void
holds(const char *name, const property_kind *kinds, property_fn run)
{
    const property p = {.name = name,
                        .kinds = kinds,
                        .kind_count = CODES,
                        .has_opening = true,
                        .ops_max = 60,
                        .runs = FEED_RUNS,
                        .run = run};
    stage_open();
    PROPERTY_HOLDS(&p);
    stage_close();
}

Test(feed, of_a_broadcast_does_what_the_model_says)
{
    static const property_kind kinds[] = KINDS(0);
    holds("broadcast", kinds, play_broadcast);
}

Test(feed, of_a_watch_does_what_the_model_says)
{
    static const property_kind kinds[] = KINDS(6);
    holds("watch", kinds, play_watch);
}
