// live_test.c: the troupe command looks into this very process.
#include "command.h"

#include <stdatomic.h>

#include "troupe/actor.h"
#include "troupe/runtime.h"

#define LIVE_NOTE(F, T) F(T, str, key) F(T, secret(str), password)
TR_MESSAGE(live_note, LIVE_NOTE);

static command_run run;
static tr_runtime *rt;
static _Atomic bool busy;

static tr_err_t
sleeper_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    (void)msg;
    // seq_cst, unpaired: a flag of the test.
    atomic_store_explicit(&busy, true, memory_order_seq_cst);
    tr_err_t err = tr_sleep(self, tr_seconds(60));
    return err == TR_ECANCELED ? TR_OK : err;
}
static const tr_behavior_t sleeper = {.name = "sleeper", .receive = sleeper_receive};

static void
setup(void)
{
    tr_ref_t ref;
    command_setup();
    assert_ok(tr_runtime_create(
        &(tr_runtime_opts_t){.name = "live", .workers = 1, .inspect = TR_INSPECT_ON}, &rt));
    assert_ok(tr_runtime_spawn(
        rt, &(tr_spawn_opts_t){.behavior = &sleeper, .name = "dozer", .mailbox_count = 9}, &ref));
    for (int i = 0; i < 3; i++) {
        assert_ok(tr_runtime_send(
            rt, ref, TR_MSG(live_note, .key = TR_STR("apple"), .password = TR_STR("hunter2")),
            tr_seconds(5)));
    }
    for (int i = 0; i < 5000 && !atomic_load_explicit(&busy, memory_order_seq_cst); i++) {
        (void)poll(NULL, 0, 1);
    }
}

static void
teardown(void)
{
    tr_runtime_destroy(rt);
    command_teardown();
}

TestSuite(live, .init = setup, .fini = teardown, .timeout = 30);

static void
exec(const char *a1, const char *a2, const char *a3)
{
    char number[24];
    snprintf(number, sizeof number, "%ld", (long)getpid());
    command_exec(&run, "-p", number, a1, a2, a3);
    cr_assert(run.status == 0, "exit %d: %s", run.status, run.err);
}

static bool
has(const char *part)
{
    return strstr(run.out, part) != NULL;
}

Test(live, ps_and_tree_show_the_actor)
{
    exec("ps", NULL, NULL);
    cr_expect(has("dozer") && has("waiting: sleep") && has("2/9"), "%s", run.out);
    exec("ps", "doz*", "--json");
    cr_expect(has("\"name\":\"dozer\"") && has("\"queued\":2"), "%s", run.out);
    exec("tree", NULL, NULL);
    cr_expect(has("└─ dozer (sleeper)"), "%s", run.out);
}

Test(live, mailbox_shows_the_fields_and_hides_the_secret)
{
    exec("mailbox", "dozer", NULL);
    cr_expect(has("2 of 9 messages") && has("key: \"apple\"") && has("password: \"***\""), "%s",
              run.out);
    cr_expect(has("hunter2") == false);
    exec("mailbox", "dozer", "--json");
    cr_expect(has("\"type\":\"live_note\"") && has("\"password\":\"***\""), "%s", run.out);
}

Test(live, stats_of_an_actor_show_the_ledger_of_its_mailbox)
{
    exec("stats", "dozer", NULL);
    cr_expect(has("RECEIVED") && has("DISCARDED") && has("dozer"), "%s", run.out);
    exec("stats", "doz*", "--json");
    cr_expect(has("\"name\":\"dozer\"") && has("\"failed\":0") && has("\"expired\":0"), "%s",
              run.out);
    char number[24];
    snprintf(number, sizeof number, "%ld", (long)getpid());
    command_exec(&run, "-p", number, "stats", "nobody", NULL);
    cr_expect(run.status == 3, "exit %d: %s", run.status, run.err);
}

Test(live, stats_show_the_ledger)
{
    exec("stats", NULL, NULL);
    cr_expect(has("live, process") && has("accepted"), "%s", run.out);
    exec("stats", "--json", NULL);
    cr_expect(has("\"workers\":1") && has("\"ledger\":{"), "%s", run.out);
}
