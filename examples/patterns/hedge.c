// hedge.c: a replica that is slow today, and another one that is asked when that shows.
//
//     build/examples/patterns/hedge
//
// tr_hedge asks the first; after a delay without an answer it asks the second too, and takes the
// first good answer of the two. Most requests cost one call, and the few slow ones no longer wait
// for the slow replica. The other call is canceled. Only for what may be done twice, such as a
// read.
//
// Prints:
//     east, then west: Lima, says east, who was asked once
//     north, then west: Lima, says west, who was asked once
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define LOOK_UP(F, T) F(T, str, country)
#define CAPITAL(F, T) F(T, str, city) F(T, str, replica) F(T, u32, asked)
#define FIND_IN(F, T) F(T, ref, first) F(T, ref, second)
TR_MESSAGE(look_up, LOOK_UP);
TR_MESSAGE(capital, CAPITAL);
TR_MESSAGE(find_in, FIND_IN);

struct replica {
    const char *name;
    int64_t takes_ms;
    uint32_t asked;
};

static tr_err_t
replica_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    *(struct replica *)state = *(const struct replica *)arg;
    return TR_OK;
}

static tr_err_t
replica_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct replica *r = state;
    if (tr_as(look_up, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    r->asked++;
    tr_err_t err = tr_sleep(self, tr_ms(r->takes_ms)); // TR_ECANCELED: the other was faster
    return err != TR_OK ? err
                        : tr_reply(self, TR_MSG(capital, .city = TR_STR("Lima"),
                                                .replica = tr_str(r->name), .asked = r->asked));
}

static const tr_behavior_t replica = {
    .name = "replica",
    .state_size = sizeof(struct replica),
    .start = replica_start,
    .receive = replica_receive,
};

static tr_err_t
client_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const find_in *f = tr_as(find_in, msg);
    const capital *c;
    if (f == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_hedge(self, f->first, f->second, TR_MSG(look_up, .country = TR_STR("Peru")),
                            tr_ms(500), TR_REPLY(capital, &c), tr_seconds(10));
    return err != TR_OK ? tr_reply_error(self, err) : tr_reply(self, &capital_type, c);
}

static const tr_behavior_t client = {.name = "client", .receive = client_receive};

static tr_err_t
find(tr_runtime *rt, tr_ref_t to, const char *how, tr_ref_t first, tr_ref_t second)
{
    const capital *c;
    tr_err_t err = tr_runtime_call(rt, to, TR_MSG(find_in, .first = first, .second = second),
                                   TR_REPLY(capital, &c), tr_seconds(10));
    if (err == TR_OK) {
        printf("%s: %.*s, says %.*s, who was asked %s\n", how, (int)c->city.size, c->city.data,
               (int)c->replica.size, c->replica.data, c->asked == 1 ? "once" : "more than once");
        tr_runtime_release(rt, c);
    }
    return err;
}

int
main(void)
{
    static const struct replica replicas[] = {{"east", 0, 0}, {"west", 0, 0}, {"north", 60000, 0}};
    tr_runtime *rt = NULL;
    tr_ref_t ref, refs[3];
    tr_err_t err = tr_runtime_create(NULL, &rt);
    for (int i = 0; i < 3 && err == TR_OK; i++) {
        tr_spawn_opts_t opts = {
            .behavior = &replica, .arg = &replicas[i], .arg_size = sizeof replicas[i]};
        err = tr_runtime_spawn(rt, &opts, &refs[i]);
    }
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &client}, &ref);
    }
    if (err == TR_OK) {
        err = find(rt, ref, "east, then west", refs[0], refs[1]);
    }
    if (err == TR_OK) {
        err = find(rt, ref, "north, then west", refs[2], refs[1]);
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
