#include "actor/system.h"

#define SYSTEM_TYPE(text)                                                                          \
    {                                                                                              \
        .name = text, .flags = TR_TYPE_SYSTEM                                                      \
    }

const tr_type_t tri_system_types[TRI_SYSTEM_OPS] = {
    [TRI_SYSTEM_HELD] = SYSTEM_TYPE("held"),
    [TRI_SYSTEM_ENDED] = SYSTEM_TYPE("ended"),
    [TRI_SYSTEM_WATCH] = SYSTEM_TYPE("watch"),
    [TRI_SYSTEM_UNWATCH] = SYSTEM_TYPE("unwatch"),
    [TRI_SYSTEM_DOWN] = SYSTEM_TYPE("down"),
    [TRI_SYSTEM_ROOM] = SYSTEM_TYPE("room"),
    [TRI_SYSTEM_GRANT] = SYSTEM_TYPE("grant"),
    [TRI_SYSTEM_GIVE_BACK] = SYSTEM_TYPE("give back"),
    [TRI_SYSTEM_CANCEL_ROOM] = SYSTEM_TYPE("cancel room"),
    [TRI_SYSTEM_ERROR] = SYSTEM_TYPE("error"),
    [TRI_SYSTEM_CANCEL] = SYSTEM_TYPE("cancel"),
    [TRI_SYSTEM_DELEGATED] = SYSTEM_TYPE("delegated"),
    [TRI_SYSTEM_PROBE] = SYSTEM_TYPE("probe"),
    [TRI_SYSTEM_PROVE] = SYSTEM_TYPE("prove"),
    [TRI_SYSTEM_CONFIRM] = SYSTEM_TYPE("confirm"),
    [TRI_SYSTEM_CANCEL_SCOPE] = SYSTEM_TYPE("cancel scope"),
    [TRI_SYSTEM_THEN] = SYSTEM_TYPE("then"),
    [TRI_SYSTEM_EXEC] = SYSTEM_TYPE("exec"),
};

void
tri_message_become_error(tr_message *msg, tr_err_t error)
{
    msg->parcel.type = &tri_system_types[TRI_SYSTEM_ERROR];
    msg->meta &= TRI_MSG_CLASS;
    msg->size = (uint32_t)error; // the one word of a header that an answer without a value has free
}

tr_err_t
tri_message_error(const tr_message *msg)
{
    return (tr_err_t)(int32_t)msg->size;
}
