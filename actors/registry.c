// registry.c: names and who has them.
//
// A name is in the table while somebody has it, waits for it or watches it; an owner while it has a
// name. Each owner has one monitor, made before it gets its first name, so that its end is always
// heard of. Until it is, tr_has_ended keeps the dead from being given out as owners.
//
// Who waits or watches does not say so when it goes: sweeps find out, once a second while there are
// any, and where one of them is in the way of another. The registry never waits.
#include "troupe/registry.h"

#include "troupe/call.h"

#include "hash.h"
#include "page.h"
#include "ring.h"

#include <string.h>

#define DEFAULT_NAMES   65536u
#define DEFAULT_WAITERS 4096u
#define DEFAULT_WATCHED 4096u
#define SWEEP_MS        1000
#define SWEEP_FOR_ROOM  256u // how many are looked at to find room for one

typedef struct owner {
    tri_hashed hashed; // by its address
    tr_ref_t actor;
    tr_monitor_t monitor;
    tri_ring names; // at least one, but while it gets the first
} owner;

typedef struct entry {
    tri_hashed hashed;  // by the name
    owner *owner;       // NULL: nobody has it
    tri_ring at_owner;  // among its names
    tri_ring waiters;   // in order of arrival
    tr_watch_tx *watch; // NULL: nobody watches it
    tri_ring at_watched;
    uint8_t size;
    char name[];
} entry;

// A request that is answered when somebody has the name.
typedef struct waiter {
    tri_ring at_entry;
    tri_ring at_waiters;
    entry *entry;
    tr_token *token;
} waiter;

typedef struct registry {
    tr_registry_opts_t max;
    tri_hash entries;
    tri_hash owners;
    tri_ring waiters; // of all names, those to be looked at next in front
    tri_ring watched; // entries, as well
    uint32_t name_count;
    uint32_t waiter_count;
    uint32_t watched_count;
    bool is_sweeping; // a sweep is due
} registry;

TR_MESSAGE_EMPTY(tr_registry_sweep); // to itself

// ---- starting

static tr_err_t
start(tr_self *self, void *state, const void *arg)
{
    registry *r = state;
    if (arg != NULL) {
        r->max = *(const tr_registry_opts_t *)arg;
    }
    r->max.max_names = r->max.max_names != 0 ? r->max.max_names : DEFAULT_NAMES;
    r->max.max_waiters = r->max.max_waiters != 0 ? r->max.max_waiters : DEFAULT_WAITERS;
    r->max.max_watched = r->max.max_watched != 0 ? r->max.max_watched : DEFAULT_WATCHED;
    tri_ring_init(&r->waiters);
    tri_ring_init(&r->watched);
    tr_err_t err = tri_hash_init(self, &r->entries);
    return err == TR_OK ? tri_hash_init(self, &r->owners) : err;
}

// ---- names

static bool
is_name(tr_str_t name)
{
    return name.size > 0 && name.size <= TR_REGISTRY_NAME_MAX;
}

static tr_str_t
name_of(const entry *e)
{
    return tr_str_n(e->name, e->size);
}

static entry *
find_entry(const registry *r, tr_str_t name)
{
    tri_hashed *at = tri_hash_find(&r->entries, tri_hash_of(&r->entries, name.data, name.size));
    while (at != NULL && !tr_str_equal(name_of((entry *)at), name)) {
        at = tri_hash_find_next(at);
    }
    return (entry *)at;
}

// The one that is there, or a new one, which goes with drop_if_idle. NULL: no memory.
static entry *
make_entry(tr_self *self, registry *r, tr_str_t name)
{
    entry *e = find_entry(r, name);
    if (e != NULL) {
        return e;
    }
    e = tr_alloc(self, sizeof *e + name.size);
    if (e == NULL) {
        return NULL;
    }
    *e = (entry){.size = (uint8_t)name.size};
    memcpy(e->name, name.data, name.size);
    tri_ring_init(&e->at_owner);
    tri_ring_init(&e->waiters);
    tri_ring_init(&e->at_watched);
    e->hashed.hash = tri_hash_of(&r->entries, name.data, name.size);
    tri_hash_add(self, &r->entries, &e->hashed);
    return e;
}

// Nobody has it, waits for it or watches it: it is forgotten.
static void
drop_if_idle(tr_self *self, registry *r, entry *e)
{
    if (e->owner == NULL && e->watch == NULL && tri_ring_is_empty(&e->waiters)) {
        tri_hash_remove(&r->entries, &e->hashed);
        tr_free(self, e);
    }
}

