// broadcast.c: one newsroom, two readers, and one of them on holiday.
//
//     build/examples/patterns/broadcast
//
// Every reader gets every message from the moment it subscribed. The newsroom never waits: the
// newest four are kept, and a reader that falls further behind is told how many it has missed and
// goes on from there. So a slow reader costs nobody else anything, and never believes that it has
// seen all when it has not.
//
// Prints:
//     Ada: 1 2 3, TR_ETIMEOUT
//     Ada: 4 5 6, TR_ETIMEOUT
//     Bob: (missed 2) 3 4 5 6, TR_ECLOSED
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define NEWS(F, T)      F(T, u32, number)
#define SUBSCRIBE(F, T) F(T, local(tr_broadcast_rx), paper)
TR_MESSAGE(news, NEWS);
TR_MESSAGE(subscribe, SUBSCRIBE);
TR_MESSAGE_EMPTY(catch_up);
TR_MESSAGE_EMPTY(publish_all);

struct reader {
    const char *name;
    tr_broadcast_rx *paper;
};

static tr_err_t
reader_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    *(struct reader *)state = (struct reader){.name = arg};
    return TR_OK;
}

// What is there now, to the last. One that lives for its paper would wait with TR_FOREVER.
static tr_err_t
read_all(tr_self *self, struct reader *r)
{
    const tr_message *msg;
    tr_err_t err = TR_OK;
    printf("%s:", r->name);
    while (err == TR_OK || err == TR_ELAGGED) {
        err = tr_broadcast_recv(self, r->paper, &msg, tr_ms(0));
        if (err == TR_OK) {
            printf(" %" PRIu32, tr_as(news, msg)->number);
            tr_release(self, msg);
        } else if (err == TR_ELAGGED) {
            printf(" (missed %" PRIu64 ")", tr_broadcast_missed(r->paper));
        }
    }
    printf(", %s\n", tr_errname(err));
    return err == TR_ETIMEOUT || err == TR_ECLOSED ? tr_reply(self, TR_MSG(tr_done)) : err;
}

static tr_err_t
reader_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct reader *r = state;
    if (tr_as(subscribe, msg) != NULL) {
        r->paper = tr_take(self, msg, subscribe, paper); // mine, to the end of this life
        return TR_OK;
    }
    return tr_as(catch_up, msg) != NULL ? read_all(self, r) : TR_EUNHANDLED;
}

static const tr_behavior_t reader = {
    .name = "reader",
    .state_size = sizeof(struct reader),
    .start = reader_start,
    .receive = reader_receive,
};

static tr_err_t
add_reader(tr_self *self, tr_broadcast_tx *paper, const char *name, tr_ref_t *out)
{
    tr_broadcast_rx *rx;
    tr_spawn_opts_t opts = {.behavior = &reader, .arg = name, .arg_size = strlen(name) + 1};
    tr_err_t err = tr_spawn(self, &opts, out);
    if (err == TR_OK) {
        err = tr_broadcast_subscribe(self, paper, &rx);
    }
    return err != TR_OK ? err : tr_send(self, *out, TR_MSG(subscribe, .paper = rx));
}

static tr_err_t
publish(tr_self *self, tr_broadcast_tx *paper, uint32_t first, uint32_t last)
{
    tr_err_t err = TR_OK;
    for (uint32_t i = first; i <= last && err == TR_OK; i++) {
        err = tr_broadcast_send(self, paper, TR_MSG(news, .number = i), NULL);
    }
    return err;
}

static tr_err_t
let_read(tr_self *self, tr_ref_t who)
{
    return tr_call(self, who, TR_MSG(catch_up), TR_REPLY_NONE, tr_seconds(5));
}

static tr_err_t
newsroom_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    tr_broadcast_tx *paper;
    tr_ref_t ada, bob;
    if (tr_as(publish_all, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_broadcast_create(self, &(tr_broadcast_opts_t){.count = 4}, &paper, NULL);
    err = err == TR_OK ? add_reader(self, paper, "Ada", &ada) : err;
    err = err == TR_OK ? add_reader(self, paper, "Bob", &bob) : err;
    err = err == TR_OK ? publish(self, paper, 1, 3) : err;
    err = err == TR_OK ? let_read(self, ada) : err;
    err = err == TR_OK ? publish(self, paper, 4, 6) : err;
    err = err == TR_OK ? let_read(self, ada) : err;
    if (err == TR_OK) {
        tr_broadcast_tx_close(paper); // the last sending end: the readers hear of it
        err = let_read(self, bob);
    }
    return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t newsroom = {.name = "newsroom", .receive = newsroom_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &newsroom}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(publish_all), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
