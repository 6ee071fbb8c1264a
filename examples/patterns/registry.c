// registry.c: a service that is found by its name, also after another has taken its place.
//
//     build/examples/patterns/registry
//
// A clerk takes the desk in its start handler: one that is there can be found. When Bo takes it
// over Ada is told, and goes home; had she crashed, the desk would have been free.
//
// Prints:
//     desk: there is no such thing
//     desk: Ada, at your service
//     desk: Bo, at your service
#include <stdio.h>
#include <troupe/troupe.h>

#define CLERK(F, T) F(T, str, name)
TR_MESSAGE(clerk, CLERK);
TR_MESSAGE_EMPTY(who_is_there);

struct clerk_opts {
    tr_ref_t names; // the registry
    char name[8];
};

static tr_err_t
clerk_start(tr_self *self, void *state, const void *arg)
{
    struct clerk_opts *me = state;
    *me = *(const struct clerk_opts *)arg;
    return tr_registry_take_over(self, me->names, TR_STR("desk"), tr_self_ref(self), tr_seconds(1),
                                 NULL);
}

static tr_err_t
clerk_receive(tr_self *self, void *state, const tr_message *msg)
{
    const struct clerk_opts *me = state;
    if (tr_as(tr_registry_lost, msg) != NULL) {
        tr_exit(self); // the desk is another's now
        return TR_OK;
    }
    return tr_as(who_is_there, msg) != NULL
               ? tr_reply(self, TR_MSG(clerk, .name = tr_str(me->name)))
               : TR_EUNHANDLED;
}

static const tr_behavior_t clerk_behavior = {
    .name = "clerk",
    .state_size = sizeof(struct clerk_opts),
    .start = clerk_start,
    .receive = clerk_receive,
};

static void
visit(tr_runtime *rt, tr_ref_t names)
{
    tr_ref_t desk;
    const clerk *c;
    tr_err_t err = tr_runtime_registry_lookup(rt, names, TR_STR("desk"), tr_seconds(1), &desk);
    if (err == TR_OK) {
        err = tr_runtime_call(rt, desk, TR_MSG(who_is_there), TR_REPLY(clerk, &c), tr_seconds(1));
    }
    if (err != TR_OK) {
        printf("desk: %s\n", tr_strerror(err));
        return;
    }
    printf("desk: %.*s, at your service\n", (int)c->name.size, c->name.data);
    tr_runtime_release(rt, c);
}

static tr_err_t
hire(tr_runtime *rt, struct clerk_opts opts)
{
    tr_ref_t ref; // of no use to anybody: the desk is what they ask for
    tr_spawn_opts_t spawn = {.behavior = &clerk_behavior, .arg = &opts, .arg_size = sizeof opts};
    return tr_runtime_spawn(rt, &spawn, &ref);
}

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t names;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &tr_registry_behavior}, &names);
    }
    if (err == TR_OK) {
        visit(rt, names);
        err = hire(rt, (struct clerk_opts){.names = names, .name = "Ada"});
    }
    if (err == TR_OK) {
        visit(rt, names);
        err = hire(rt, (struct clerk_opts){.names = names, .name = "Bo"});
    }
    if (err == TR_OK) {
        visit(rt, names);
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