// Who has it and has not ended. `e` may be NULL.
static tr_ref_t
owner_of(const tr_self *self, const entry *e)
{
    bool is_there = e != NULL && e->owner != NULL && !tr_has_ended(self, e->owner->actor);
    return is_there ? e->owner->actor : TR_REF_NONE;
}

// ---- owners

static owner *
find_owner(const registry *r, tr_ref_t actor)
{
    tri_hashed *at =
        tri_hash_find(&r->owners, tri_hash_of(&r->owners, &actor.raw, sizeof actor.raw));
    while (at != NULL && !tr_ref_equal(((owner *)at)->actor, actor)) {
        at = tri_hash_find_next(at);
    }
    return (owner *)at;
}

static tr_err_t
make_owner(tr_self *self, registry *r, tr_ref_t actor, owner **out)
{
    owner *o = find_owner(r, actor);
    if (o != NULL) {
        *out = o;
        return TR_OK;
    }
    o = tr_alloc(self, sizeof *o);
    if (o == NULL) {
        return TR_ENOMEM;
    }
    *o = (owner){.actor = actor};
    tr_err_t err = tr_monitor(self, actor, &o->monitor);
    if (err != TR_OK) {
        tr_free(self, o);
        return err;
    }
    tri_ring_init(&o->names);
    o->hashed.hash = tri_hash_of(&r->owners, &actor.raw, sizeof actor.raw);
    tri_hash_add(self, &r->owners, &o->hashed);
    *out = o;
    return TR_OK;
}

static void
forget_owner(tr_self *self, registry *r, owner *o)
{
    tri_hash_remove(&r->owners, &o->hashed);
    tr_free(self, o);
}

static void
give(registry *r, entry *e, owner *o)
{
    e->owner = o;
    tri_ring_push_back(&o->names, &e->at_owner);
    r->name_count++;
}

static void
take_away(registry *r, entry *e)
{
    tri_ring_remove(&e->at_owner);
    e->owner = NULL;
    r->name_count--;
}

// As take_away, and an owner that has no name left is not watched any more.
static void
vacate(tr_self *self, registry *r, entry *e)
{
    owner *o = e->owner;
    take_away(r, e);
    if (tri_ring_is_empty(&o->names)) {
        tr_demonitor(self, o->monitor);
        forget_owner(self, r, o);
    }
}

// ---- those who watch

static void
end_watch(registry *r, entry *e)
{
    tr_watch_tx_close(e->watch);
    e->watch = NULL;
    tri_ring_remove(&e->at_watched);
    r->watched_count--;
}

// Readers that cannot be shown a change are not left with what was before: they get TR_ECLOSED.
static void
show(tr_self *self, registry *r, entry *e, tr_ref_t actor)
{
    if (e->watch != NULL &&
        tr_watch_send(self, e->watch, TR_MSG(tr_registry_owner, .actor = actor)) != TR_OK) {
        end_watch(r, e);
    }
}

// ---- those who wait

static void
end_waiter(tr_self *self, registry *r, waiter *w)
{
    tri_ring_remove(&w->at_entry);
    tri_ring_remove(&w->at_waiters);
    r->waiter_count--;
    tr_free(self, w);
}

static void
answer_waiters(tr_self *self, registry *r, entry *e, tr_ref_t actor)
{
    while (!tri_ring_is_empty(&e->waiters)) {
        waiter *w = TRI_RING_ITEM(e->waiters.next, waiter, at_entry);
        tr_err_t err = tr_token_reply(self, w->token, TR_MSG(tr_registry_owner, .actor = actor));
        if (err != TR_OK && err != TR_ECLOSED) {
            tr_token_reply_error(self, w->token, err);
        }
        end_waiter(self, r, w);
    }
}

// ---- sweeping

static void
sweep_waiters(tr_self *self, registry *r, uint32_t count)
{
    for (; count > 0 && !tri_ring_is_empty(&r->waiters); count--) {
        waiter *w = TRI_RING_ITEM(r->waiters.next, waiter, at_waiters);
        tri_ring_remove(&w->at_waiters);
        tri_ring_push_back(&r->waiters, &w->at_waiters);
        if (!tr_token_is_wanted(self, w->token)) {
            entry *e = w->entry;
            tr_token_reply_error(self, w->token, TR_ETIMEOUT);
            end_waiter(self, r, w);
            drop_if_idle(self, r, e);
        }
    }
}

