// family.h: a parent that does with its child what it is told, and writes down what it hears.
#ifndef TROUPE_TESTS_FAMILY_H
#define TROUPE_TESTS_FAMILY_H

#include "troupe_test.h"

// ---- a parent that writes down what it hears

#define NEWS_MAX 64

typedef struct news {
    tr_ref_t child;
    tr_err_t reason;
    uint32_t incarnation, queued;
    bool held;
    char text[40], in_hand[20];
} news;

typedef struct parent {
    tr_runtime *rt;
    tr_ref_t ref;
    news heard[NEWS_MAX];
    _Atomic int count;
    cue told;
    bool does_not_care; // answers TR_EUNHANDLED
} parent;

static inline void
copy_text(char *out, size_t size, tr_str_t text)
{
    snprintf(out, size, "%.*s", (int)text.size, text.data);
}

static inline tr_err_t
hear(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    parent *p = arg;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    if (exit == NULL) {
        return TR_EUNHANDLED;
    }
    int n = p->count; // counted last: whoever sees the count sees the news
    news *heard = &p->heard[n < NEWS_MAX ? n : NEWS_MAX - 1];
    *heard = (news){
        .child = exit->child,
        .reason = (tr_err_t)exit->reason,
        .incarnation = exit->incarnation,
        .queued = exit->queued,
        .held = exit->held,
    };
    copy_text(heard->text, sizeof heard->text, exit->text);
    copy_text(heard->in_hand, sizeof heard->in_hand, exit->in_hand);
    p->count = n + 1;
    bool does_not_care = p->does_not_care;
    cue_give(&p->told);
    return does_not_care ? TR_EUNHANDLED : TR_OK;
}

static inline void
parent_begin(parent *p)
{
    *p = (parent){.rt = troupe_begin(2)};
    cue_init(&p->told);
    part role = {.receive = hear, .arg = p};
    assert_ok(tr_runtime_spawn(p->rt, PUPPET_WITH(&role, .place = TR_PLACE_AT), &p->ref));
}

static inline news *
last_news(parent *p)
{
    return &p->heard[p->count - 1];
}

// What a parent is told to do with a child: one act each.
typedef struct deed {
    const tr_spawn_opts_t *opts;
    tr_ref_t child;
    tr_err_t err;
} deed;

static inline tr_err_t
do_spawn(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_spawn(self, d->opts, &d->child);
    return TR_OK;
}

static inline tr_err_t
do_stop(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_stop(self, d->child);
    return TR_OK;
}

static inline tr_err_t
do_kill(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_kill(self, d->child);
    return TR_OK;
}

static inline tr_err_t
do_restart(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_restart(self, d->child);
    return TR_OK;
}

static inline tr_err_t
do_discard(tr_self *self, void *arg)
{
    deed *d = arg;
    d->err = tr_discard(self, d->child);
    return TR_OK;
}

static inline tr_err_t
deed_of(parent *p, act_fn what, deed *d)
{
    d->err = TR_EBUSY;
    assert_ok(troupe_act(p->rt, p->ref, what, d));
    return d->err;
}

static inline tr_ref_t
child_of(parent *p, const tr_spawn_opts_t *opts)
{
    deed d = {.opts = opts};
    assert_ok(deed_of(p, do_spawn, &d));
    return d.child;
}

// ---- what children do

static inline tr_err_t
do_nothing(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_OK;
}

static inline tr_err_t
return_eio(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

static inline tr_err_t
fail_with_text(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_OK, "line %d", 7);
}

static inline tr_err_t
leave(tr_self *self, void *arg)
{
    (void)arg;
    tr_exit(self);
    return TR_OK;
}

static inline tr_err_t
sleep_forever(tr_self *self, void *arg)
{
    if (arg != NULL) {
        cue_give(arg);
    }
    return tr_sleep(self, TR_FOREVER);
}

typedef struct hold {
    cue is_held, go_on;
    bool waited; // came back from a wait after it was held
} hold;

#endif
