/**
 * @file registry.h
 * A registry is an actor that knows others by name: who starts a service registers its address, who
 * needs the service looks it up. Spawn one like any actor and give its address to those who use it.
 *
 *     err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &tr_registry_behavior}, &names);
 *     err = tr_registry_register(self, names, TR_STR("store"), tr_self_ref(self), tr_seconds(1));
 *     …
 *     err = tr_registry_lookup(self, names, TR_STR("store"), tr_seconds(1), &store);   // elsewhere
 *
 * Names     1 to 255 bytes, any; by convention UTF-8. A name belongs to one actor at a time, and an
 *           actor may have many. The address of a channel (mpsc.h) may be registered as well.
 * Ends      An actor's names are free once it has ended for good: whoever asks from then on does
 *           not find it, and may register the name. A restart in place keeps address and names.
 *           What a lookup gave may end right after: a call then says TR_EDEAD, and the name is to
 *           be looked up again.
 * Restarts  A registry that crashes loses its names, and its next life begins with none: those who
 *           have registered must do so again. A supervisor that restarts rest_for_one, with the
 *           registry before them, sees to that; so does tr_link(self, registry) after registering,
 *           by which they end with the registry and are started anew. Who wants to live on watches
 *           a name: TR_ECLOSED is the end of that life of the registry.
 * Requests  The functions below are calls, and return what tr_call does beside what is named here.
 *           A call that failed with TR_ETIMEOUT or TR_ECANCELED may have been carried out: register
 *           again or look. The registry itself waits for nobody. Its requests are messages that
 *           others may send too; each function names its own.
 *
 * `self` is the calling actor; `tr_runtime_registry_…` are the same for threads outside.
 */
#ifndef TROUPE_REGISTRY_H
#define TROUPE_REGISTRY_H

#include "troupe/actor.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/message.h"
#include "troupe/ref.h"
#include "troupe/runtime.h"
#include "troupe/watch.h"

TR_BEGIN_DECLS

#define TR_REGISTRY_NAME_MAX 255u  // bytes of a name
#define TR_REGISTRY_PAGE_MAX 1000u // names that tr_registry_names gives at once

/** The bounds of a registry. Zero is the default of every field. */
typedef struct tr_registry_opts {
    uint32_t max_names;   // that somebody has; 0 for 65536
    uint32_t max_waiters; // requests of tr_registry_await that wait; 0 for 4096
    uint32_t max_watched; // names that are watched, each by any number of readers; 0 for 4096
} tr_registry_opts_t;

/** The behavior. Its argument at spawn is a tr_registry_opts_t, or none for the defaults. It fails
 *  to start with TR_EIO when the system has no random numbers to give. */
extern TR_API const tr_behavior_t tr_registry_behavior;

// ---- requests, and how they are answered

/** The answer to a request that changes something and gives nothing. */
TR_MESSAGE_EMPTY(tr_registry_done);

/** Who has a name; TR_REF_NONE: nobody. An answer, and the value of tr_registry_watch. */
#define TR_REGISTRY_OWNER(F, T) F(T, ref, actor)
TR_MESSAGE(tr_registry_owner, TR_REGISTRY_OWNER);

/** Give `actor` a name that is free; answered with tr_registry_done. */
#define TR_REGISTRY_CLAIM(F, T) F(T, str, name) F(T, ref, actor)
TR_MESSAGE(tr_registry_claim, TR_REGISTRY_CLAIM);

/** Give `actor` a name whoever has it; answered with tr_registry_owner, the former one. */
TR_MESSAGE(tr_registry_seize, TR_REGISTRY_CLAIM);

/** Take a name from `actor`; answered with tr_registry_done. */
TR_MESSAGE(tr_registry_resign, TR_REGISTRY_CLAIM);

/** Ask who has a name; answered with tr_registry_owner, now. */
#define TR_REGISTRY_FIND(F, T) F(T, str, name)
TR_MESSAGE(tr_registry_find, TR_REGISTRY_FIND);

