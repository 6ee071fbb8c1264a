#include "internal.h"

#include <stdio.h>
#include <string.h>

#define MAX_CHILDREN 65536u
#define BUCKETS_MIN  16u

// ---- hashing

// FNV-1a (Fowler, Noll, Vo). Ids are the program's own: nobody chooses them to collide.
static uint32_t
hash_of_id(tr_str_t id)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < id.size; i++) {
        hash = (hash ^ (unsigned char)id.data[i]) * 0x100000001b3u;
    }
    return (uint32_t)(hash ^ hash >> 32);
}

static uint32_t
hash_of_ref(tr_ref_t ref)
{
    uint64_t hash = ref.raw * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32);
}

static member_t **
bucket(const buckets_t *b, uint32_t hash)
{
    return &b->heads[hash & (b->count - 1)];
}

static void
link_id(buckets_t *b, member_t *m)
{
    member_t **head = bucket(b, hash_of_id(tr_str(m->spec->id)));
    m->next_by_id = *head;
    *head = m;
}

static void
link_ref(buckets_t *b, member_t *m)
{
    member_t **head = bucket(b, hash_of_ref(m->ref));
    m->next_by_ref = *head;
    *head = m;
}

static void
unlink_ref(supervisor_t *s, member_t *m)
{
    member_t **at = bucket(&s->by_ref, hash_of_ref(m->ref));
    while (*at != m) {
        at = &(*at)->next_by_ref;
    }
    *at = m->next_by_ref;
}

static void
unlink_id(supervisor_t *s, member_t *m)
{
    member_t **at = bucket(&s->by_id, hash_of_id(tr_str(m->spec->id)));
    while (*at != m) {
        at = &(*at)->next_by_id;
    }
    *at = m->next_by_id;
}

static member_t **
alloc_heads(tr_self *self, uint32_t count)
{
    member_t **heads = tr_alloc(self, count * sizeof *heads);
    if (heads != NULL) {
        memset(heads, 0, count * sizeof *heads);
    }
    return heads;
}

// Room for one more: as many buckets as members at least. Both tables, or none.
static tr_err_t
grow(tr_self *self, supervisor_t *s)
{
    if (s->count < s->by_id.count) {
        return TR_OK;
    }
    uint32_t count = s->by_id.count != 0 ? s->by_id.count * 2 : BUCKETS_MIN;
    buckets_t by_id = {alloc_heads(self, count), count};
    buckets_t by_ref = {alloc_heads(self, count), count};
    if (by_id.heads == NULL || by_ref.heads == NULL) {
        tr_free(self, by_id.heads);
        tr_free(self, by_ref.heads);
        return TR_ENOMEM;
    }
    for (member_t *m = s->first; m != NULL; m = m->next) {
        link_id(&by_id, m);
        if (!tr_ref_equal(m->ref, TR_REF_NONE)) {
            link_ref(&by_ref, m);
        }
    }
    tr_free(self, s->by_id.heads);
    tr_free(self, s->by_ref.heads);
    s->by_id = by_id;
    s->by_ref = by_ref;
    return TR_OK;
}

// ---- members

tr_err_t
tri_members_init(tr_self *self, supervisor_t *s)
{
    const tr_supervisor_t *spec = s->spec;
    s->max_children = spec->max_children;
    if (s->max_children == 0) {
        s->max_children = spec->child_count > MAX_CHILDREN ? spec->child_count : MAX_CHILDREN;
    }
    return grow(self, s);
}

// The spec, its argument and its id, behind the member.
static member_t *
create_with_copy(tr_self *self, supervisor_t *s, const tr_child_t *spec)
{
    size_t spec_at = (sizeof(member_t) + 15) & ~(size_t)15;
    size_t arg_at = (spec_at + sizeof *spec + 15) & ~(size_t)15;
    size_t id_at = arg_at + spec->arg_size;
    size_t id_size = strlen(spec->id != NULL ? spec->id : spec->behavior->name) + 24;
    char *block = tr_alloc(self, id_at + id_size);
    if (block == NULL) {
        return NULL;
    }
    member_t *m = (member_t *)(void *)block;
    tr_child_t *copy = (tr_child_t *)(void *)(block + spec_at);
    *copy = *spec;
    if (spec->arg_size != 0) {
        copy->arg = memcpy(block + arg_at, spec->arg, spec->arg_size);
    }
    copy->id = block + id_at;
    if (spec->id != NULL) {
        snprintf(block + id_at, id_size, "%s", spec->id);
    } else {
        do {
            snprintf(block + id_at, id_size, "%s-%llu", spec->behavior->name,
                     (unsigned long long)++s->next_number);
        } while (tri_member_by_id(s, tr_str(copy->id)) != NULL);
    }
    *m = (member_t){.spec = copy};
    return m;
}

member_t *
tri_member_create(tr_self *self, supervisor_t *s, const tr_child_t *spec, bool is_copied)
{
    if (grow(self, s) != TR_OK) {
        return NULL;
    }
    member_t *m = is_copied ? create_with_copy(self, s, spec) : tr_alloc(self, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    if (!is_copied) {
        *m = (member_t){.spec = spec};
    }
    m->state = TR_CHILD_STOPPED;
    m->prev = s->last;
    if (s->last != NULL) {
        s->last->next = m;
    } else {
        s->first = m;
    }
    s->last = m;
    s->count++;
    link_id(&s->by_id, m);
    return m;
}

void
tri_member_destroy(tr_self *self, supervisor_t *s, member_t *m)
{
    tri_member_set_ref(s, m, TR_REF_NONE);
    unlink_id(s, m);
    *(m->prev != NULL ? &m->prev->next : &s->first) = m->next;
    *(m->next != NULL ? &m->next->prev : &s->last) = m->prev;
    s->count--;
    tr_free(self, m);
}

void
tri_member_set_ref(supervisor_t *s, member_t *m, tr_ref_t ref)
{
    if (!tr_ref_equal(m->ref, TR_REF_NONE)) {
        unlink_ref(s, m);
    }
    m->ref = ref;
    if (!tr_ref_equal(ref, TR_REF_NONE)) {
        link_ref(&s->by_ref, m);
    }
}

member_t *
tri_member_by_ref(const supervisor_t *s, tr_ref_t ref)
{
    member_t *m = *bucket(&s->by_ref, hash_of_ref(ref));
    while (m != NULL && !tr_ref_equal(m->ref, ref)) {
        m = m->next_by_ref;
    }
    return m;
}

member_t *
tri_member_by_id(const supervisor_t *s, tr_str_t id)
{
    member_t *m = *bucket(&s->by_id, hash_of_id(id));
    while (m != NULL && !tr_str_equal(id, tr_str(m->spec->id))) {
        m = m->next_by_id;
    }
    return m;
}
