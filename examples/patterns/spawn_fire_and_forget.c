// spawn_fire_and_forget.c: letters that nobody waits for, and that nobody loses either.
//
//     build/examples/patterns/spawn_fire_and_forget
//
// A child is spawned, and its parent goes on. But nothing is detached: the parent hears of the end
// of each child (tr_child_exit; a failure that it does not want to know of is its own failure), and
// a child does not outlive it. When the office closes, a messenger that is still on its way is told
// to stop: its wait returns TR_ECANCELED, its stop handler runs, and then the office's own.
//
// Prints:
//     the office gives two letters away and goes on
//     the letter to Ada is delivered, and the office closes
//     the letter to Bob is brought back
//     the office is closed
#include <stdio.h>
#include <troupe/troupe.h>

#define LETTER(F, T) F(T, str, to) F(T, i64, takes_ms)
TR_MESSAGE(letter, LETTER);
TR_MESSAGE_EMPTY(open_office);

struct messenger {
    char to[16]; // of the letter that is in the bag; empty: there is none
};

static tr_err_t
messenger_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct messenger *m = state;
    const letter *l = tr_as(letter, msg);
    if (l == NULL) {
        return TR_EUNHANDLED;
    }
    snprintf(m->to, sizeof m->to, "%.*s", (int)l->to.size, l->to.data);
    tr_err_t err = tr_reply(self, TR_MSG(tr_done)); // it is in the bag; the handler goes on
    if (err == TR_OK) {
        err = tr_sleep(self, tr_ms(l->takes_ms)); // the way
    }
    if (err == TR_OK) {
        m->to[0] = '\0';
        tr_exit(self); // an orderly end
    }
    return err; // TR_ECANCELED of one that is told to stop is an orderly end as well
}

static void
messenger_stop(tr_self *self, void *state, tr_err_t reason)
{
    (void)self;
    (void)reason;
    const struct messenger *m = state;
    if (m->to[0] != '\0') {
        printf("the letter to %s is brought back\n", m->to);
    }
}

static const tr_behavior_t messenger = {
    .name = "messenger",
    .state_size = sizeof(struct messenger),
    .receive = messenger_receive,
    .stop = messenger_stop,
};

// Waits until the letter is handed over, and not for its delivery.
static tr_err_t
deliver(tr_self *self, tr_str_t to, int64_t takes_ms)
{
    tr_ref_t ref;
    tr_err_t err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &messenger}, &ref);
    return err != TR_OK ? err
                        : tr_call(self, ref, TR_MSG(letter, .to = to, .takes_ms = takes_ms),
                                  TR_REPLY_NONE, tr_seconds(5));
}

struct office {
    tr_token *opened; // to be answered when it is closed
};

static tr_err_t
office_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct office *o = state;
    if (tr_as(open_office, msg) != NULL) {
        tr_err_t err = tr_defer(self, &o->opened);
        err = err == TR_OK ? deliver(self, TR_STR("Bob"), 60000) : err;
        err = err == TR_OK ? deliver(self, TR_STR("Ada"), 20) : err;
        puts("the office gives two letters away and goes on");
        return err;
    }
    const tr_child_exit *child = tr_as(tr_child_exit, msg);
    if (child == NULL || child->reason != TR_OK) {
        return TR_EUNHANDLED;
    }
    puts("the letter to Ada is delivered, and the office closes");
    tr_exit(self); // when this handler returns: the children first, then myself
    return TR_OK;
}

static void
office_stop(tr_self *self, void *state, tr_err_t reason)
{
    (void)reason;
    struct office *o = state;
    puts("the office is closed");
    if (o->opened != NULL) {
        tr_err_t err = tr_token_reply(self, o->opened, TR_MSG(tr_done));
        (void)err; // what is not answered is answered at the end of this life: TR_ENOREPLY
    }
}

static const tr_behavior_t office = {
    .name = "office",
    .state_size = sizeof(struct office),
    .receive = office_receive,
    .stop = office_stop,
};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &office}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(open_office), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
