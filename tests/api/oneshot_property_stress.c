// oneshot_property_stress.c: random operations on oneshots, one after the other, and on the model.
#include "property_stage.h"

#ifndef ONESHOT_RUNS
#define ONESHOT_RUNS 50000
#endif

TestSuite(oneshot, .timeout = 280);

// ---- the model

static struct {
    tr_token *tx; // NULL: it has answered
    tr_oneshot *rx;
    uint32_t tx_holder, rx_holder;
    bool is_sent; // in time: the message is the receiver's
    bool is_left; // nothing had been sent when the receiver left, or shut
    bool is_received;
    bool is_shut;
    tr_err_t error;        // that was sent; TR_OK: a value
    const tr_type_t *type; // of the value
    uint64_t value;
    uint64_t returned;
} m;

static void
model_sent(tr_err_t error, const tr_type_t *type)
{
    m.tx = NULL;
    m.returned += m.is_left;
    if (!m.is_left) {
        m.is_sent = true;
        m.error = error;
        m.type = type;
    }
}

static void
model_left(void)
{
    m.is_left = m.is_left || !m.is_sent;
}

static void
model_closed(void)
{
    model_left();
    m.returned += m.is_sent && !m.is_received;
    m.rx = NULL;
}

// ---- one operation on the real thing

static const tr_type_t *const types[] = {&number_type, &lump_type, NULL};

typedef struct doing {
    const tr_type_t *type; // to send; expected
    bool wants_none;
    uint64_t value;
    tr_err_t err, second;
    bool is_so;
} doing;

static tr_err_t
do_create(tr_self *self, void *arg)
{
    (void)arg;
    return self != NULL ? tr_oneshot_create(self, &m.tx, &m.rx)
                        : tr_runtime_oneshot_create(stage.rt, &m.tx, &m.rx);
}

static tr_err_t
do_reply(tr_self *self, void *arg)
{
    doing *d = arg;
    d->err = d->type == &number_type
                 ? tr_token_reply(self, m.tx, TR_MSG(number, .value = d->value))
                 : tr_token_reply(self, m.tx, TR_MSG(lump, .data = tr_bytes("ten bytes.", 10)));
    return TR_OK;
}

static tr_err_t
do_fail(tr_self *self, void *arg)
{
    doing *d = arg;
    tr_token_reply_error(self, m.tx, d->err);
    return TR_OK;
}

static tr_err_t
do_receive(tr_self *self, void *arg)
{
    doing *d = arg;
    const void *got = NULL;
    d->err = tr_oneshot_recv(self, m.rx, d->type, d->wants_none ? NULL : (void *)&got, tr_ms(0));
    if (d->err == TR_OK && got != NULL) {
        const void *value = d->type != NULL ? got : tr_message_value(got);
        d->value = m.type == &number_type ? ((const number *)value)->value
                                          : ((const lump *)value)->data.size;
        give_back(stage.rt, self, got);
    }
    return TR_OK;
}

static tr_err_t
do_shut(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    tr_oneshot_shut(m.rx);
    return TR_OK;
}

static tr_err_t
do_close(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    tr_oneshot_close(m.rx);
    return TR_OK;
}

static tr_err_t
select_one(tr_self *self, tr_branch_t branch)
{
    size_t which;
    return self != NULL ? tr_select(self, &branch, 1, tr_ms(0), &which)
                        : tr_runtime_select(stage.rt, &branch, 1, tr_ms(0), &which);
}

static tr_err_t
do_look(tr_self *self, void *arg)
{
    doing *d = arg;
    d->is_so = tr_token_is_wanted(self, m.tx);
    d->err = tr_token_await_unwanted(self, m.tx, tr_ms(0));
    d->second = select_one(self, tr_when_unwanted(m.tx));
    return TR_OK;
}

static tr_err_t
do_select(tr_self *self, void *arg)
{
    doing *d = arg;
    d->err = select_one(self, tr_when_oneshot(m.rx));
    return TR_OK;
}

// ---- operations

typedef enum code {
    NEW,
    REPLY,
    FAIL,
    RECEIVE,
    SHUT,
    CLOSE,
    LOOK,
    SELECT,
    MOVE_TX,
    MOVE_RX,
    END,
    CODES
} code;

static const property_kind kinds[] = {
    [NEW] = {.name = "new", .weight = 12, .args = 1, .below = {HOLDERS}},
    [REPLY] = {.name = "reply", .weight = 3, .args = 2, .below = {2, 100}},
    [FAIL] = {.name = "fail", .weight = 1, .args = 1, .below = {3}},
    [RECEIVE] = {.name = "receive", .weight = 8, .args = 2, .below = {3, 2}},
    [SHUT] = {.name = "shut", .weight = 2},
    [CLOSE] = {.name = "close", .weight = 3},
    [LOOK] = {.name = "look", .weight = 3},
    [SELECT] = {.name = "select", .weight = 3},
    [MOVE_TX] = {.name = "move tx", .weight = 4, .args = 1, .below = {DESTINATIONS}},
    [MOVE_RX] = {.name = "move rx", .weight = 4, .args = 1, .below = {DESTINATIONS}},
    [END] = {.name = "end", .weight = 1, .args = 2, .below = {2, 2}},
};

static void
create(uint32_t holder)
{
    uint64_t returned = m.returned;
    memset(&m, 0, sizeof m);
    m.returned = returned;
    m.tx_holder = holder;
    m.rx_holder = holder;
    on(holder, do_create, NULL);
}