/** The same, answered when somebody has it. Must be called. */
TR_MESSAGE(tr_registry_wait, TR_REGISTRY_FIND);

/** Ask for a reader of who has a name; answered with tr_registry_reader. Must be called. */
TR_MESSAGE(tr_registry_follow, TR_REGISTRY_FIND);

/** The answer: `rx` is the caller's once it has taken it with tr_take. */
#define TR_REGISTRY_READER(F, T) F(T, local(tr_watch_rx), rx)
TR_MESSAGE(tr_registry_reader, TR_REGISTRY_READER);

/** Ask for the first `count` names that begin with `prefix` and come after `after`; answered with
 *  tr_registry_page. Must be called. */
#define TR_REGISTRY_LIST(F, T) F(T, str, prefix) F(T, str, after) F(T, u32, count)
TR_MESSAGE(tr_registry_list, TR_REGISTRY_LIST);

/** A name and who has it. */
#define TR_REGISTRY_ENTRY(F, T) F(T, str, name) F(T, ref, actor)
TR_MESSAGE(tr_registry_entry, TR_REGISTRY_ENTRY);

/** Names in the order of their bytes; `has_more`: there are more behind the last one. */
#define TR_REGISTRY_PAGE(F, T) F(T, list(nested(tr_registry_entry)), entries) F(T, bool, has_more)
TR_MESSAGE(tr_registry_page, TR_REGISTRY_PAGE);

/**
 * What the registry sends to one whose name was taken over: `name` is `successor`'s now. It is sent
 * without waiting, so a full mailbox loses it; who must know for certain watches the name.
 */
#define TR_REGISTRY_LOST(F, T) F(T, str, name) F(T, ref, successor)
TR_MESSAGE(tr_registry_lost, TR_REGISTRY_LOST);

// ---- having a name

/**
 * Give an actor a name that nobody has (tr_registry_claim). It need not be `self`.
 * @param name    copied
 * @param actor   whose name it is to be
 * @param timeout from now, as for tr_call
 * @return TR_OK, also when that actor has the name already, or
 *         TR_EINVAL    the name is empty or longer than 255 bytes, or `actor` is TR_REF_NONE
 *         TR_EALREADY  another actor has it, and had not ended
 *         TR_EDEAD     `actor` has ended; or the registry has
 *         TR_ELIMIT    there are max_names already
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_registry_register(tr_self *self, tr_ref_t registry, tr_str_t name,
                                                   tr_ref_t actor, tr_duration_t timeout);

/**
 * Give an actor a name, whoever has it now (tr_registry_seize). Who had it is sent a
 * tr_registry_lost.
 * @param out_former  who had it: `actor` itself when it did; TR_REF_NONE when nobody did, or one
 *                    that had ended. NULL is allowed.
 * @return as tr_registry_register, but not TR_EALREADY.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_registry_take_over(tr_self *self, tr_ref_t registry, tr_str_t name,
                                                    tr_ref_t actor, tr_duration_t timeout,
                                                    tr_ref_t *out_former);

/**
 * Take a name from an actor (tr_registry_resign), if it is that actor's: one that comes late and
 * finds another there changes nothing.
 * @return TR_OK, TR_ENOTFOUND when `actor` does not have the name, TR_EINVAL as above.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_registry_unregister(tr_self *self, tr_ref_t registry,
                                                     tr_str_t name, tr_ref_t actor,
                                                     tr_duration_t timeout);

// ---- finding who has it

/**
 * Ask who has a name (tr_registry_find).
 * @param out  written only on TR_OK: one that had not ended when the registry looked
 * @return TR_OK, TR_ENOTFOUND when nobody has it, TR_EINVAL for what cannot be a name.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_registry_lookup(tr_self *self, tr_ref_t registry, tr_str_t name,
                                                 tr_duration_t timeout, tr_ref_t *out);

/**
 * Wait until somebody has a name (tr_registry_wait). All who wait for one are answered when it is
 * registered, in the order in which they came. Who gives up or ends is forgotten within a second
 * or so, sooner where another needs the room.
 * @param out  written only on TR_OK
 * @return TR_OK, TR_ETIMEOUT when nobody got it in time, TR_ELIMIT when max_waiters wait already,
 *         TR_EINVAL for what cannot be a name; TR_ECRASHED or TR_ENOREPLY when the registry ended.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_registry_await(tr_self *self, tr_ref_t registry, tr_str_t name,
                                                tr_duration_t timeout, tr_ref_t *out);

/**
 * Follow a name (tr_registry_follow): the value of the reader is a tr_registry_owner, the newest.
 * It is there at once, with tr_watch_get; tr_watch_await_change tells of the next one. The owner's
 * end is shown when the registry has heard of it. After TR_ECLOSED, because the registry ended or
 * had no memory for a change, watch again. What the registry keeps for a name is given up within
 * a second or so of its last reader, sooner where another needs the room.
 * @param out  owned: tr_watch_rx_close, or the end of this life
 * @return TR_OK, TR_ELIMIT when max_watched names are watched and this is not one of them,
 *         TR_EINVAL for what cannot be a name.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_registry_watch(tr_self *self, tr_ref_t registry, tr_str_t name,
                                                tr_duration_t timeout, tr_watch_rx **out);

/**
 * List names (tr_registry_list), a page at a time: `after` is empty for the first one, and then the
 * last name of the page before. Pages are of different times: what was registered all the while is
 * on one of them. The registry looks at all its names for each.
 * @param prefix  what the names begin with; empty for all
 * @param count   how many at most, 1 to TR_REGISTRY_PAGE_MAX
 * @param out     borrowed until the handler in progress returns, or until tr_release
 * @return TR_OK, also for a page with nothing on it; TR_EINVAL for `count`.
 * @blocks the actor, never the worker
 */
