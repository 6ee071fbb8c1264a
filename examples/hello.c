// hello.c: an actor that counts its visitors, and a thread outside that asks it.
//
//     build/examples/hello
//
// Prints:
//     welcome Ada, visitor 1
#include <stdio.h>
#include <troupe/troupe.h>

// What the two say to each other: data, so that the tools can read it too.
#define HELLO(F, T)   F(T, str, name)
#define WELCOME(F, T) F(T, str, name) F(T, u64, visitors)
TR_MESSAGE(hello, HELLO);
TR_MESSAGE(welcome, WELCOME);

struct door {
    uint64_t visitors;
};

static tr_err_t
door_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct door *door = state;
    const hello *h = tr_as(hello, msg);
    if (h != NULL) {
        return tr_reply(self, TR_MSG(welcome, .name = h->name, .visitors = ++door->visitors));
    }
    return TR_EUNHANDLED;
}

static const tr_behavior_t door = {
    .name = "door",
    .state_size = sizeof(struct door),
    .receive = door_receive,
};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    const welcome *answer;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &door}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(hello, .name = TR_STR("Ada")),
                              TR_REPLY(welcome, &answer), tr_seconds(1));
    }
    if (err == TR_OK) {
        printf("welcome %.*s, visitor %llu\n", (int)answer->name.size, answer->name.data,
               (unsigned long long)answer->visitors);
        tr_runtime_release(rt, answer);
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