static void
sweep_watched(tr_self *self, registry *r, uint32_t count)
{
    for (; count > 0 && !tri_ring_is_empty(&r->watched); count--) {
        entry *e = TRI_RING_ITEM(r->watched.next, entry, at_watched);
        tri_ring_remove(&e->at_watched);
        tri_ring_push_back(&r->watched, &e->at_watched);
        // Only a look. New readers come from here, or from one that there is: none is none for
        // good.
        if (tr_watch_await_unread(self, e->watch, tr_ms(0)) == TR_OK) {
            end_watch(r, e);
            drop_if_idle(self, r, e);
        }
    }
}

static tr_err_t
plan_sweep(tr_self *self, registry *r)
{
    if (r->is_sweeping) {
        return TR_OK;
    }
    tr_err_t err = tr_send_after(self, tr_ms(SWEEP_MS), TR_MSG(tr_registry_sweep), NULL);
    r->is_sweeping = err == TR_OK;
    return err;
}

static tr_err_t
sweep(tr_self *self, registry *r)
{
    sweep_waiters(self, r, r->waiter_count);
    sweep_watched(self, r, r->watched_count);
    r->is_sweeping = false;
    tr_err_t err = r->waiter_count + r->watched_count != 0 ? plan_sweep(self, r) : TR_OK;
    (void)err; // without memory now, whoever comes to wait or watch next plans it
    return TR_OK;
}

// ---- changes

// The name becomes the actor's, whoever has it.
static tr_err_t
assign(tr_self *self, registry *r, tr_str_t name, tr_ref_t actor)
{
    entry *e = make_entry(self, r, name);
    if (e == NULL) {
        return TR_ENOMEM;
    }
    owner *o;
    tr_err_t err = make_owner(self, r, actor, &o);
    if (err != TR_OK) {
        drop_if_idle(self, r, e);
        return err;
    }
    if (e->owner != NULL) {
        vacate(self, r, e);
    }
    give(r, e, o);
    show(self, r, e, actor);
    answer_waiters(self, r, e, actor);
    return TR_OK;
}

static tr_err_t
claim(tr_self *self, registry *r, tr_str_t name, tr_ref_t actor, bool may_seize,
      tr_ref_t *out_former)
{
    if (!is_name(name) || tr_ref_is_none(actor)) {
        return TR_EINVAL;
    }
    if (tr_has_ended(self, actor)) {
        return TR_EDEAD;
    }
    const entry *e = find_entry(r, name);
    bool is_owned = e != NULL && e->owner != NULL;
    if (is_owned && tr_ref_equal(e->owner->actor, actor)) {
        *out_former = actor; // even if it has ended meanwhile: that is heard of
        return TR_OK;
    }
    tr_ref_t former = owner_of(self, e);
    if (!tr_ref_is_none(former) && !may_seize) {
        return TR_EALREADY;
    }
    if (!is_owned && r->name_count >= r->max.max_names) {
        return TR_ELIMIT;
    }
    tr_err_t err = assign(self, r, name, actor);
    if (err == TR_OK) {
        *out_former = former;
    }
    return err;
}

static tr_err_t
seize(tr_self *self, registry *r, tr_str_t name, tr_ref_t actor, tr_ref_t *out_former)
{
    tr_err_t err = claim(self, r, name, actor, true, out_former);
    if (err == TR_OK && !tr_ref_is_none(*out_former) && !tr_ref_equal(*out_former, actor)) {
        tr_err_t told = tr_try_send(self, *out_former,
                                    TR_MSG(tr_registry_lost, .name = name, .successor = actor));
        (void)told; // as the header says: it may have no room
    }
    return err;
}

static tr_err_t
resign(tr_self *self, registry *r, tr_str_t name, tr_ref_t actor)
{
    if (!is_name(name)) {
        return TR_EINVAL;
    }
    entry *e = find_entry(r, name);
    if (e == NULL || e->owner == NULL || !tr_ref_equal(e->owner->actor, actor)) {
        return TR_ENOTFOUND;
    }
    vacate(self, r, e);
    show(self, r, e, TR_REF_NONE);
    drop_if_idle(self, r, e);
    return TR_OK;
}

