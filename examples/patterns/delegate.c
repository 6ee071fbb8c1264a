// delegate.c: a librarian who does not fetch the books, and does not carry the answers.
//
//     build/examples/patterns/delegate
//
// tr_delegate hands the request in hand to another actor, as if the caller had asked there: the
// deadline goes along, the answer goes straight back, and the librarian is free for the next reader
// at once. A router, a pool of workers, a shard by key: nobody in the middle waits. When the other
// is gone the duty to answer is still the librarian's, who says so.
//
// Prints:
//     Austen: shelf 4, says the room A-M
//     Woolf: shelf 9, says the room N-Z
//     Proust: TR_EDEAD, the room N-Z is closed
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define FIND(F, T)  F(T, str, author)
#define SHELF(F, T) F(T, str, room) F(T, u32, number)
TR_MESSAGE(find, FIND);
TR_MESSAGE(shelf, SHELF);
TR_MESSAGE_EMPTY(close_room);

struct room {
    const char *name;
    uint32_t shelf;
};

static tr_err_t
room_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    *(struct room *)state = *(const struct room *)arg;
    return TR_OK;
}

static tr_err_t
room_receive(tr_self *self, void *state, const tr_message *msg)
{
    const struct room *r = state;
    if (tr_as(find, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    return tr_reply(self, TR_MSG(shelf, .room = tr_str(r->name), .number = r->shelf));
}

static const tr_behavior_t room = {
    .name = "room",
    .state_size = sizeof(struct room),
    .start = room_start,
    .receive = room_receive,
};

struct library {
    tr_ref_t rooms[2];
};

static tr_err_t
library_start(tr_self *self, void *state, const void *arg)
{
    (void)arg;
    static const struct room rooms[] = {{"A-M", 4}, {"N-Z", 9}};
    struct library *l = state;
    tr_err_t err = TR_OK;
    for (int i = 0; i < 2 && err == TR_OK; i++) {
        tr_spawn_opts_t opts = {.behavior = &room, .arg = &rooms[i], .arg_size = sizeof rooms[i]};
        err = tr_spawn(self, &opts, &l->rooms[i]);
    }
    return err;
}

static tr_err_t
library_receive(tr_self *self, void *state, const tr_message *msg)
{
    const struct library *l = state;
    const find *f = tr_as(find, msg);
    if (f != NULL && f->author.size != 0) {
        tr_err_t err = tr_delegate(self, l->rooms[f->author.data[0] < 'N' ? 0 : 1]);
        return err == TR_EDEAD ? tr_reply_error(self, err) : err;
    }
    if (tr_as(close_room, msg) != NULL) {
        tr_err_t err = tr_stop(self, l->rooms[1]);
        const tr_message *end;
        err = err == TR_OK ? tr_receive(self, TR_TYPES(tr_child_exit), &end, TR_FOREVER) : err;
        return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
    }
    return TR_EUNHANDLED;
}

static const tr_behavior_t library = {
    .name = "library",
    .state_size = sizeof(struct library),
    .start = library_start,
    .receive = library_receive,
};

static tr_err_t
ask(tr_runtime *rt, tr_ref_t ref, const char *author)
{
    const shelf *s;
    tr_err_t err = tr_runtime_call(rt, ref, TR_MSG(find, .author = tr_str(author)),
                                   TR_REPLY(shelf, &s), tr_seconds(5));
    if (err == TR_OK) {
        printf("%s: shelf %" PRIu32 ", says the room %.*s\n", author, s->number, (int)s->room.size,
               s->room.data);
        tr_runtime_release(rt, s);
    }
    return err;
}

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &library}, &ref);
    }
    if (err == TR_OK) {
        err = ask(rt, ref, "Austen");
    }
    if (err == TR_OK) {
        err = ask(rt, ref, "Woolf");
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(close_room), TR_REPLY_NONE, tr_seconds(5));
    }
    if (err == TR_OK) {
        printf("Proust: %s, the room N-Z is closed\n", tr_errname(ask(rt, ref, "Proust")));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
