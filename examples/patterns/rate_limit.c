// rate_limit.c: a museum lets in so many a minute, and those who come wait at the door in a line.
//
//     build/examples/patterns/rate_limit
//
// tr_limiter_behavior is an actor with a bucket of tokens: here it holds three, and a new one comes
// every 20 ms. Who takes one waits until there is one, in the order of arrival; who would rather
// come back than wait says tr_limiter_try. Somebody who goes away from the line takes no token, and
// those behind move up.
//
// Prints:
//     the first three: in at once
//     one in a hurry: TR_EBUSY
//     a class of five: TR_EINVAL, the door is for three
//     ten more: in, after at least 200 ms
#include <stdio.h>
#include <troupe/troupe.h>

#define PERIOD_MS 20
#define PATIENCE  tr_seconds(10)

TR_MESSAGE_EMPTY(open_museum);

static tr_err_t
spawn_door(tr_self *self, tr_ref_t *out)
{
    tr_limiter_opts_t opts = {.tokens = 1, .period_ms = PERIOD_MS, .burst = 3};
    tr_spawn_opts_t spawn = {
        .behavior = &tr_limiter_behavior, .name = "door", .arg = &opts, .arg_size = sizeof opts};
    return tr_spawn(self, &spawn, out);
}

static tr_err_t
visit(tr_self *self, tr_ref_t door)
{
    int64_t since_ns = tr_now_ns(self);
    tr_err_t err = tr_limiter_try(self, door, 3, PATIENCE);
    printf("the first three: %s\n", err == TR_OK ? "in at once" : tr_errname(err));
    err = tr_limiter_try(self, door, 3, PATIENCE); // three more will not have come meanwhile
    printf("one in a hurry: %s\n", tr_errname(err));
    err = tr_limiter_acquire(self, door, 5, PATIENCE);
    printf("a class of five: %s, the door is for three\n", tr_errname(err));
    for (int i = 0; i < 10; i++) {
        err = tr_limiter_acquire(self, door, 1, PATIENCE);
        if (err != TR_OK) {
            return err;
        }
    }
    int64_t took_ms = (tr_now_ns(self) - since_ns) / 1000000;
    printf("ten more: in, %s\n", took_ms >= 10 * PERIOD_MS ? "after at least 200 ms" : "too soon");
    return TR_OK;
}

static tr_err_t
museum_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    tr_ref_t door;
    if (tr_as(open_museum, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = spawn_door(self, &door);
    err = err == TR_OK ? visit(self, door) : err;
    return err == TR_OK ? tr_reply(self, TR_MSG(tr_done)) : err;
}

static const tr_behavior_t museum = {.name = "museum", .receive = museum_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &museum}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(open_museum), TR_REPLY_NONE, tr_seconds(30));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
