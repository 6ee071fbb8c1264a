#include "msg/message.h"

#include "msg/field.h"
#include "msg/layout.h"

tr_message *
tri_message_alloc(tri_pool *pool, const tr_type_t *type, size_t size)
{
    uint8_t class;
    tr_message *msg = tri_pool_take(pool, sizeof *msg + size, &class);
    if (msg == NULL) {
        return NULL;
    }
    msg->parcel = (tri_parcel){.type = type};
    msg->sender = tr_ref_none();
    msg->meta = class;
    msg->generation = 0;
    msg->request = 0;
    msg->size = (uint32_t)size;
    msg->sent_tick = 0;
    return msg;
}

tr_message *
tri_message_create(tri_pool *pool, const tr_type_t *type, const void *value, size_t size)
{
    tr_message *msg = tri_message_alloc(pool, type, size);
    if (msg != NULL) {
        tri_layout_copy(type, value, msg->value);
        tri_parts_share(type, msg->value);
    }
    return msg;
}

void
tri_message_release_parts(tr_message *msg)
{
    tri_parts_release(msg->parcel.type, msg->value, (msg->meta & TRI_MSG_OWNS) != 0);
}

void
tri_message_destroy(tri_pool *pool, tri_depot *depot, tr_message *msg)
{
    if (msg != NULL) {
        tri_message_release_parts(msg);
        tri_pool_give(pool, depot, msg, (uint8_t)(msg->meta & TRI_MSG_CLASS));
    }
}

tr_err_t
tri_message_measure(const tr_type_t *type, const void *value, size_t *out)
{
    tr_err_t err = tri_layout_size(type, value, out);
    if (err == TR_OK && *out > UINT32_MAX) {
        return TR_ETOOBIG;
    }
    return err;
}

const tr_type_t *
tr_message_type(const tr_message *msg)
{
    return msg->parcel.type;
}

const void *
tr_message_value(const tr_message *msg)
{
    return msg->value;
}

const void *
tr_message_as(const tr_message *msg, const tr_type_t *type)
{
    return msg->parcel.type == type ? msg->value : NULL;
}

// The field of kind local there; NULL: there is none.
static const tr_field_t *
local_at(const tr_type_t *type, size_t offset)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (type->fields[i].offset == offset && type->fields[i].kind == TR_KIND_LOCAL) {
            return &type->fields[i];
        }
    }
    return NULL;
}

void *
tr_message_take(struct tr_self *self, const tr_message *msg, const tr_type_t *type, size_t offset)
{
    const tr_field_t *field = msg->parcel.type == type ? local_at(type, offset) : NULL;
    if (field == NULL) {
        return NULL;
    }
    // The block is not const; the handler's view of it is.
    unsigned char *at = (unsigned char *)msg->value + offset;
    void *object = tri_pointer_load(at);
    tri_pointer_store(at, NULL);
    if (object != NULL && field->local->adopt != NULL) {
        field->local->adopt(self, object);
    }
    return object;
}

tr_ref_t
tr_message_sender(const tr_message *msg)
{
    return (msg->meta & TRI_MSG_OUTSIDE) != 0 ? tr_ref_none() : msg->sender;
}

bool
tr_message_is_call(const tr_message *msg)
{
    return (msg->meta & TRI_MSG_CALL) != 0;
}
