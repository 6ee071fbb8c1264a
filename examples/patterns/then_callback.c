// then_callback.c: a shop that takes the next order while the warehouse looks for the first.
//
//     build/examples/patterns/then_callback
//
// A handler that waits takes no other message. One that says tr_call_then does not wait: it
// returns, the actor is open to the next message, and a function runs between two of them when the
// answer is there, or the error. Several may be under way, in the middle of anything: what the
// function needs to know of its own call is in `arg`, here the token of the customer, and not in
// the state.
//
// Prints:
//     the shop has 2 orders under way
//     the book: 1 piece
//     the lamp: TR_ENOTFOUND
//     the shop has 0 orders under way
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define ITEM(F, T)  F(T, str, item)
#define COUNT(F, T) F(T, u32, count)
TR_MESSAGE(order, ITEM);
TR_MESSAGE(fetch, ITEM);
TR_MESSAGE(pieces, COUNT);
TR_MESSAGE_EMPTY(status); // answered with pieces
TR_MESSAGE_EMPTY(unlock); // the warehouse finds nothing before
TR_MESSAGE_EMPTY(visit);

// ---- the shop

struct shop {
    tr_ref_t warehouse;
    uint32_t under_way;
};

static tr_err_t
shop_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    ((struct shop *)state)->warehouse = *(const tr_ref_t *)arg;
    return TR_OK;
}

static tr_err_t
on_fetched(tr_self *self, void *state, tr_err_t err, const tr_message *answer, void *arg)
{
    struct shop *s = state;
    tr_token *customer = arg;
    s->under_way--;
    if (err != TR_OK) {
        tr_token_reply_error(self, customer, err);
        return TR_OK;
    }
    return tr_token_reply(self, customer, tr_message_type(answer), tr_message_value(answer));
}

static tr_err_t
take_order(tr_self *self, struct shop *s, const order *o)
{
    tr_token *customer;
    tr_err_t err = tr_defer(self, &customer); // the duty to answer: on_fetched does
    if (err == TR_OK) {
        s->under_way++;
        err = tr_call_then(self, s->warehouse, TR_MSG(fetch, .item = o->item), tr_seconds(5),
                           on_fetched, customer);
    }
    return err;
}

static tr_err_t
shop_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct shop *s = state;
    if (tr_as(status, msg) != NULL) {
        return tr_reply(self, TR_MSG(pieces, .count = s->under_way));
    }
    const order *o = tr_as(order, msg);
    return o != NULL ? take_order(self, s, o) : TR_EUNHANDLED;
}

static const tr_behavior_t shop = {
    .name = "shop",
    .state_size = sizeof(struct shop),
    .start = shop_start,
    .receive = shop_receive,
};

// ---- the warehouse, and a customer

static tr_err_t
warehouse_receive(tr_self *self, void *state, const tr_message *msg)
{
    bool *is_open = state;
    const fetch *f = tr_as(fetch, msg);
    const tr_message *key;
    if (f == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = *is_open ? TR_OK : tr_receive(self, TR_TYPES(unlock), &key, tr_seconds(5));
    if (err != TR_OK) {
        return err;
    }
    *is_open = true;
    return tr_str_equal(f->item, TR_STR("book")) ? tr_reply(self, TR_MSG(pieces, .count = 1))
                                                 : tr_reply_error(self, TR_ENOTFOUND);
}

static const tr_behavior_t warehouse = {
    .name = "warehouse",
    .state_size = sizeof(bool),
    .receive = warehouse_receive,
};

static tr_err_t
look_around(tr_self *self, tr_ref_t to)
{
    const pieces *p;
    tr_err_t err = tr_call(self, to, TR_MSG(status), TR_REPLY(pieces, &p), tr_seconds(5));
    if (err == TR_OK) {
        printf("the shop has %" PRIu32 " orders under way\n", p->count);
    }
    return err;
}

static tr_err_t
buy(tr_self *self, tr_ref_t to, tr_ref_t locked)
{
    const pieces *p;
    tr_future *book = tr_call_begin(self, to, TR_MSG(order, TR_STR("book")), tr_seconds(5));
    tr_future *lamp = tr_call_begin(self, to, TR_MSG(order, TR_STR("lamp")), tr_seconds(5));
    tr_err_t err = look_around(self, to); // asked after both, and answered before both
    err = err == TR_OK ? tr_send(self, locked, TR_MSG(unlock)) : err;
    err = err == TR_OK ? tr_future_await(self, book, TR_REPLY(pieces, &p)) : err;
    if (err != TR_OK) {
        return err;
    }
    printf("the book: %" PRIu32 " piece\n", p->count);
    printf("the lamp: %s\n", tr_errname(tr_future_await(self, lamp, TR_REPLY_NONE)));
    return look_around(self, to);
}

static tr_err_t
customer_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    tr_ref_t to, where;
    if (tr_as(visit, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &warehouse}, &where);
    tr_spawn_opts_t opts = {.behavior = &shop, .arg = &where, .arg_size = sizeof where};
    err = err == TR_OK ? tr_spawn(self, &opts, &to) : err;
    err = err == TR_OK ? buy(self, to, where) : err;
    return err == TR_OK ? tr_reply(self, TR_MSG(tr_done)) : err;
}

static const tr_behavior_t customer = {.name = "customer", .receive = customer_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &customer}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(visit), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