static tr_err_t
owner_ended(tr_self *self, registry *r, const tr_down *down)
{
    owner *o = find_owner(r, down->actor);
    if (o == NULL) {
        return TR_OK;
    }
    while (!tri_ring_is_empty(&o->names)) {
        entry *e = TRI_RING_ITEM(o->names.next, entry, at_owner);
        take_away(r, e);
        show(self, r, e, TR_REF_NONE);
        drop_if_idle(self, r, e);
    }
    forget_owner(self, r, o);
    return TR_OK;
}

// ---- questions

static tr_err_t
find(tr_self *self, const registry *r, tr_str_t name, tr_ref_t *out)
{
    if (!is_name(name)) {
        return TR_EINVAL;
    }
    *out = owner_of(self, find_entry(r, name));
    return tr_ref_is_none(*out) ? TR_ENOTFOUND : TR_OK;
}

// Nobody has it: keep the request. TR_OK: it is answered later.
static tr_err_t
keep_waiting(tr_self *self, registry *r, tr_str_t name)
{
    if (r->waiter_count >= r->max.max_waiters) {
        sweep_waiters(self, r, SWEEP_FOR_ROOM);
    }
    if (r->waiter_count >= r->max.max_waiters) {
        return TR_ELIMIT;
    }
    waiter *w = tr_alloc(self, sizeof *w);
    entry *e = w != NULL ? make_entry(self, r, name) : NULL;
    tr_err_t err = e != NULL ? plan_sweep(self, r) : TR_ENOMEM;
    err = err == TR_OK ? tr_defer(self, &w->token) : err;
    if (err != TR_OK) {
        tr_free(self, w);
        if (e != NULL) {
            drop_if_idle(self, r, e);
        }
        return err;
    }
    w->entry = e;
    tri_ring_push_back(&e->waiters, &w->at_entry);
    tri_ring_push_back(&r->waiters, &w->at_waiters);
    r->waiter_count++;
    return TR_OK;
}

static tr_err_t
begin_watch(tr_self *self, registry *r, entry *e)
{
    tr_err_t err = plan_sweep(self, r);
    if (err == TR_OK) {
        err = tr_watch_create(self, TR_MSG(tr_registry_owner, .actor = owner_of(self, e)),
                              &e->watch, NULL);
    }
    if (err != TR_OK) {
        return err;
    }
    tri_ring_push_back(&r->watched, &e->at_watched);
    r->watched_count++;
    return TR_OK;
}

static tr_err_t
follow(tr_self *self, registry *r, tr_str_t name, tr_watch_rx **out)
{
    if (!is_name(name)) {
        return TR_EINVAL;
    }
    entry *e = find_entry(r, name);
    bool is_new = e == NULL || e->watch == NULL;
    if (is_new && r->watched_count >= r->max.max_watched) {
        sweep_watched(self, r, SWEEP_FOR_ROOM);
    }
    if (is_new && r->watched_count >= r->max.max_watched) {
        return TR_ELIMIT;
    }
    e = make_entry(self, r, name);
    tr_err_t err = e != NULL ? TR_OK : TR_ENOMEM;
    if (err == TR_OK && e->watch == NULL) {
        err = begin_watch(self, r, e);
    }
    if (err == TR_OK) {
        err = tr_watch_subscribe(self, e->watch, out);
    }
    if (err != TR_OK && e != NULL) {
        drop_if_idle(self, r, e);
    }
    return err;
}

// ---- listing

static bool
is_listed(tr_str_t name, const tr_registry_list *list)
{
    return name.size >= list->prefix.size &&
           tr_str_equal(tr_str_n(name.data, list->prefix.size), list->prefix) &&
           tri_page_compare(name, list->after) > 0;
}

static void
fill(tr_self *self, const registry *r, const tr_registry_list *list, tri_page *page)
{
    for (const tri_hashed *at = NULL; (at = tri_hash_next(&r->entries, at)) != NULL;) {
        const entry *e = (const entry *)at;
        tr_registry_entry row = {.name = name_of(e), .actor = owner_of(self, e)};
        if (!tr_ref_is_none(row.actor) && is_listed(row.name, list)) {
            tri_page_consider(page, row);
        }
    }
    tri_page_arrange(page);
}

