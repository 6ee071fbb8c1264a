// outside_test.c: threads that are not the runtime's: their calls and sends, and the runtime's own
// beginning and end.
#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

#include "troupe_test.h"

TestSuite(outside, .timeout = 60);
TestSuite(runtime, .timeout = 120);

static tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static tr_err_t
answer_number(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    const number *n = tr_as(number, msg);
    return n != NULL ? tr_reply(self, TR_MSG(number, .value = n->value * 2)) : TR_EUNHANDLED;
}

// ---- options

Test(runtime, refuses_bad_options)
{
    tr_runtime *rt = NULL;
    tr_runtime_opts_t bad[] = {
        {.workers = 257}, {.stack_bytes = 1000}, {.inspect = 9}, {.log_level = (tr_log_level_t)4}};
    for (int i = 0; i < 4; i++) {
        assert_err(tr_runtime_create(&bad[i], &rt), TR_EINVAL);
        cr_assert(rt == NULL);
    }
    tr_runtime_destroy(NULL);
}

// ---- the log

static void
count_line(tr_log_level_t level, const char *line, void *arg)
{
    uint32_t *lines = arg;
    (void)line;
    lines[level]++;
}

Test(runtime, log_gets_what_is_as_severe_as_was_asked_for)
{
    for (int least = TR_LOG_DEBUG; least <= TR_LOG_ERROR; least++) {
        uint32_t lines[TR_LOG_ERROR + 1] = {0};
        tr_runtime *rt = NULL;
        tr_runtime_opts_t opts = {
            .workers = 1, .log = count_line, .log_arg = lines, .log_level = (tr_log_level_t)least};
        assert_ok(tr_runtime_create(&opts, &rt));
        tr_ref_t ref = troupe_puppet(rt, NULL);
        assert_err(tr_runtime_spawn(rt, &(tr_spawn_opts_t){0}, &ref), TR_EINVAL);
        assert_err(
            tr_runtime_call(rt, ref, TR_MSG(number, .value = 1), TR_REPLY_NONE, tr_seconds(20)),
            TR_EUNHANDLED);
        troupe_end(rt);
        cr_expect(eq(u32, lines[TR_LOG_ERROR], 1));
        cr_expect(eq(u32, lines[TR_LOG_WARN], least <= TR_LOG_WARN ? 1 : 0));
    }
}

// ---- calls

typedef struct caller {
    tr_runtime *rt;
    tr_ref_t to;
    int index;
    _Atomic int wrong;
    _Atomic int timeouts;
} caller;

static void *
call_many(void *arg)
{
    caller *c = arg;
    for (uint64_t i = 0; i < 500; i++) {
        const number *answer;
        uint64_t value = i * 100 + (uint64_t)c->index;
        tr_err_t err = tr_runtime_call(c->rt, c->to, TR_MSG(number, .value = value),
                                       TR_REPLY(number, &answer), tr_seconds(20));
        if (err != TR_OK || answer->value != 2 * value) {
            c->wrong++;
        }
        if (err == TR_OK) {
            tr_runtime_release(c->rt, answer);
        }
    }
    return NULL;
}

Test(outside, eight_threads_call_at_once_and_each_gets_its_own_answers)
{
    tr_runtime *rt = troupe_begin(2);
    part role = {.receive = answer_number};
    tr_ref_t to;
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(&role, .mailbox_count = 3), &to));
    pthread_t threads[8];
    caller c[8];
    for (int i = 0; i < 8; i++) {
        c[i] = (caller){.rt = rt, .to = to, .index = i};
        pthread_create(&threads[i], NULL, call_many, &c[i]);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        cr_assert(eq(int, c[i].wrong, 0));
    }
    troupe_end(rt);
}

static tr_err_t
answer_slowly(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    const number *n = tr_as(number, msg);
    if (n == NULL) {
        return TR_EUNHANDLED;
    }
    if (n->value % 3 == 0) {
        // It answers, but whoever asked has given up.
        tr_err_t err = tr_sleep(self, tr_ms(2));
        (void)err;
    }
    return tr_reply(self, TR_MSG(number, .value = n->value * 2));
}

static void *
call_impatiently(void *arg)
{
    caller *c = arg;
    for (uint64_t i = 0; i < 60; i++) {
        const number *answer;
        uint64_t value = i * 100 + (uint64_t)c->index;
        tr_err_t err = tr_runtime_call(c->rt, c->to, TR_MSG(number, .value = value),
                                       TR_REPLY(number, &answer), tr_us(500));
        if (err == TR_OK) {
            c->wrong += answer->value != 2 * value;
            tr_runtime_release(c->rt, answer);
        } else {
            c->timeouts++;
            c->wrong += err != TR_ETIMEOUT;
        }
    }
    return NULL;
}