TR_API TR_MUST_CHECK tr_err_t tr_registry_names(tr_self *self, tr_ref_t registry, tr_str_t prefix,
                                                tr_str_t after, uint32_t count,
                                                tr_duration_t timeout,
                                                const tr_registry_page **out);

// ---- the same for threads outside

/** tr_registry_register. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_registry_register(tr_runtime *rt, tr_ref_t registry,
                                                           tr_str_t name, tr_ref_t actor,
                                                           tr_duration_t timeout);

/** tr_registry_take_over. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_registry_take_over(tr_runtime *rt, tr_ref_t registry,
                                                            tr_str_t name, tr_ref_t actor,
                                                            tr_duration_t timeout,
                                                            tr_ref_t *out_former);

/** tr_registry_unregister. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_registry_unregister(tr_runtime *rt, tr_ref_t registry,
                                                             tr_str_t name, tr_ref_t actor,
                                                             tr_duration_t timeout);

/** tr_registry_lookup. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_registry_lookup(tr_runtime *rt, tr_ref_t registry,
                                                         tr_str_t name, tr_duration_t timeout,
                                                         tr_ref_t *out);

/** tr_registry_await. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_registry_await(tr_runtime *rt, tr_ref_t registry,
                                                        tr_str_t name, tr_duration_t timeout,
                                                        tr_ref_t *out);

/** tr_registry_watch; the reader is closed before tr_runtime_destroy. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_registry_watch(tr_runtime *rt, tr_ref_t registry,
                                                        tr_str_t name, tr_duration_t timeout,
                                                        tr_watch_rx **out);

/** tr_registry_names; the page is owned: tr_runtime_release. @threads any */
TR_API TR_MUST_CHECK tr_err_t tr_runtime_registry_names(tr_runtime *rt, tr_ref_t registry,
                                                        tr_str_t prefix, tr_str_t after,
                                                        uint32_t count, tr_duration_t timeout,
                                                        const tr_registry_page **out);

TR_END_DECLS

#endif