static tr_err_t
answer_list(tr_self *self, const registry *r, const tr_registry_list *list)
{
    if (list->count == 0 || list->count > TR_REGISTRY_PAGE_MAX) {
        return tr_reply_error(self, TR_EINVAL);
    }
    tri_page page = {.size = list->count, .rows = tr_alloc(self, list->count * sizeof *page.rows)};
    if (page.rows == NULL) {
        return tr_reply_error(self, TR_ENOMEM);
    }
    fill(self, r, list, &page);
    tr_err_t err = tr_reply(self, TR_MSG(tr_registry_page, .entries = {page.rows, page.count},
                                         .has_more = page.has_more));
    tr_free(self, page.rows);
    return err;
}

// ---- receiving

static tr_err_t
answer_done(tr_self *self, tr_err_t err)
{
    return err == TR_OK ? tr_reply(self, TR_MSG(tr_registry_done)) : tr_reply_error(self, err);
}

static tr_err_t
answer_owner(tr_self *self, tr_err_t err, tr_ref_t actor)
{
    return err == TR_OK ? tr_reply(self, TR_MSG(tr_registry_owner, .actor = actor))
                        : tr_reply_error(self, err);
}

static tr_err_t
answer_waiting(tr_self *self, registry *r, tr_str_t name)
{
    tr_ref_t actor = TR_REF_NONE;
    tr_err_t err = find(self, r, name, &actor);
    if (err != TR_ENOTFOUND) {
        return answer_owner(self, err, actor);
    }
    err = keep_waiting(self, r, name);
    return err == TR_OK ? TR_OK : tr_reply_error(self, err);
}

// A reader that did not get away is closed again.
static tr_err_t
answer_follower(tr_self *self, registry *r, tr_str_t name)
{
    tr_watch_rx *rx;
    tr_err_t err = follow(self, r, name, &rx);
    if (err != TR_OK) {
        return tr_reply_error(self, err);
    }
    err = tr_reply(self, TR_MSG(tr_registry_reader, .rx = rx));
    if (err != TR_OK) {
        tr_watch_rx_close(rx);
    }
    return err;
}

// What makes sense without an answer, too.
static tr_err_t
receive_change(tr_self *self, registry *r, const tr_message *msg)
{
    const tr_registry_claim *c = tr_as(tr_registry_claim, msg);
    const tr_registry_seize *s = tr_as(tr_registry_seize, msg);
    const tr_registry_resign *q = tr_as(tr_registry_resign, msg);
    tr_ref_t former = TR_REF_NONE;
    if (c != NULL) {
        return answer_done(self, claim(self, r, c->name, c->actor, false, &former));
    }
    if (s != NULL) {
        return answer_owner(self, seize(self, r, s->name, s->actor, &former), former);
    }
    return q != NULL ? answer_done(self, resign(self, r, q->name, q->actor)) : TR_EUNHANDLED;
}

static tr_err_t
receive_question(tr_self *self, registry *r, const tr_message *msg)
{
    const tr_registry_find *f = tr_as(tr_registry_find, msg);
    const tr_registry_wait *w = tr_as(tr_registry_wait, msg);
    const tr_registry_follow *o = tr_as(tr_registry_follow, msg);
    const tr_registry_list *l = tr_as(tr_registry_list, msg);
    tr_ref_t actor = TR_REF_NONE;
    if (f != NULL) {
        return answer_owner(self, find(self, r, f->name, &actor), actor);
    }
    if (w != NULL) {
        return answer_waiting(self, r, w->name);
    }
    if (o != NULL) {
        return answer_follower(self, r, o->name);
    }
    return l != NULL ? answer_list(self, r, l) : TR_EUNHANDLED;
}

static tr_err_t
receive(tr_self *self, void *state, const tr_message *msg)
{
    registry *r = state;
    const tr_down *down = tr_as(tr_down, msg);
    if (down != NULL) {
        return owner_ended(self, r, down);
    }
    if (tr_as(tr_registry_sweep, msg) != NULL) {
        bool is_mine = tr_ref_equal(tr_message_sender(msg), tr_self_ref(self));
        return is_mine ? sweep(self, r) : TR_EUNHANDLED;
    }
    tr_err_t err = receive_change(self, r, msg);
    if (err == TR_EUNHANDLED && tr_message_is_call(msg)) {
        err = receive_question(self, r, msg);
    }
    // Without memory for an answer the caller hears that there is none; the registry goes on.
    return err == TR_ENOMEM ? TR_OK : err;
}

const tr_behavior_t tr_registry_behavior = {
    .name = "registry",
    .state_size = sizeof(registry),
    .start = start,
    .receive = receive,
};
