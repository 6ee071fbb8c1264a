#include "actor/proof.h"

#include "actor/deadlock.h"
#include "actor/runtime.h"
#include "actor/send.h"
#include "actor/system.h"
#include "base/memory.h"

#include <string.h>

#define TEXT_BYTES 80u // of an edge in the path; it is cut there
#define PATH_BYTES 2048u

typedef struct hop {
    tr_ref_t who;
    tri_blocked_t blocked;
    bool is_confirmed;
    char text[TEXT_BYTES];
} hop;

struct tri_proof {
    uint32_t count; // of hops; the first is whose wait it is
    uint32_t confirmed;
    hop hops[];
};

// Are you still blocked in this way, and is it up to you to end the wait of `from`?
typedef struct question {
    tr_ref_t origin;
    uint64_t wait; // the origin's, blocked.in
    uint32_t index;
    tri_blocked_t blocked;
    tr_ref_t from;
    tri_blocked_t from_blocked;
} question;

typedef struct confirmation {
    uint64_t wait;
    uint32_t index;
    char text[TEXT_BYTES];
} confirmation;

// ---- following

static tri_trail_t
follow(const tri_actor *self, tri_blocked_t first, hop *out, uint32_t capacity, uint32_t *out_hops)
{
    const tri_actor *at = self;
    tri_blocked_t blocked = first;
    for (uint32_t count = 0; count < capacity; count++) {
        if (blocked.on == 0 || blocked.on == TRI_BLOCKED_UNKNOWN) {
            return blocked.on == 0 ? TRI_TRAIL_ENDS : TRI_TRAIL_IS_LOST;
        }
        if (out != NULL) {
            out[count] = (hop){.who = tri_actor_ref(at), .blocked = blocked};
        }
        at = tri_table_find(&self->rt->table, (tr_ref_t){blocked.on});
        if (at == NULL || at == self) {
            *out_hops = count + 1;
            return at == NULL ? TRI_TRAIL_ENDS : TRI_TRAIL_RETURNS;
        }
        // pairs(deadlock.edge) seq_cst: after mine was published.
        blocked.on = atomic_load_explicit(&at->blocked_on, memory_order_seq_cst);
        blocked.in = TRI_PEEK(&at->blocked_in);
    }
    return TRI_TRAIL_ENDS; // a cycle of others, who see to it themselves
}

tri_trail_t
tri_proof_follow(const tri_actor *self, tri_blocked_t first, uint32_t *out_hops)
{
    return follow(self, first, NULL, TRI_DEADLOCK_HOPS, out_hops);
}

// ---- whose wait it is

static bool
ask(tri_actor *self, const struct tri_proof *proof, uint32_t index)
{
    const hop *h = &proof->hops[index];
    const hop *before = &proof->hops[(index != 0 ? index : proof->count) - 1];
    tri_worker *here = tri_actor_worker(self);
    tr_message *msg =
        tri_message_alloc(&here->pool, &tri_system_types[TRI_SYSTEM_PROVE], sizeof(question));
    if (msg == NULL) {
        return false;
    }
    *(question *)(void *)msg->value = (question){
        .origin = tri_actor_ref(self),
        .wait = proof->hops[0].blocked.in,
        .index = index,
        .blocked = h->blocked,
        .from = before->who,
        .from_blocked = before->blocked,
    };
    return tri_send_system(self->rt, here, msg, h->who);
}

bool
tri_proof_begin(tri_actor *self, tri_blocked_t first, uint32_t hops)
{
    uint32_t again = 0;
    struct tri_proof *proof = tri_alloc(sizeof *proof + hops * sizeof(hop));
    if (proof == NULL || follow(self, first, proof->hops, hops, &again) != TRI_TRAIL_RETURNS ||
        again != hops) {
        tri_free(proof);
        return false;
    }
    proof->count = hops;
    proof->confirmed = 0;
    self->cold->proof = proof;
    self->has_proof = true;
    bool has_asked = true;
    for (uint32_t i = 0; i < hops && has_asked; i++) {
        has_asked = ask(self, proof, i);
    }
    return has_asked;
}

void
tri_proof_end(tri_actor *actor)
{
    tri_free(actor->cold->proof);
    actor->cold->proof = NULL;
    actor->has_proof = false;
}

static void
tell(tri_actor *self, const struct tri_proof *proof)
{
    static const char cut[] = "... ";
    char path[PATH_BYTES];
    size_t size = 0;
    for (uint32_t i = 0; i < proof->count; i++) {
        const char *text = proof->hops[i].text;
        size_t length = strlen(text);
        if (size + length + sizeof cut > sizeof path) {
            memcpy(path + size, cut, sizeof cut - 1);
            size += sizeof cut - 1;
            break;
        }
        memcpy(path + size, text, length);
        size += length;
    }
    path[size] = '\0';
    tri_deadlock_found(self, proof->count, path);
}

void
tri_proof_confirm(tri_actor *actor, tr_message *msg)
{
    const confirmation *c = (const confirmation *)(const void *)msg->value;
    struct tri_proof *proof = actor->cold->proof;
    if (proof != NULL && c->wait == proof->hops[0].blocked.in) {
        hop *h = &proof->hops[c->index];
        proof->confirmed += h->is_confirmed ? 0 : 1;
        h->is_confirmed = true;
        memcpy(h->text, c->text, sizeof h->text);
        if (proof->confirmed == proof->count) {
            tell(actor, proof);
        }
    }
    tri_destroy_message(actor->rt, tri_actor_worker(actor), msg);
}

// ---- all who are in it

static bool
is_so(tri_actor *actor, const question *q)
{
    tri_edge_t mine;
    if (!actor->wait->edge(actor->wait, 0, &mine)) {
        return false;
    }
    tri_blocked_t blocked = tri_edge_pack(&mine, actor->wait_number);
    tri_edge_t from = tri_edge_unpack(q->from_blocked);
    return blocked.on == q->blocked.on && blocked.in == q->blocked.in &&
           tri_edge_holds(actor, q->from, &from);
}

void
tri_proof_answer(tri_actor *actor, tr_message *msg)
{
    const question *q = (const question *)(const void *)msg->value;
    tri_worker *here = tri_actor_worker(actor);
    tr_message *yes = NULL;
    if (is_so(actor, q)) {
        yes = tri_message_alloc(&here->pool, &tri_system_types[TRI_SYSTEM_CONFIRM],
                                sizeof(confirmation));
    }
    if (yes != NULL) {
        confirmation *c = (confirmation *)(void *)yes->value;
        tri_edge_t mine;
        (void)actor->wait->edge(actor->wait, 0, &mine);
        c->wait = q->wait;
        c->index = q->index;
        (void)tri_edge_print(&mine, actor, c->text, sizeof c->text);
        (void)tri_send_system(actor->rt, here, yes, q->origin);
    }
    tri_destroy_message(actor->rt, here, msg);
}
