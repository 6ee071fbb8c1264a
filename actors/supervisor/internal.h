// internal.h: what the files of the supervisor share. The supervisor is one actor; everything here
// runs in its handlers.
#ifndef TROUPE_ACTORS_SUPERVISOR_INTERNAL_H
#define TROUPE_ACTORS_SUPERVISOR_INTERNAL_H

#include "troupe/supervisor.h"

#include "actors/hash.h"

// A child as the supervisor knows it. Members are in the order of starting.
typedef struct member_t {
    tri_hashed by_id;
    tri_hashed by_ref; // while it has an address
    struct member_t *prev;
    struct member_t *next;
    const tr_child_t *spec; // of the supervisor's table, or behind this struct
    tr_ref_t ref;           // TR_REF_NONE: it is stopped
    tr_child_state state;
    bool is_starting;  // its restart took too long: it is being killed, and an exit will say so
    uint32_t fails;    // in a row, for the backoff
    uint64_t due;      // number of the restart that it waits for; 0: none
    tr_timer_t timer;  // of that
    uint64_t restarts; // in all its time
} member_t;

typedef struct job_t job_t; // an order that waits to be carried out: request.c

typedef struct supervisor_t {
    const tr_supervisor_t *spec;
    member_t *first;
    member_t *last;
    uint32_t count;
    uint32_t max_children;
    uint64_t next_number; // of ids that are made up, and of restarts that are due
    tri_hash by_id;
    tri_hash by_ref;
    int64_t *restarts_ns; // when the latest restarts were, a ring of max_restarts + 1
    uint32_t ring;        // its size
    uint32_t next;        // where the next one goes
    uint64_t restarts;    // ever
    job_t *first_job;
    job_t *last_job;
    uint32_t job_count;
} supervisor_t;

// ---- check.c: the table is right. It says in the log what is not.

const char *tri_sup_name(const tr_supervisor_t *spec);

// Does not return when it is wrong.
void tri_sup_check(tr_self *self, const tr_supervisor_t *spec);

// One child, at any time: TR_OK or TR_EINVAL, and *text says why.
tr_err_t
tri_sup_check_child(const tr_supervisor_t *spec, const tr_child_t *child, char *text, size_t size);

// ---- member.c: the members, and how to find them.

tr_err_t tri_members_init(tr_self *self, supervisor_t *s);

// Append one. `is_copied`: the spec is copied, and gets an id if it has none. NULL: no memory.
member_t *tri_member_create(tr_self *self, supervisor_t *s, const tr_child_t *spec, bool is_copied);

// Forget one that has no actor any more.
void tri_member_destroy(tr_self *self, supervisor_t *s, member_t *m);

void tri_member_set_ref(tr_self *self, supervisor_t *s, member_t *m, tr_ref_t ref);
member_t *tri_member_by_ref(const supervisor_t *s, tr_ref_t ref);
member_t *tri_member_by_id(const supervisor_t *s, tr_str_t id);

// ---- child.c: one child's lives.

// TR_OK, or the error of its start, or of us being told to stop.
tr_err_t tri_sup_spawn(tr_self *self, supervisor_t *s, member_t *m);

// The next life of one that is down, or a first one of one that is stopped.
tr_err_t tri_sup_begin(tr_self *self, supervisor_t *s, member_t *m);

// End its life in good order; it is down then. TR_OK, or why we could not wait for that.
tr_err_t tri_sup_hold(tr_self *self, member_t *m);

// One that is down: its mail is discarded, its address ends. A temporary one is forgotten, and `m`
// is gone.
void tri_sup_drop(tr_self *self, supervisor_t *s, member_t *m);

// It waits for a restart no more.
void tri_sup_cancel_due(tr_self *self, member_t *m);

// ---- restart.c: who begins again when one has ended.

// A life is over, by itself.
tr_err_t tri_sup_ended(tr_self *self, supervisor_t *s, const tr_child_exit *exit);

// One that is down: its life, or the start of one that was to follow, is over for that reason. It
// begins again or is dropped, as its restart type says.
tr_err_t tri_sup_over(tr_self *self, supervisor_t *s, member_t *m, tr_err_t reason);

// Whether the end of a wait for its restart is the beginning of others, too.
bool tri_sup_is_waited_for(const member_t *m);

// Do not wait any longer for the restart of m: it begins, and who waits for it. *out_start is the
// error of the first start that failed; the restart of that one is seen to.
tr_err_t tri_sup_begin_now(tr_self *self, supervisor_t *s, member_t *m, tr_err_t *out_start);

// One that was waited for is not to begin: those who waited do, unless they wait for another.
tr_err_t tri_sup_begin_waiting(tr_self *self, supervisor_t *s);

#define RESTART_DUE(F, T) F(T, str, id) F(T, u64, number)
TR_MESSAGE(tr_supervisor_restart_due, RESTART_DUE);

// The backoff is over.
tr_err_t
tri_sup_restart_is_due(tr_self *self, supervisor_t *s, const tr_supervisor_restart_due *due);

// ---- request.c: what may be asked at run time. TR_EUNHANDLED: that is none of it.

tr_err_t tri_sup_answer(tr_self *self, supervisor_t *s, const tr_message *msg);

#endif
