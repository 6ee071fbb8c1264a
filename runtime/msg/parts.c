#include "msg/parts.h"

#include "troupe/buf.h"

#include "msg/field.h"
#include "msg/layout.h"

// Called for each buf and each local that is there; `at` is where its pointer stands.
typedef void (*visit_fn)(const tr_field_t *field, void *at, void *arg);

struct walk {
    visit_fn visit;
    void *arg;
};

static void walk_message(const struct walk *w, const tr_type_t *type, char *value, unsigned levels);

// `levels` is how much deeper one may still go. What would be deeper is neither sent nor decoded,
// so that nothing is there to be found.
static void
walk_nested(const struct walk *w, const tr_type_t *type, char *value, unsigned levels)
{
    if (levels > 0) {
        walk_message(w, type, value, levels - 1);
    }
}

static void
walk_list(const struct walk *w, const tr_field_t *field, const char *at, unsigned levels)
{
    if (field->item != TR_KIND_NESTED || !tri_parts_may_be(field->nested) || levels == 0) {
        return;
    }
    tri_span_t list = tri_span_load(at);
    size_t item_size = tri_kind_size(TR_KIND_NESTED, field->nested);
    char *item = (char *)list.data; // the items of a flat value are its own
    for (size_t i = 0; i < list.count; i++, item += item_size) {
        walk_nested(w, field->nested, item, levels - 1);
    }
}

static void
walk_message(const struct walk *w, const tr_type_t *type, char *value, unsigned levels)
{
    if (!tri_parts_may_be(type)) {
        return;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        const tr_field_t *f = &type->fields[i];
        char *at = value + f->offset;
        if (f->kind == TR_KIND_NESTED) {
            walk_nested(w, f->nested, at, levels);
        } else if (f->kind == TR_KIND_LIST) {
            walk_list(w, f, at, levels);
        } else if ((f->kind == TR_KIND_BUF || f->kind == TR_KIND_LOCAL) &&
                   tri_pointer_load(at) != NULL) {
            w->visit(f, at, w->arg);
        }
    }
}

// Those who only look at a value say so with their own `const`; the walk is one for all.
static void
walk(const tr_type_t *type, const void *value, visit_fn visit, void *arg)
{
    struct walk w = {visit, arg};
    walk_message(&w, type, (char *)value, TRI_MSG_DEPTH_MAX - 1);
}

static void
add_bytes(const tr_field_t *field, void *at, void *arg)
{
    uint64_t *sum = arg;
    if (field->kind == TR_KIND_BUF) {
        *sum += tr_buf_bytes(tri_pointer_load(at)).size;
    }
}

static void
note_local(const tr_field_t *field, void *at, void *arg)
{
    (void)at;
    *(bool *)arg |= field->kind == TR_KIND_LOCAL;
}

bool
tri_parts_has_local(const tr_type_t *type, const void *value)
{
    bool has_local = false;
    walk(type, value, note_local, &has_local);
    return has_local;
}

uint64_t
tri_parts_bytes_walk(const tr_type_t *type, const void *value)
{
    uint64_t sum = 0;
    walk(type, value, add_bytes, &sum);
    return sum;
}

static void
share(const tr_field_t *field, void *at, void *arg)
{
    (void)arg;
    if (field->kind == TR_KIND_BUF) {
        tr_buf_ref(tri_pointer_load(at));
    }
}

void
tri_parts_share_walk(const tr_type_t *type, const void *value)
{
    walk(type, value, share, NULL);
}

static void
leave(const tr_field_t *field, void *at, void *arg)
{
    (void)arg;
    if (field->kind == TR_KIND_LOCAL && field->local->leave != NULL) {
        field->local->leave(tri_pointer_load(at));
    }
}

void
tri_parts_leave_walk(const tr_type_t *type, const void *value)
{
    walk(type, value, leave, NULL);
}

static void
adopt(const tr_field_t *field, void *at, void *self)
{
    if (field->kind == TR_KIND_LOCAL && field->local->adopt != NULL) {
        field->local->adopt(self, tri_pointer_load(at));
    }
}

void
tri_parts_adopt_walk(const tr_type_t *type, const void *value, struct tr_self *self)
{
    walk(type, value, adopt, self);
}

// NULL first: the program is called last, and finds nothing that it could be handed twice.
static void
release(const tr_field_t *field, void *at, void *arg)
{
    const bool *owns_locals = arg;
    void *part = tri_pointer_load(at);
    tri_pointer_store(at, NULL);
    if (field->kind == TR_KIND_BUF) {
        tr_buf_unref(part);
    } else if (*owns_locals) {
        field->local->drop(part);
    }
}

void
tri_parts_release_walk(const tr_type_t *type, void *value, bool owns_locals)
{
    walk(type, value, release, &owns_locals);
}

static void
blank(const tr_field_t *field, void *at, void *arg)
{
    (void)arg;
    if (field->kind == TR_KIND_LOCAL) {
        tri_pointer_store(at, NULL);
    }
}

void
tri_parts_blank_walk(const tr_type_t *type, void *value)
{
    walk(type, value, blank, NULL);
}
