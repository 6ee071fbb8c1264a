// registry_calls.c: what others ask of a registry, from an actor or from a thread outside.
#include "troupe/registry.h"

#include "troupe/call.h"

// Who asks.
typedef struct asker {
    tr_self *self; // TR_OUTSIDE: a thread of `rt`
    tr_runtime *rt;
    tr_ref_t registry;
    tr_duration_t timeout;
} asker;

#define ACTOR(self_) (&(asker){.self = (self_), .registry = registry, .timeout = timeout})
#define OUTSIDE(rt_) (&(asker){.rt = (rt_), .registry = registry, .timeout = timeout})

static tr_err_t
ask(const asker *by, const tr_type_t *type, const void *value, const tr_type_t *expect, void *out)
{
    return by->self == TR_OUTSIDE
               ? tr_runtime_call(by->rt, by->registry, type, value, expect, out, by->timeout)
               : tr_call(by->self, by->registry, type, value, expect, out, by->timeout);
}

static void
give_back(const asker *by, const void *answer)
{
    if (by->self == TR_OUTSIDE) {
        tr_runtime_release(by->rt, answer);
    } else {
        tr_release(by->self, answer);
    }
}

static tr_err_t
ask_owner(const asker *by, const tr_type_t *type, const void *value, tr_ref_t *out)
{
    const tr_registry_owner *owner;
    tr_err_t err = ask(by, type, value, TR_REPLY(tr_registry_owner, &owner));
    if (err == TR_OK) {
        if (out != NULL) {
            *out = owner->actor;
        }
        give_back(by, owner);
    }
    return err;
}

static tr_err_t
ask_reader(const asker *by, tr_str_t name, tr_watch_rx **out)
{
    const tr_message *answer;
    tr_err_t err = ask(by, TR_MSG(tr_registry_follow, .name = name), TR_REPLY_ANY(&answer));
    if (err != TR_OK) {
        return err;
    }
    tr_watch_rx *rx = tr_take(by->self, answer, tr_registry_reader, rx);
    give_back(by, answer);
    if (rx == NULL) {
        return TR_ETYPE;
    }
    *out = rx;
    return TR_OK;
}

// ---- from an actor

tr_err_t
tr_registry_register(tr_self *self, tr_ref_t registry, tr_str_t name, tr_ref_t actor,
                     tr_duration_t timeout)
{
    return ask(ACTOR(self), TR_MSG(tr_registry_claim, .name = name, .actor = actor), TR_REPLY_NONE);
}

tr_err_t
tr_registry_take_over(tr_self *self, tr_ref_t registry, tr_str_t name, tr_ref_t actor,
                      tr_duration_t timeout, tr_ref_t *out_former)
{
    return ask_owner(ACTOR(self), TR_MSG(tr_registry_seize, .name = name, .actor = actor),
                     out_former);
}

tr_err_t
tr_registry_unregister(tr_self *self, tr_ref_t registry, tr_str_t name, tr_ref_t actor,
                       tr_duration_t timeout)
{
    return ask(ACTOR(self), TR_MSG(tr_registry_resign, .name = name, .actor = actor),
               TR_REPLY_NONE);
}

tr_err_t
tr_registry_lookup(tr_self *self, tr_ref_t registry, tr_str_t name, tr_duration_t timeout,
                   tr_ref_t *out)
{
    return ask_owner(ACTOR(self), TR_MSG(tr_registry_find, .name = name), out);
}

tr_err_t
tr_registry_await(tr_self *self, tr_ref_t registry, tr_str_t name, tr_duration_t timeout,
                  tr_ref_t *out)
{
    return ask_owner(ACTOR(self), TR_MSG(tr_registry_wait, .name = name), out);
}

tr_err_t
tr_registry_watch(tr_self *self, tr_ref_t registry, tr_str_t name, tr_duration_t timeout,
                  tr_watch_rx **out)
{
    return ask_reader(ACTOR(self), name, out);
}

tr_err_t
tr_registry_names(tr_self *self, tr_ref_t registry, tr_str_t prefix, tr_str_t after, uint32_t count,
                  tr_duration_t timeout, const tr_registry_page **out)
{
    return ask(ACTOR(self),
               TR_MSG(tr_registry_list, .prefix = prefix, .after = after, .count = count),
               TR_REPLY(tr_registry_page, out));
}

// ---- from a thread outside

tr_err_t
tr_runtime_registry_register(tr_runtime *rt, tr_ref_t registry, tr_str_t name, tr_ref_t actor,
                             tr_duration_t timeout)
{
    return ask(OUTSIDE(rt), TR_MSG(tr_registry_claim, .name = name, .actor = actor), TR_REPLY_NONE);
}

tr_err_t
tr_runtime_registry_take_over(tr_runtime *rt, tr_ref_t registry, tr_str_t name, tr_ref_t actor,
                              tr_duration_t timeout, tr_ref_t *out_former)
{
    return ask_owner(OUTSIDE(rt), TR_MSG(tr_registry_seize, .name = name, .actor = actor),
                     out_former);
}

tr_err_t
tr_runtime_registry_unregister(tr_runtime *rt, tr_ref_t registry, tr_str_t name, tr_ref_t actor,
                               tr_duration_t timeout)
{
    return ask(OUTSIDE(rt), TR_MSG(tr_registry_resign, .name = name, .actor = actor),
               TR_REPLY_NONE);
}

tr_err_t
tr_runtime_registry_lookup(tr_runtime *rt, tr_ref_t registry, tr_str_t name, tr_duration_t timeout,
                           tr_ref_t *out)
{
    return ask_owner(OUTSIDE(rt), TR_MSG(tr_registry_find, .name = name), out);
}

tr_err_t
tr_runtime_registry_await(tr_runtime *rt, tr_ref_t registry, tr_str_t name, tr_duration_t timeout,
                          tr_ref_t *out)
{
    return ask_owner(OUTSIDE(rt), TR_MSG(tr_registry_wait, .name = name), out);
}

tr_err_t
tr_runtime_registry_watch(tr_runtime *rt, tr_ref_t registry, tr_str_t name, tr_duration_t timeout,
                          tr_watch_rx **out)
{
    return ask_reader(OUTSIDE(rt), name, out);
}

tr_err_t
tr_runtime_registry_names(tr_runtime *rt, tr_ref_t registry, tr_str_t prefix, tr_str_t after,
                          uint32_t count, tr_duration_t timeout, const tr_registry_page **out)
{
    return ask(OUTSIDE(rt),
               TR_MSG(tr_registry_list, .prefix = prefix, .after = after, .count = count),
               TR_REPLY(tr_registry_page, out));
}