static bool
reply(trouble t, uint32_t type, uint64_t value)
{
    doing d = {.type = types[type], .value = value};
    tr_err_t expected = m.is_left ? TR_ECLOSED : TR_OK;
    m.value = type == 0 ? value : 10;
    on(m.tx_holder, do_reply, &d);
    model_sent(TR_OK, d.type);
    return SAME_ERR(t, "reply", d.err, expected);
}

static void
fail(uint32_t which)
{
    static const tr_err_t errors[] = {TR_OK, TR_EIO, TR_ECLOSED};
    doing d = {.err = errors[which]};
    on(m.tx_holder, do_fail, &d);
    model_sent(d.err == TR_OK ? TR_ENOREPLY : d.err, NULL);
}

static bool
receive(trouble t, uint32_t type, bool wants_none)
{
    doing d = {.type = types[type], .wants_none = wants_none};
    tr_err_t expected;
    if (m.is_received) {
        expected = TR_EALREADY;
    } else if (!m.is_sent) {
        expected = m.is_shut ? TR_ECLOSED : TR_ETIMEOUT;
    } else if (m.error != TR_OK) {
        expected = m.error;
    } else {
        expected = d.type != NULL && d.type != m.type ? TR_ETYPE : TR_OK;
    }
    on(m.rx_holder, do_receive, &d);
    m.is_received = m.is_received || m.is_sent;
    return SAME_ERR(t, "receive", d.err, expected) &&
           (expected != TR_OK || wants_none || SAME(t, "value", d.value, m.value));
}

static bool
look(trouble t)
{
    doing d = {.is_so = false};
    tr_err_t expected = m.is_left ? TR_OK : TR_ETIMEOUT;
    on(m.tx_holder, do_look, &d);
    return SAME(t, "is_wanted", d.is_so, !m.is_left) &&
           SAME_ERR(t, "await_unwanted", d.err, expected) &&
           SAME_ERR(t, "select unwanted", d.second, expected);
}

static bool
look_for_message(trouble t)
{
    doing d = {.is_so = false};
    on(m.rx_holder, do_select, &d);
    return SAME_ERR(t, "select", d.err, m.is_sent || m.is_shut ? TR_OK : TR_ETIMEOUT);
}

static void
move_tx(uint32_t to)
{
    if (move(m.tx_holder, to, (bag){.token = m.tx})) {
        m.tx_holder = to;
    } else if (to == TO_BIN) {
        model_sent(TR_ENOREPLY, NULL);
    }
}

static void
move_rx(uint32_t to)
{
    if (move(m.rx_holder, to, (bag){.oneshot = m.rx})) {
        m.rx_holder = to;
    } else if (to == TO_BIN) {
        model_closed();
    }
}

static void
end_holder(uint32_t who, bool by_crash)
{
    end_actor(who, by_crash);
    if (m.rx != NULL && m.rx_holder == who) {
        model_closed();
    }
    if (m.tx != NULL && m.tx_holder == who) {
        model_sent(by_crash ? TR_ECRASHED : TR_ENOREPLY, NULL);
    }
}

static bool
operate_tx(trouble t, const property_op *op)
{
    switch ((code)op->code) {
    case REPLY:
        return reply(t, op->args[0], op->args[1]);
    case FAIL:
        fail(op->args[0]);
        return true;
    case LOOK:
        return look(t);
    default:
        move_tx(op->args[0]);
        return true;
    }
}

static bool
operate_rx(trouble t, const property_op *op)
{
    switch ((code)op->code) {
    case RECEIVE:
        return receive(t, op->args[0], op->args[1] != 0);
    case SHUT:
        on(m.rx_holder, do_shut, NULL);
        model_left();
        m.is_shut = true;
        return true;
    case CLOSE:
        on(m.rx_holder, do_close, NULL);
        model_closed();
        return true;
    case SELECT:
        return look_for_message(t);
    default:
        move_rx(op->args[0]);
        return true;
    }
}

static bool
operate(trouble t, const property_op *op)
{
    switch ((code)op->code) {
    case NEW:
        if (m.tx == NULL && m.rx == NULL) {
            create(op->args[0]);
        }
        return true;
    case END:
        end_holder(1 + op->args[0], op->args[1] != 0);
        return true;
    case REPLY:
    case FAIL:
    case LOOK:
    case MOVE_TX:
        return m.tx == NULL || operate_tx(t, op);
    default:
        return m.rx == NULL || operate_rx(t, op);
    }
}

static bool
play(const property_op *ops, size_t count, char *why, size_t why_size)
{
    trouble t = {.why = why, .size = why_size};
    bool is_same = true;
    stage_begin_run();
    memset(&m, 0, sizeof m);
    create(ops[0].args[0]);
    for (size_t i = 1; i < count && is_same; i++) {
        is_same = operate(t, &ops[i]);
    }
    if (m.rx != NULL) {
        on(m.rx_holder, do_close, NULL);
        model_closed();
    }
    if (m.tx != NULL) {
        fail(0);
    }
    return is_same && stage_end_run(t, 0, 0, m.returned);
}

static const property oneshot_property = {
    .name = "oneshot",
    .kinds = kinds,
    .kind_count = CODES,
    .has_opening = true,
    .ops_max = 40,
    .runs = ONESHOT_RUNS,
    .run = play,
};

Test(oneshot, does_what_the_model_says_whatever_is_done_to_it)
{
    stage_open();
    PROPERTY_HOLDS(&oneshot_property);
    stage_close();
}
