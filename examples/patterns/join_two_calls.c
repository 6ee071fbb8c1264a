// join_two_calls.c: two questions under way at once, and an offer made of both answers.
//
//     build/examples/patterns/join_two_calls
//
// tr_call_begin asks and does not wait, so the store and the shop work at the same time, each on a
// worker. Beginning needs no check: whatever goes wrong is the result. tr_join_all waits until both
// are done, well or not, and each then says for itself how it went.
//
// Prints:
//     article 42: 7 in stock, at 12.50
//     article 43: 3 in stock, no price (TR_ENOTFOUND)
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define ARTICLE(F, T) F(T, u32, number)
#define AMOUNT(F, T)  F(T, u32, count)
#define PRICE(F, T)   F(T, i64, cents)
TR_MESSAGE(stock_get, ARTICLE);
TR_MESSAGE(price_get, ARTICLE);
TR_MESSAGE(offer_get, ARTICLE);
TR_MESSAGE(amount, AMOUNT);
TR_MESSAGE(price, PRICE);

static tr_err_t
store_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const stock_get *ask = tr_as(stock_get, msg);
    if (ask == NULL) {
        return TR_EUNHANDLED;
    }
    return tr_reply(self, TR_MSG(amount, .count = ask->number == 42 ? 7 : 3));
}

static tr_err_t
shop_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const price_get *ask = tr_as(price_get, msg);
    if (ask == NULL) {
        return TR_EUNHANDLED;
    }
    return ask->number == 42 ? tr_reply(self, TR_MSG(price, .cents = 1250))
                             : tr_reply_error(self, TR_ENOTFOUND);
}

static const tr_behavior_t store = {.name = "store", .receive = store_receive};
static const tr_behavior_t shop = {.name = "shop", .receive = shop_receive};

struct clerk {
    tr_ref_t store, shop;
};

static tr_err_t
clerk_start(tr_self *self, void *state, const void *arg)
{
    (void)arg;
    struct clerk *c = state;
    tr_err_t err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &store}, &c->store);
    return err != TR_OK ? err : tr_spawn(self, &(tr_spawn_opts_t){.behavior = &shop}, &c->shop);
}

static tr_err_t
make_offer(tr_self *self, const struct clerk *c, uint32_t number)
{
    tr_future *stock =
        tr_call_begin(self, c->store, TR_MSG(stock_get, .number = number), tr_seconds(5));
    tr_future *cost =
        tr_call_begin(self, c->shop, TR_MSG(price_get, .number = number), tr_seconds(5));
    tr_err_t err = tr_join_all(self, (tr_future *[]){stock, cost}, 2);
    if (err != TR_OK) {
        return err; // this handler is not to wait any more, and the futures are gone
    }
    const amount *a;
    const price *p;
    tr_err_t stock_err = tr_future_await(self, stock, TR_REPLY(amount, &a)); // does not wait
    tr_err_t cost_err = tr_future_await(self, cost, TR_REPLY(price, &p));
    printf("article %" PRIu32 ": ", number);
    if (stock_err == TR_OK) {
        printf("%" PRIu32 " in stock, ", a->count);
    } else {
        printf("no stock (%s), ", tr_errname(stock_err));
    }
    if (cost_err == TR_OK) {
        printf("at %" PRId64 ".%02" PRId64 "\n", p->cents / 100, p->cents % 100);
    } else {
        printf("no price (%s)\n", tr_errname(cost_err));
    }
    return tr_reply(self, TR_MSG(tr_done));
}

static tr_err_t
clerk_receive(tr_self *self, void *state, const tr_message *msg)
{
    const offer_get *ask = tr_as(offer_get, msg);
    return ask != NULL ? make_offer(self, state, ask->number) : TR_EUNHANDLED;
}

static const tr_behavior_t clerk = {
    .name = "clerk",
    .state_size = sizeof(struct clerk),
    .start = clerk_start,
    .receive = clerk_receive,
};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &clerk}, &ref);
    }
    for (uint32_t number = 42; number <= 43 && err == TR_OK; number++) {
        err = tr_runtime_call(rt, ref, TR_MSG(offer_get, .number = number), TR_REPLY_NONE,
                              tr_seconds(5));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