Test(outside, a_late_answer_is_never_taken_for_the_next_one_and_is_accounted_for_at_once)
{
    tr_runtime *rt = troupe_begin(2);
    part role = {.receive = answer_slowly};
    tr_ref_t to = troupe_puppet(rt, &role);
    pthread_t threads[4];
    caller c[4];
    for (int i = 0; i < 4; i++) {
        c[i] = (caller){.rt = rt, .to = to, .index = i};
        pthread_create(&threads[i], NULL, call_impatiently, &c[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        cr_assert(eq(int, c[i].wrong, 0));
        cr_assert(gt(int, c[i].timeouts, 0));
    }
    // At rest the ledger is exact, without another call from here.
    troupe_expect_balance(rt);
    troupe_end(rt);
}

static tr_err_t
sleep_forever(tr_self *self, void *arg)
{
    cue_give(arg);
    return tr_sleep(self, TR_FOREVER);
}

static tr_err_t
return_eio(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

Test(outside, a_call_has_the_outcomes_of_a_call)
{
    tr_runtime *rt = troupe_begin(2);
    cue waits;
    cue_init(&waits);
    const number *answer = NULL;
    tr_ref_t a = troupe_puppet(rt, NULL);
    assert_err(tr_runtime_call(rt, a, TR_MSG(number, .value = 1), TR_REPLY_NONE, tr_seconds(20)),
               TR_EUNHANDLED);
    assert_err(tr_runtime_call(rt, a, ACT_MSG(do_nothing, NULL), TR_REPLY(number, &answer),
                               tr_seconds(20)),
               TR_ETYPE);
    cr_assert(answer == NULL);
    assert_err(tr_runtime_call(rt, a, NULL, NULL, TR_REPLY_NONE, tr_seconds(20)), TR_EINVAL);
    assert_err(tr_runtime_call(rt, a, ACT_MSG(sleep_forever, &waits), TR_REPLY_NONE, tr_ms(3)),
               TR_ETIMEOUT);
    CUE_AWAIT(&waits);
    // Its own wait has timed out with the request: that is not its failure.
    assert_ok(troupe_act(rt, a, do_nothing, NULL));
    assert_err(troupe_act(rt, a, return_eio, NULL), TR_ECRASHED);
    const tr_message *any = NULL;
    a = troupe_puppet(rt, &(part){.receive = answer_number});
    assert_ok(
        tr_runtime_call(rt, a, TR_MSG(number, .value = 4), TR_REPLY_ANY(&any), tr_seconds(20)));
    cr_assert(eq(u64, tr_as(number, any)->value, 8));
    tr_runtime_release(rt, any);
    tr_runtime_release(rt, NULL);
    // One that is not given back ends with the runtime.
    assert_ok(tr_runtime_call(rt, a, TR_MSG(number, .value = 4), TR_REPLY(number, &answer),
                              tr_seconds(20)));
    troupe_end(rt);
}

typedef struct blocked {
    tr_runtime *rt;
    tr_ref_t to;
    act_fn fn;
    void *arg;
    tr_err_t err;
} blocked;

static void *
call_forever(void *arg)
{
    blocked *b = arg;
    b->err = tr_runtime_call(b->rt, b->to, ACT_MSG(b->fn, b->arg), TR_REPLY_NONE, TR_FOREVER);
    return NULL;
}

Test(outside, who_waits_for_an_answer_when_the_runtime_ends_gets_edead)
{
    for (int kill = 0; kill < 2; kill++) {
        tr_runtime *rt = troupe_begin(2);
        cue waits;
        cue_init(&waits);
        tr_ref_t a = troupe_puppet(rt, NULL);
        pthread_t threads[3];
        blocked b[3];
        for (int i = 0; i < 3; i++) {
            // The first is being handled, the others are in the queue.
            b[i] = (blocked){.rt = rt, .to = a, .fn = sleep_forever, .arg = &waits};
            pthread_create(&threads[i], NULL, call_forever, &b[i]);
        }
        CUE_AWAIT(&waits);
        TROUPE_EVENTUALLY(troupe_ledger(rt).queued == 2);
        kill != 0 ? tr_runtime_kill(rt) : tr_runtime_stop(rt);
        for (int i = 0; i < 3; i++) {
            pthread_join(threads[i], NULL);
            assert_err(b[i].err, TR_EDEAD);
        }
        troupe_end(rt);
    }
}

static void *
send_forever(void *arg)
{
    blocked *b = arg;
    b->err = tr_runtime_send(b->rt, b->to, ACT_MSG(b->fn, b->arg), TR_FOREVER);
    return NULL;
}

Test(outside, who_waits_for_room_when_the_runtime_ends_gets_edead)
{
    tr_runtime *rt = troupe_begin(2);
    cue waits;
    cue_init(&waits);
    tr_ref_t a;
    assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .mailbox_count = 1), &a));
    assert_ok(troupe_prompt(rt, a, sleep_forever, &waits));
    CUE_AWAIT(&waits);
    assert_ok(troupe_prompt(rt, a, do_nothing, NULL));
    pthread_t threads[3];
    blocked b[3];
    for (int i = 0; i < 3; i++) {
        b[i] = (blocked){.rt = rt, .to = a, .fn = do_nothing};
        pthread_create(&threads[i], NULL, send_forever, &b[i]);
    }
    // They need not wait yet: whoever comes later finds it ended.
    tr_runtime_stop(rt);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        // One may find the room of what was just discarded: then its message ends as dead.
        cr_assert(b[i].err == TR_EDEAD || b[i].err == TR_OK, "%s", tr_errname(b[i].err));
    }
    troupe_end(rt);
}

