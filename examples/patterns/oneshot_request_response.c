// oneshot_request_response.c: an order, a ticket, and a guest who does something else meanwhile.
//
//     build/examples/patterns/oneshot_request_response
//
// A oneshot is a channel for one message. Its sending end is a token: a promise to answer, which
// travels in messages. The guest makes one and sends the token with the order; the till passes it
// on to the bar and forgets it; the bar answers, and the guest has it. A token that is dropped,
// here with the order nobody can fill, answers too: no promise is lost in silence.
//
// Prints:
//     the guest reads the paper
//     the guest has: espresso
//     tea: TR_ENOREPLY
#include <stdio.h>
#include <troupe/troupe.h>

#define ORDER(F, T)  F(T, str, drink) F(T, local(tr_token), ready)
#define SERVED(F, T) F(T, str, drink)
#define VISIT(F, T)  F(T, ref, till)
TR_MESSAGE(order, ORDER);
TR_MESSAGE(served, SERVED);
TR_MESSAGE(visit, VISIT);

static tr_err_t
bar_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const order *o = tr_as(order, msg);
    if (o == NULL) {
        return TR_EUNHANDLED;
    }
    if (!tr_str_equal(o->drink, TR_STR("espresso"))) {
        return TR_OK; // no tea here; the token ends with the message that it is in
    }
    tr_token *ready = tr_take(self, msg, order, ready); // mine from now on
    tr_err_t err = tr_token_reply(self, ready, TR_MSG(served, .drink = o->drink));
    return err == TR_ECLOSED ? TR_OK : err; // the guest has left: that is fine
}

static const tr_behavior_t bar = {.name = "bar", .receive = bar_receive};

static tr_err_t
till_start(tr_self *self, void *state, const void *arg)
{
    (void)arg;
    return tr_spawn(self, &(tr_spawn_opts_t){.behavior = &bar}, state);
}

static tr_err_t
till_receive(tr_self *self, void *state, const tr_message *msg)
{
    const tr_ref_t *to = state;
    const order *o = tr_as(order, msg);
    if (o == NULL) {
        return TR_EUNHANDLED;
    }
    tr_token *ready = tr_take(self, msg, order, ready);
    return tr_send(self, *to, TR_MSG(order, .drink = o->drink, .ready = ready));
}

static const tr_behavior_t till = {
    .name = "till",
    .state_size = sizeof(tr_ref_t),
    .start = till_start,
    .receive = till_receive,
};

static tr_err_t
place_order(tr_self *self, tr_ref_t to, tr_str_t drink, tr_oneshot **out)
{
    tr_token *ready;
    tr_err_t err = tr_oneshot_create(self, &ready, out);
    return err != TR_OK ? err : tr_send(self, to, TR_MSG(order, .drink = drink, .ready = ready));
}

static tr_err_t
guest_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const visit *v = tr_as(visit, msg);
    tr_oneshot *coffee, *tea;
    if (v == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = place_order(self, v->till, TR_STR("espresso"), &coffee);
    if (err == TR_OK) {
        err = place_order(self, v->till, TR_STR("tea"), &tea);
    }
    if (err != TR_OK) {
        return err; // what was made of them ends with this life
    }
    puts("the guest reads the paper");
    const served *s;
    err = tr_oneshot_recv(self, coffee, TR_REPLY(served, &s), tr_seconds(5));
    if (err == TR_OK) {
        printf("the guest has: %.*s\n", (int)s->drink.size, s->drink.data);
    }
    printf("tea: %s\n", tr_errname(tr_oneshot_recv(self, tea, TR_REPLY_NONE, tr_seconds(5))));
    tr_oneshot_close(coffee);
    tr_oneshot_close(tea);
    return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t guest = {.name = "guest", .receive = guest_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t who, to;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &till}, &to);
    }
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &guest}, &who);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, who, TR_MSG(visit, .till = to), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
