#include "internal.h"

#include <stdio.h>
#include <string.h>

#define MAX_CHILDREN 65536u

#define MEMBER_OF(item, field) ((member_t *)(void *)((char *)(item)-offsetof(member_t, field)))

tr_err_t
tri_members_init(tr_self *self, supervisor_t *s)
{
    const tr_supervisor_t *spec = s->spec;
    s->max_children = spec->max_children;
    if (s->max_children == 0) {
        s->max_children = spec->child_count > MAX_CHILDREN ? spec->child_count : MAX_CHILDREN;
    }
    tr_err_t err = tri_hash_init(self, &s->by_id);
    return err == TR_OK ? tri_hash_init(self, &s->by_ref) : err;
}

static uint64_t
hash_of_id(const supervisor_t *s, tr_str_t id)
{
    return tri_hash_of(&s->by_id, id.data, id.size);
}

static uint64_t
hash_of_ref(const supervisor_t *s, tr_ref_t ref)
{
    return tri_hash_of(&s->by_ref, &ref.raw, sizeof ref.raw);
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
    m->by_id.hash = hash_of_id(s, tr_str(m->spec->id));
    tri_hash_add(self, &s->by_id, &m->by_id);
    return m;
}

void
tri_member_destroy(tr_self *self, supervisor_t *s, member_t *m)
{
    tri_member_set_ref(self, s, m, TR_REF_NONE);
    tri_hash_remove(&s->by_id, &m->by_id);
    *(m->prev != NULL ? &m->prev->next : &s->first) = m->next;
    *(m->next != NULL ? &m->next->prev : &s->last) = m->prev;
    s->count--;
    tr_free(self, m);
}

void
tri_member_set_ref(tr_self *self, supervisor_t *s, member_t *m, tr_ref_t ref)
{
    if (!tr_ref_equal(m->ref, TR_REF_NONE)) {
        tri_hash_remove(&s->by_ref, &m->by_ref);
    }
    m->ref = ref;
    if (!tr_ref_equal(ref, TR_REF_NONE)) {
        m->by_ref.hash = hash_of_ref(s, ref);
        tri_hash_add(self, &s->by_ref, &m->by_ref);
    }
}

member_t *
tri_member_by_ref(const supervisor_t *s, tr_ref_t ref)
{
    tri_hashed *at = tri_hash_find(&s->by_ref, hash_of_ref(s, ref));
    while (at != NULL && !tr_ref_equal(MEMBER_OF(at, by_ref)->ref, ref)) {
        at = tri_hash_find_next(at);
    }
    return at != NULL ? MEMBER_OF(at, by_ref) : NULL;
}

member_t *
tri_member_by_id(const supervisor_t *s, tr_str_t id)
{
    tri_hashed *at = tri_hash_find(&s->by_id, hash_of_id(s, id));
    while (at != NULL && !tr_str_equal(id, tr_str(MEMBER_OF(at, by_id)->spec->id))) {
        at = tri_hash_find_next(at);
    }
    return at != NULL ? MEMBER_OF(at, by_id) : NULL;
}
