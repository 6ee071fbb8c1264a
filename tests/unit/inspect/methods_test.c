// methods_test.c: what the trace socket tells about actors.
#include "troupe/runtime.h"

#include <stdatomic.h>
#include <time.h>

#include "troupe/call.h"
#include "wire.h"

#define PROBE_NOTE(F, T) F(T, str, key) F(T, secret(str), password) F(T, u32, number)
TR_MESSAGE(probe_note, PROBE_NOTE);

#define CROWD 50

static tr_runtime *rt;
static _Atomic bool released;
static _Atomic bool busy;

static tr_err_t
calm_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)self;
    (void)state;
    (void)msg;
    return TR_OK;
}
static const tr_behavior_t calm = {.name = "calm", .receive = calm_receive};

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

static tr_err_t
spinner_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)self;
    (void)state;
    (void)msg;
    atomic_store_explicit(&busy, true, memory_order_seq_cst);
    while (!atomic_load_explicit(&released, memory_order_seq_cst)) {
    }
    return TR_OK;
}
static const tr_behavior_t spinner = {.name = "spinner", .receive = spinner_receive};

static void
setup(void)
{
    wire_setup();
    assert_ok(tr_runtime_create(
        &(tr_runtime_opts_t){.name = "probe", .workers = 1, .inspect = TR_INSPECT_ON}, &rt));
}

static void
teardown(void)
{
    atomic_store_explicit(&released, true, memory_order_seq_cst);
    tr_runtime_destroy(rt);
    wire_teardown();
}

TestSuite(trace_methods, .init = setup, .fini = teardown, .timeout = 30);

static tr_ref_t
spawn(const tr_behavior_t *behavior, const char *name)
{
    tr_ref_t ref;
    assert_ok(tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = behavior, .name = name}, &ref));
    return ref;
}

static void
send_note(tr_ref_t to, uint32_t number)
{
    assert_ok(tr_runtime_send(
        rt, to,
        TR_MSG(probe_note, .key = TR_STR("apple"), .password = TR_STR("hunter2"), .number = number),
        tr_seconds(5)));
}

// Until its handler has begun.
static void
make_busy(tr_ref_t actor)
{
    send_note(actor, 0);
    for (int i = 0; i < 5000 && !atomic_load_explicit(&busy, memory_order_seq_cst); i++) {
        (void)poll(NULL, 0, 1);
    }
    cr_assert(atomic_load_explicit(&busy, memory_order_seq_cst));
}

Test(trace_methods, ps_shows_each_actor_once_over_its_pages)
{
    tr_ref_t refs[CROWD];
    size_t seen[CROWD] = {0};
    uint64_t cursor = 0;
    int fd = wire_connect();
    for (size_t i = 0; i < CROWD; i++) {
        refs[i] = spawn(&calm, NULL);
    }
    for (uint32_t page = 0;; page++) {
        wire_answer answer;
        cr_assert(page < CROWD);
        wire_request(fd, page, "ps", "cursor", cursor, "limit", 7);
        const msgpack_object *result = wire_result(fd, page, &answer, NULL);
        const msgpack_object_array *rows = &wire_field(result, "actors")->via.array;
        cr_assert(rows->size <= 7);
        for (uint32_t i = 0; i < rows->size; i++) {
            for (size_t j = 0; j < CROWD; j++) {
                seen[j] += wire_uint(&rows->ptr[i], "id") == refs[j].raw;
            }
        }
        bool more = wire_field(result, "next")->type != MSGPACK_OBJECT_NIL;
        cursor = more ? wire_uint(result, "next") : 0;
        wire_answer_fini(&answer);
        if (!more) {
            break;
        }
    }
    for (size_t j = 0; j < CROWD; j++) {
        cr_expect(seen[j] == 1, "actor %zu: %zu times", j, seen[j]);
    }
    close(fd);
}

