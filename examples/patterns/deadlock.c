// deadlock.c: two clerks who ask each other, and neither of whom waits for ever.
//
//     build/examples/patterns/deadlock
//
// Ada asks Bob for his countersign, and Bob, while he handles that, asks Ada for hers. Ada takes no
// message while she waits, so nobody could ever go on. Troupe looks for this when a wait begins:
// the one that would close the ring fails at once, with TR_EDEADLK, whatever timeouts they have,
// and the log has the whole way round. To mend it, one of the two asks with tr_call_then, or is not
// asked.
//
// Prints:
//     the log: deadlock of 2: Bob calls [countersign] Ada calls [countersign] Bob
//     Bob asks back: TR_EDEADLK: waiting here would never end: the chain of waits leads back
//     Ada is told: TR_EDEADLK
#include <stdio.h>
#include <troupe/troupe.h>

#define SIGN(F, T) F(T, ref, other)
TR_MESSAGE(sign, SIGN);
TR_MESSAGE(countersign, SIGN);

static tr_err_t
clerk_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const sign *s = tr_as(sign, msg);
    const countersign *c = tr_as(countersign, msg);
    if (s != NULL) {
        tr_err_t err = tr_call(self, s->other, TR_MSG(countersign, .other = tr_self_ref(self)),
                               TR_REPLY_NONE, tr_seconds(10));
        printf("Ada is told: %s\n", tr_errname(err));
        return tr_reply(self, TR_MSG(tr_done));
    }
    if (c != NULL) {
        tr_err_t err = tr_call(self, c->other, TR_MSG(countersign, .other = tr_self_ref(self)),
                               TR_REPLY_NONE, tr_seconds(10)); // the mistake
        printf("Bob asks back: %s: %s\n", tr_errname(err), tr_strerror(err));
        return err == TR_OK ? tr_reply(self, TR_MSG(tr_done)) : tr_reply_error(self, err);
    }
    return TR_EUNHANDLED;
}

static const tr_behavior_t clerk = {.name = "clerk", .receive = clerk_receive};

// Without the numbers in parentheses, which tell actors of the same name apart.
static void
print_log(tr_log_level_t level, const char *line, void *arg)
{
    (void)level;
    (void)arg;
    fputs("the log: ", stdout);
    for (const char *at = line; *at != '\0'; at++) {
        const char *end = at[0] == ' ' && at[1] == '(' ? strchr(at, ')') : NULL;
        if (end != NULL) {
            at = end;
        } else {
            putchar(*at);
        }
    }
    puts("");
}

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ada, bob;
    tr_err_t err = tr_runtime_create(&(tr_runtime_opts_t){.log = print_log}, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &clerk, .name = "Ada"}, &ada);
    }
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &clerk, .name = "Bob"}, &bob);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ada, TR_MSG(sign, .other = bob), TR_REPLY_NONE, tr_seconds(20));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
