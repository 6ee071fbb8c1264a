// crash_and_carry_on.c: a counter that fails at 13, is restarted, and counts on from its mailbox.
//
//     build/examples/crash_and_carry_on
//
// The address is the same after the restart and the queued messages are still there; the state is
// new, and the one message that was in hand is gone: its caller is told.
//
// Prints:
//     12 -> sum 12
//     13 -> TR_ECRASHED: the actor failed while it handled the request
//     14 -> sum 14
#include <stdio.h>
#include <troupe/troupe.h>

#define ADD(F, T) F(T, i64, number)
#define SUM(F, T) F(T, i64, sum)
TR_MESSAGE(add, ADD);
TR_MESSAGE(sum, SUM);

static tr_err_t
counter_receive(tr_self *self, void *state, const tr_message *msg)
{
    int64_t *total = state;
    const add *a = tr_as(add, msg);
    if (a == NULL) {
        return TR_EUNHANDLED;
    }
    if (a->number == 13) {
        tr_fail(self, TR_EFAULT, "I do not count to %d", 13);
    }
    *total += a->number;
    return tr_reply(self, TR_MSG(sum, .sum = *total));
}

static const tr_behavior_t counter = {
    .name = "counter",
    .state_size = sizeof(int64_t),
    .receive = counter_receive,
};

static const tr_child_t children[] = {{.id = "counter", .behavior = &counter}};
static const tr_supervisor_t house = {.name = "house", .children = children, .child_count = 1};

static void
say_nothing(tr_log_level_t level, const char *line, void *arg)
{
    (void)level;
    (void)line; // "counter (4) failed: TR_EFAULT "I do not count to 13" while handling add, …"
    (void)arg;
}

static tr_err_t
count_to(tr_runtime *rt, tr_ref_t ref, int64_t number)
{
    const sum *s;
    tr_err_t err =
        tr_runtime_call(rt, ref, TR_MSG(add, .number = number), TR_REPLY(sum, &s), tr_seconds(1));
    if (err != TR_OK) {
        printf("%lld -> %s: %s\n", (long long)number, tr_errname(err), tr_strerror(err));
        return err;
    }
    printf("%lld -> sum %lld\n", (long long)number, (long long)s->sum);
    tr_runtime_release(rt, s);
    return TR_OK;
}

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    const tr_supervisor_child *child;
    tr_err_t err = tr_runtime_create(&(tr_runtime_opts_t){.log = say_nothing}, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt,
                               &(tr_spawn_opts_t){.behavior = &tr_supervisor_behavior,
                                                  .arg = &house,
                                                  .arg_size = sizeof house},
                               &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(tr_supervisor_which, .id = TR_STR("counter")),
                              TR_REPLY(tr_supervisor_child, &child), tr_seconds(1));
    }
    if (err == TR_OK) {
        for (int64_t number = 12; number <= 14; number++) {
            err = count_to(rt, child->child, number); // the last one decides
        }
        tr_runtime_release(rt, child);
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
