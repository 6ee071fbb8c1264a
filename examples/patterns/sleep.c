// sleep.c: three eggs on one stove, and a cook who does not stand beside it.
//
//     build/examples/patterns/sleep
//
// tr_sleep suspends the actor that says it, and nobody else: there is one worker, one thread, and
// three eggs cook on it at once. A sleep ends early, with an error, when the deadline of the
// request comes first (TR_ETIMEOUT) or when nobody wants the result any more (TR_ECANCELED).
//
// Prints:
//     the soft one is done
//     the medium one is done
//     the hard one is done
//     a stone, cooked for 10 ms at most: TR_ETIMEOUT
#include <stdio.h>
#include <troupe/troupe.h>

TR_MESSAGE_EMPTY(breakfast);

struct egg {
    const char *name;
    int64_t time_ms;
};

static tr_err_t
cook_egg(tr_self *self, void *arg)
{
    const struct egg *egg = arg;
    tr_err_t err = tr_sleep(self, tr_ms(egg->time_ms));
    if (err == TR_OK) {
        printf("the %s one is done\n", egg->name);
    }
    return err;
}

static tr_err_t
cook_all(tr_self *self)
{
    static const struct egg eggs[] = {{"hard", 250}, {"soft", 50}, {"medium", 150}};
    static const struct egg stone = {"stone", 60000};
    tr_future *pots[3];
    for (int i = 0; i < 3; i++) {
        pots[i] = tr_task(self, cook_egg, &eggs[i], sizeof eggs[i], TR_FOREVER);
    }
    tr_err_t err = tr_try_join(self, pots, 3);
    if (err != TR_OK) {
        return err; // all three are gone
    }
    for (int i = 0; i < 3; i++) {
        err = err == TR_OK ? tr_future_await(self, pots[i], TR_REPLY_NONE) : err;
    }
    tr_future *pot = tr_task(self, cook_egg, &stone, sizeof stone, tr_ms(10));
    printf("a stone, cooked for 10 ms at most: %s\n",
           tr_errname(tr_future_await(self, pot, TR_REPLY_NONE)));
    return err;
}

static tr_err_t
cook_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    if (tr_as(breakfast, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = cook_all(self);
    return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t cook = {.name = "cook", .receive = cook_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(&(tr_runtime_opts_t){.workers = 1}, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &cook}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(breakfast), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