Test(trace_methods, ps_describes_an_actor)
{
    wire_answer answer;
    tr_ref_t ref = spawn(&sleeper, "dozer");
    make_busy(ref);
    send_note(ref, 1);
    send_note(ref, 2);
    int fd = wire_connect();
    wire_send(fd,
              "\x94\x00\x03\xa2ps\x81\xa5match\xa3"
              "d*r",
              17);
    const msgpack_object *result = wire_result(fd, 3, &answer, NULL);
    const msgpack_object_array *rows = &wire_field(result, "actors")->via.array;
    cr_assert(rows->size == 1);
    const msgpack_object *row = rows->ptr;
    cr_expect(wire_uint(row, "id") == ref.raw);
    cr_expect(wire_is_text(wire_field(row, "name"), "dozer"));
    cr_expect(wire_is_text(wire_field(row, "behavior"), "sleeper"));
    cr_expect(wire_is_text(wire_field(row, "state"), "waiting"));
    cr_expect(wire_is_text(wire_field(row, "wait"), "sleep"));
    cr_expect(wire_uint(row, "incarnation") == 1);
    cr_expect(wire_uint(row, "mailbox_count") == 256);
    cr_expect(wire_uint(row, "queued") == 2, "%d queued", (int)wire_uint(row, "queued"));
    wire_answer_fini(&answer);
    close(fd);
}

Test(trace_methods, a_mailbox_shows_what_waits_and_hides_what_is_secret)
{
    wire_answer answer;
    tr_ref_t ref = spawn(&sleeper, NULL);
    make_busy(ref);
    send_note(ref, 41);
    send_note(ref, 42);
    int fd = wire_connect();
    wire_request(fd, 1, "mailbox", "actor", ref.raw, NULL, 0);
    const msgpack_object *result = wire_result(fd, 1, &answer, NULL);
    const msgpack_object_array *messages = &wire_field(result, "messages")->via.array;
    size_t found = 0;
    for (uint32_t i = 0; i < messages->size; i++) {
        const msgpack_object *message = &messages->ptr[i];
        const msgpack_object *value = wire_field(message, "value");
        cr_expect(wire_is_text(wire_field(message, "type"), "probe_note"));
        cr_expect(wire_is_text(wire_field(message, "lane"), "normal"));
        cr_expect(wire_field(message, "sender")->type == MSGPACK_OBJECT_NIL);
        if (wire_field(message, "in_hand")->via.boolean) {
            continue;
        }
        cr_assert(value->type == MSGPACK_OBJECT_MAP);
        cr_expect(wire_is_text(wire_field(value, "key"), "apple"));
        cr_expect(wire_is_text(wire_field(value, "password"), "***"));
        cr_expect(wire_uint(value, "number") == 41 + found);
        found++;
    }
    cr_expect(found == 2, "%zu found", found);
    for (size_t i = 0; i + 7 <= answer.size; i++) {
        cr_assert(memcmp(answer.data + i, "hunter2", 7) != 0, "the secret was sent");
    }
    wire_answer_fini(&answer);
    close(fd);
}

static int64_t
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

Test(trace_methods, it_answers_while_every_worker_is_stuck)
{
    enum { ASKERS = 10 };
    wire_answer answer;
    int askers[ASKERS];
    tr_ref_t ref = spawn(&spinner, NULL);
    make_busy(ref);
    send_note(ref, 1);
    int64_t begun = now_ms();
    wire_check_alive();
    // Many who wait for the stuck actor, and one with a quick question between them.
    for (uint32_t i = 0; i < ASKERS; i++) {
        askers[i] = wire_connect();
        wire_request(askers[i], i, "mailbox", "actor", ref.raw, NULL, 0);
    }
    wire_check_alive();
    cr_expect(now_ms() - begun < 1500, "%d ms", (int)(now_ms() - begun));
    for (uint32_t i = 0; i < ASKERS; i++) {
        const msgpack_object *result = wire_result(askers[i], i, &answer, NULL);
        cr_expect(wire_field(result, "busy")->via.boolean);
        cr_expect(wire_uint(result, "total") == 1);
        wire_answer_fini(&answer);
        close(askers[i]);
    }
}

Test(trace_methods, stats_carry_the_ledger)
{
    wire_answer answer;
    tr_ref_t ref = spawn(&calm, NULL);
    send_note(ref, 1);
    int fd = wire_connect();
    wire_request(fd, 1, "stats", NULL, 0, NULL, 0);
    const msgpack_object *result = wire_result(fd, 1, &answer, NULL);
    cr_expect(wire_uint(result, "workers") == 1);
    cr_expect(wire_uint(result, "spawned") >= 1);
    cr_expect(wire_uint(wire_field(result, "ledger"), "accepted") >= 1);
    wire_answer_fini(&answer);
    close(fd);
}
