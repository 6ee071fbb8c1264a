// fuse.h: a circuit that a test puts in front of a target, which does as the test says, and a
// caller whose calls stay under way.
#ifndef TROUPE_TESTS_ACTORS_FUSE_H
#define TROUPE_TESTS_ACTORS_FUSE_H

#include "house.h"

#define HOUR_MS INT64_C(3600000)
#define ROOM    8

static tr_runtime *rt;

// ---- the target: it does with a number what the test says

typedef enum behave { ANSWER, FAIL, SAY_NOTHING, KEEP, CRASH } behave_t;

typedef struct server {
    _Atomic(behave_t) mode;
    _Atomic(tr_err_t) error; // for FAIL
    _Atomic uint32_t begun;
    _Atomic uint64_t sum; // of what was sent
    tr_token *kept[ROOM]; // of KEEP
    uint32_t kept_count;
    tr_ref_t ref;
} server;

static server target;

static inline tr_err_t
serve(tr_self *self, void *arg, const tr_message *msg)
{
    server *s = arg;
    const number *n = tr_as(number, msg);
    if (n == NULL) {
        return TR_EUNHANDLED;
    }
    behave_t mode = s->mode;
    s->begun++;
    if (!tr_message_is_call(msg)) {
        s->sum += n->value;
        return TR_OK;
    }
    switch (mode) {
    case ANSWER:
        return tr_reply(self, TR_MSG(number, .value = 2 * n->value));
    case FAIL:
        return tr_reply_error(self, s->error);
    case KEEP:
        return tr_defer(self, &s->kept[s->kept_count++ % ROOM]);
    case SAY_NOTHING:
        return TR_OK;
    case CRASH:
        break;
    }
    return TR_EIO;
}

static inline void
target_begin(void)
{
    part role = {.receive = serve, .arg = &target};
    target = (server){.mode = ANSWER};
    target.ref = troupe_puppet(rt, &role);
}

// ---- the circuit

static inline tr_err_t
spawn_circuit(const tr_circuit_opts_t *opts, tr_ref_t *out)
{
    return tr_runtime_spawn(rt,
                            &(tr_spawn_opts_t){.behavior = &tr_circuit_behavior,
                                               .name = "fuse",
                                               .arg = opts,
                                               .arg_size = opts != NULL ? sizeof *opts : 0},
                            out);
}

static inline tr_ref_t
circuit_of(tr_circuit_opts_t opts)
{
    tr_ref_t ref = TR_REF_NONE;
    opts.target = tr_ref_is_none(opts.target) ? target.ref : opts.target;
    assert_ok(spawn_circuit(&opts, &ref));
    return ref;
}

static inline tr_ref_t
scene_begin(tr_circuit_opts_t opts)
{
    rt = begin_with_log(2);
    target_begin();
    return circuit_of(opts);
}

static inline tr_circuit_status
status_of(tr_ref_t circuit)
{
    const tr_circuit_status *answer;
    assert_ok(tr_runtime_call(rt, circuit, TR_MSG(tr_circuit_query),
                              TR_REPLY(tr_circuit_status, &answer), tr_seconds(30)));
    tr_circuit_status status = *answer;
    tr_runtime_release(rt, answer);
    return status;
}

static inline tr_err_t
ask(tr_ref_t circuit)
{
    const number *n;
    tr_err_t err = tr_runtime_call(rt, circuit, TR_MSG(number, .value = 21), TR_REPLY(number, &n),
                                   tr_seconds(30));
    if (err == TR_OK) {
        cr_assert(eq(u64, n->value, 42));
        tr_runtime_release(rt, n);
    }
    return err;
}

// Ask with the target in this mode. The circuit has heard of the end before it takes what this
// thread says next.
static inline tr_err_t
ask_in(tr_ref_t circuit, behave_t mode)
{
    target.mode = mode;
    return ask(circuit);
}

static inline void
fail_times(tr_ref_t circuit, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        assert_err(ask_in(circuit, SAY_NOTHING), TR_ENOREPLY);
    }
}

// Each call tries once more, until one is not refused.
static inline tr_err_t
ask_until_let_through(tr_ref_t circuit, behave_t mode)
{
    tr_err_t err = TR_EDOWN;
    TROUPE_EVENTUALLY((err = ask_in(circuit, mode)) != TR_EDOWN);
    return err;
}

#define EXPECT_STATE(circuit, expected)                                                            \
    cr_assert(eq(int, (int)status_of(circuit).state, (int)(expected)))

static inline uint32_t
times_in_log(const char *what)
{
    uint32_t times = 0;
    pthread_mutex_lock(&words_lock);
    for (const char *at = log_lines; (at = strstr(at, what)) != NULL; at++) {
        times++;
    }
    pthread_mutex_unlock(&words_lock);
    return times;
}

// ---- a caller whose calls stay under way

typedef struct caller {
    tr_ref_t who, circuit;
    tr_future *calls[ROOM];
    uint32_t index;
    tr_err_t err;
    bool is_done;
} caller;

static inline tr_err_t
begin_call(tr_self *self, void *arg)
{
    caller *c = arg;
    c->calls[c->index] =
        tr_call_begin(self, c->circuit, TR_MSG(number, .value = c->index), TR_FOREVER);
    return TR_OK;
}

static inline tr_err_t
cancel_call(tr_self *self, void *arg)
{
    caller *c = arg;
    tr_future_cancel(self, c->calls[c->index]);
    return TR_OK;
}

static inline tr_err_t
await_call(tr_self *self, void *arg)
{
    caller *c = arg;
    c->err = tr_future_await(self, c->calls[c->index], TR_REPLY_NONE);
    return TR_OK;
}

static inline void
act_on(caller *c, uint32_t index, act_fn fn)
{
    c->index = index;
    assert_ok(troupe_act(rt, c->who, fn, c));
}

static inline void
caller_begin(caller *c, tr_ref_t circuit)
{
    *c = (caller){.circuit = circuit, .who = troupe_puppet(rt, NULL)};
}

// So many calls that the target keeps.
static inline void
begin_kept(caller *c, uint32_t from, uint32_t count)
{
    uint32_t begun = target.begun;
    target.mode = KEEP;
    for (uint32_t i = 0; i < count; i++) {
        act_on(c, from + i, begin_call);
        TROUPE_EVENTUALLY(target.begun == begun + i + 1);
    }
}

typedef struct release {
    uint32_t index;
    tr_err_t error;
} release;

static inline tr_err_t
let_go(tr_self *self, void *arg)
{
    const release *r = arg;
    tr_token *token = target.kept[r->index];
    if (r->error != TR_OK) {
        tr_token_reply_error(self, token, r->error);
        return TR_OK;
    }
    return tr_token_reply(self, token, TR_MSG(number));
}

// One that it has kept comes back with this.
static inline void
release_kept(caller *c, uint32_t index, tr_err_t error)
{
    release r = {.index = index, .error = error};
    assert_ok(troupe_act(rt, target.ref, let_go, &r));
    act_on(c, index, await_call);
    assert_err(c->err, error);
}

#endif