// ---- ends, in every order

Test(runtime, can_be_stopped_killed_and_waited_for_in_any_order)
{
    for (int order = 0; order < 6; order++) {
        tr_runtime *rt = troupe_begin(2);
        for (int i = 0; i < 10; i++) {
            troupe_puppet(rt, NULL);
        }
        assert_err(tr_runtime_wait(rt, tr_ms(0)), TR_ETIMEOUT);
        switch (order) {
        case 0:
            break; // destroy does it all
        case 1:
            tr_runtime_stop(rt);
            break; // while it goes on
        case 2:
            tr_runtime_stop(rt);
            tr_runtime_kill(rt);
            tr_runtime_stop(rt);
            assert_ok(tr_runtime_wait(rt, TR_FOREVER));
            break;
        case 3:
            tr_runtime_kill(rt);
            assert_ok(tr_runtime_wait(rt, tr_seconds(20)));
            assert_ok(tr_runtime_wait(rt, tr_ms(0)));
            tr_runtime_stop(rt);
            tr_runtime_kill(rt);
            break;
        case 4:
            tr_runtime_kill(rt);
            break;
        default:
            tr_runtime_stop(rt);
            tr_runtime_stop(rt);
            assert_ok(tr_runtime_wait(rt, tr_seconds(20)));
            troupe_expect_empty(rt);
        }
        tr_runtime_destroy(rt);
    }
}

static tr_err_t
stop_everything(tr_self *self, void *arg)
{
    (void)self;
    tr_runtime_stop(*(tr_runtime **)arg);
    return TR_OK;
}

Test(runtime, can_be_stopped_by_a_handler)
{
    tr_runtime *rt = troupe_begin(2);
    assert_ok(troupe_prompt(rt, troupe_puppet(rt, NULL), stop_everything, &rt));
    assert_ok(tr_runtime_wait(rt, tr_seconds(20)));
    troupe_end(rt);
}

static int
count_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static size_t
resident_kib(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*s %lu", &pages) != 1) {
        pages = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void
live_and_die(int i)
{
    tr_runtime *rt = troupe_begin(1 + (uint32_t)i % 3);
    tr_ref_t a = troupe_puppet(rt, &(part){.receive = answer_number});
    tr_err_t err =
        tr_runtime_call(rt, a, TR_MSG(number, .value = 4), TR_REPLY_NONE, tr_us(1 + i % 50));
    cr_assert(err == TR_OK || err == TR_ETIMEOUT);
    cue waits;
    cue_init(&waits);
    assert_ok(troupe_prompt(rt, a, sleep_forever, &waits));
    CUE_AWAIT(&waits);
    if (i % 2 == 0) {
        tr_runtime_kill(rt);
    }
    tr_runtime_destroy(rt);
}

Test(runtime, can_be_made_and_destroyed_two_hundred_times)
{
    for (int i = 0; i < 20; i++) {
        live_and_die(i);
    }
    int descriptors = count_descriptors();
    size_t before = resident_kib();
    for (int i = 0; i < 180; i++) {
        live_and_die(i);
    }
    cr_assert(eq(int, count_descriptors(), descriptors));
    size_t after = resident_kib();
    fprintf(stderr, "resident: %zu KiB after 20, %zu KiB after 200\n", before, after);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
    cr_assert(lt(sz, after, before + 4096));
#endif
#endif
}
