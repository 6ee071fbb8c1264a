/**
 * @file message.h
 * A message type is a C structure with a table of its fields beside it. The table is what lets the
 * runtime copy a value flat, the network carry it and `troupe mailbox` show it. A value is copied
 * when it is sent; the receiver borrows the copy until its handler returns.
 *
 *     #define PRICE(F, T) F(T, i64, cents) F(T, str, currency)
 *     TR_MESSAGE(price, PRICE);
 *     TR_MESSAGE_EMPTY(ping);
 *
 *     tr_send(self, to, TR_MSG(price, .cents = 1250, .currency = TR_STR("EUR")));
 *
 *     const price *p = tr_as(price, msg);      // NULL when msg is of another type
 *
 * Kinds of fields, and the C type each becomes:
 *
 *     bool                        bool
 *     i8 i16 i32 i64              int8_t … int64_t
 *     u8 u16 u32 u64              uint8_t … uint64_t
 *     f32 f64                     float, double
 *     str                         tr_str_t, text with a length, not terminated
 *     bytes                       tr_bytes_t
 *     ref                         tr_ref_t
 *     enum(color)                 color, declared with TR_ENUM
 *     nested(point)               point, another message type, inside
 *     list(K)                     struct { const K *items; size_t count; }, K any kind above
 *     buf                         tr_buf *, counted bytes that messages share: see buf.h
 *     local(T)                    T *, an object that moves with the message and is not copied
 *     secret(K)                   as K, any kind of all these; no tool ever shows its value
 *
 * Two kinds carry without copying. A buf is shared: the message takes a reference of its own, the
 * sender keeps the one it has, and a handler that keeps the buf takes one with tr_buf_ref. A local
 * moves: once the message is sent the object is no longer the sender's. The handler takes it out
 * with tr_take; what nobody has taken when the message ends is dropped. It stays in the process.
 *
 *     static const tr_local_t image_local = {.name = "image", .drop = image_drop};
 *     #define PICTURE(F, T) F(T, buf, thumbnail) F(T, local(image), pixels)
 *     TR_MESSAGE(picture, PICTURE);
 *
 *     image *pixels = tr_take(self, msg, picture, pixels);   // from now on the handler's to end
 */
#ifndef TROUPE_MESSAGE_H
#define TROUPE_MESSAGE_H

#include "troupe/export.h"
#include "troupe/ref.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

TR_BEGIN_DECLS

/** Text: a length and bytes, UTF-8 by convention, no terminator. Borrowed from where it points. */
typedef struct tr_str {
    const char *data;
    size_t size;
} tr_str_t;

/** Bytes. Borrowed from where it points. */
typedef struct tr_bytes {
    const void *data;
    size_t size;
} tr_bytes_t;

/** Bytes that messages share; see buf.h. */
typedef struct tr_buf tr_buf;

/** The text of a C string. NULL is the empty text. */
static inline tr_str_t
tr_str(const char *text)
{
    tr_str_t s = {text, text != NULL ? strlen(text) : 0};
    return s;
}

/** The text of `size` bytes at `data`. */
static inline tr_str_t
tr_str_n(const char *data, size_t size)
{
    tr_str_t s = {data, size};
    return s;
}

/** The bytes at `data`. */
static inline tr_bytes_t
tr_bytes(const void *data, size_t size)
{
    tr_bytes_t b = {data, size};
    return b;
}

/** The text of a string literal, its length known to the compiler. */
#define TR_STR(literal) tr_str_n("" literal, sizeof(literal) - 1)

/** True when both hold the same bytes. */
static inline bool
tr_str_equal(tr_str_t a, tr_str_t b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

typedef enum tr_kind {
    TR_KIND_NONE,
    TR_KIND_BOOL,
    TR_KIND_I8,
    TR_KIND_I16,
    TR_KIND_I32,
    TR_KIND_I64,
    TR_KIND_U8,
    TR_KIND_U16,
    TR_KIND_U32,
    TR_KIND_U64,
    TR_KIND_F32,
    TR_KIND_F64,
    TR_KIND_STR,
    TR_KIND_BYTES,
    TR_KIND_REF,
    TR_KIND_ENUM,
    TR_KIND_NESTED,
    TR_KIND_LIST,
    TR_KIND_BUF,
    TR_KIND_LOCAL,
} tr_kind_t;

/** One named value of an enumeration. */
typedef struct tr_enumerator {
    const char *name;
    int32_t value;
} tr_enumerator_t;

/** An enumeration that the tools can spell; made by TR_ENUM. */
typedef struct tr_enum {
    const char *name;
    const tr_enumerator_t *values;
    uint32_t count;
} tr_enum_t;

struct tr_self;

/**
 * What the runtime knows of the objects that fields of kind local(T) point to. The program defines
 * one for each T, under the name T_local, before the message type that uses it.
 */
typedef struct tr_local {
    const char *name; // stands for the object wherever the message is printed: <name>
    // A message has ended with the object still in it: end the object too. Called by any thread,
    // and must not wait. Never called for a message that was not delivered: its object is still
    // the sender's. Not NULL.
    void (*drop)(void *object);
    // The sender is about to deliver a message with the object, which is no longer its own from
    // here on: whatever ties the object to the sender is untied. Called in the sender. May be NULL.
    void (*leave)(void *object);
    // A handler, or TR_OUTSIDE, has taken the object out of a message: it may be tied to `self`.
    // May be NULL.
    void (*adopt)(struct tr_self *self, void *object);
} tr_local_t;

#define TR_FIELD_SECRET 1u // the value never leaves the process through a tool

struct tr_type;

/** One field of a message type. */
typedef struct tr_field {
    const char *name;
    uint32_t offset;              // in bytes from the start of the structure
    uint8_t kind;                 // tr_kind_t
    uint8_t item;                 // for a list: the kind of its items, else TR_KIND_NONE
    uint16_t flags;               // TR_FIELD_…
    const struct tr_type *nested; // for nested, and lists of it
    const tr_enum_t *enumeration; // for enum, and lists of it
    const tr_local_t *local;      // for local
} tr_field_t;

#define TR_TYPE_VARIABLE 1u // some field points to bytes outside the structure
#define TR_TYPE_SYSTEM   2u // used by the runtime itself, never seen by a handler
#define TR_TYPE_PARTS    4u // some field is, or a nested one may be, a buf or a local

/**
 * A message type. Made by TR_MESSAGE as `<name>_type`; one address in the whole program, so two
 * types are the same when their addresses are.
 */
typedef struct tr_type {
    const char *name;
    const tr_field_t *fields;
    uint32_t field_count;
    uint32_t size;  // sizeof of the structure
    uint32_t flags; // TR_TYPE_…
    uint32_t reserved;
} tr_type_t;

/**
 * Declare a message type: the structure `name` and its table `name_type`.
 * FIELDS is a macro of two parameters (F, T) that says F(T, kind, field) for each field, at least
 * one.
 */
#define TR_MESSAGE(name, FIELDS)                                                                   \
    typedef struct name {                                                                          \
        FIELDS(TR_FIELD_DECLARE_, name)                                                            \
    } name;                                                                                        \
    TR_TYPE_TABLE_(name, FIELDS(TR_FIELD_ROW_, name), FIELDS(TR_FIELD_FLAGS_, name) 0u)

/** Declare a message type without fields: the name says it all. */
#define TR_MESSAGE_EMPTY(name)                                                                     \
    typedef struct name {                                                                          \
        char unused_;                                                                              \
    } name;                                                                                        \
    TR_SHARED_DATA_DECL_(const tr_type_t name##_type);                                             \
    const tr_type_t name##_type = {#name, NULL, 0, 0, 0, 0}

/**
 * Declare an enumeration for fields of kind enum(name): `typedef enum name`, with the enumerators
 * that VALUES names. VALUES is a macro of one parameter V that says V(enumerator, value) for each.
 */
#define TR_ENUM(name, VALUES)                                                                      \
    typedef enum name { VALUES(TR_ENUM_DECLARE_) } name;                                           \
    static const tr_enumerator_t name##_values_[] = {VALUES(TR_ENUM_ROW_)};                        \
    static const tr_enum_t name##_enum = {                                                         \
        #name, name##_values_, (uint32_t)(sizeof name##_values_ / sizeof name##_values_[0])}

#define TR_ENUM_DECLARE_(enumerator, value) enumerator = (value),
#define TR_ENUM_ROW_(enumerator, value)     {#enumerator, (value)},

/**
 * A type and a value: two arguments, for every function that takes a message.
 * TR_MSG(ping) for an empty message, TR_MSG(price, .cents = 1) otherwise; absent fields are zero.
 */
#define TR_MSG(...) TR_MSG_PICK_(__VA_ARGS__)(__VA_ARGS__)

/** The value of `msg` when it is of type `name`, else NULL. Borrowed as msg is. */
#define tr_as(name, msg) ((const name *)tr_message_as((msg), &name##_type))

/**
 * Take the object out of a field of kind local(T): the pointer, the caller's to end from now on,
 * and NULL is left in its place. NULL when nothing is there, as after an earlier tr_take, and when
 * msg is not of type `name`. It changes a message that the handler borrows as const: this is the
 * one thing in it that may be moved out. The field is one of the message's own: what stands inside
 * a nested field or a list cannot be taken.
 */
#define tr_take(self, msg, name, field)                                                            \
    TR_TAKE_CAST_(name, field)(tr_message_take((self), (msg), &name##_type, offsetof(name, field)))

/** A message as a handler sees it. */
typedef struct tr_message tr_message;

/** The type of a message. */
TR_API const tr_type_t *tr_message_type(const tr_message *msg);

/** The value of a message: a pointer to the structure that its type describes. Borrowed as msg is.
 */
TR_API const void *tr_message_value(const tr_message *msg);

/** The value when the message is of this type, else NULL. tr_as() is this with the type filled in.
 */
TR_API const void *tr_message_as(const tr_message *msg, const tr_type_t *type);

/** The actor that sent it; TR_REF_NONE for a thread outside the runtime. */
TR_API tr_ref_t tr_message_sender(const tr_message *msg);

/**
 * Take the object out of a local field: tr_take() is this with the field filled in.
 * @param self    the actor that takes it, or TR_OUTSIDE
 * @param offset  of the field, in the structure of `type`
 * @threads only the handler, or the thread, that has the message in hand
 */
TR_API void *
tr_message_take(struct tr_self *self, const tr_message *msg, const tr_type_t *type, size_t offset);

/** True when the sender waits for an answer: tr_reply() reaches it. */
TR_API bool tr_message_is_call(const tr_message *msg);

TR_END_DECLS

// ---- below: what the macros above are made of -------------------------------------------------

// C types.
#define TR_C_bool      bool
#define TR_C_i8        int8_t
#define TR_C_i16       int16_t
#define TR_C_i32       int32_t
#define TR_C_i64       int64_t
#define TR_C_u8        uint8_t
#define TR_C_u16       uint16_t
#define TR_C_u32       uint32_t
#define TR_C_u64       uint64_t
#define TR_C_f32       float
#define TR_C_f64       double
#define TR_C_str       tr_str_t
#define TR_C_bytes     tr_bytes_t
#define TR_C_ref       tr_ref_t
#define TR_C_enum(E)   E
#define TR_C_nested(N) N
#define TR_C_buf       tr_buf *
#define TR_C_local(T)  T *
#define TR_C_secret(K) TR_C_##K
#define TR_C_list(K)                                                                               \
    struct {                                                                                       \
        const TR_I_##K *items;                                                                     \
        size_t count;                                                                              \
    }

// C types of list items; a second set of names, because a macro does not expand inside itself.
#define TR_I_bool      bool
#define TR_I_i8        int8_t
#define TR_I_i16       int16_t
#define TR_I_i32       int32_t
#define TR_I_i64       int64_t
#define TR_I_u8        uint8_t
#define TR_I_u16       uint16_t
#define TR_I_u32       uint32_t
#define TR_I_u64       uint64_t
#define TR_I_f32       float
#define TR_I_f64       double
#define TR_I_str       tr_str_t
#define TR_I_bytes     tr_bytes_t
#define TR_I_ref       tr_ref_t
#define TR_I_enum(E)   E
#define TR_I_nested(N) N

// Rows of the table: kind, item, flags, nested, enumeration, local.
#define TR_R_bool       TR_KIND_BOOL, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_i8         TR_KIND_I8, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_i16        TR_KIND_I16, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_i32        TR_KIND_I32, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_i64        TR_KIND_I64, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_u8         TR_KIND_U8, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_u16        TR_KIND_U16, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_u32        TR_KIND_U32, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_u64        TR_KIND_U64, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_f32        TR_KIND_F32, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_f64        TR_KIND_F64, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_str        TR_KIND_STR, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_bytes      TR_KIND_BYTES, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_ref        TR_KIND_REF, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_enum(E)    TR_KIND_ENUM, TR_KIND_NONE, 0, NULL, &E##_enum, NULL
#define TR_R_nested(N)  TR_KIND_NESTED, TR_KIND_NONE, 0, &N##_type, NULL, NULL
#define TR_R_list(K)    TR_KIND_LIST, TR_L_##K
#define TR_R_buf        TR_KIND_BUF, TR_KIND_NONE, 0, NULL, NULL, NULL
#define TR_R_local(T)   TR_KIND_LOCAL, TR_KIND_NONE, 0, NULL, NULL, &T##_local
#define TR_R_secret(K)  TR_SECRET_(TR_R_##K)
#define TR_SECRET_(...) TR_SECRET_ROW_(__VA_ARGS__)
#define TR_SECRET_ROW_(kind, item, flags, nested, en, local)                                       \
    kind, item, TR_FIELD_SECRET, nested, en, local

// Rows of list items: item, flags, nested, enumeration, local. A buf and a local have none: they
// are no items.
#define TR_L_bool      TR_KIND_BOOL, 0, NULL, NULL, NULL
#define TR_L_i8        TR_KIND_I8, 0, NULL, NULL, NULL
#define TR_L_i16       TR_KIND_I16, 0, NULL, NULL, NULL
#define TR_L_i32       TR_KIND_I32, 0, NULL, NULL, NULL
#define TR_L_i64       TR_KIND_I64, 0, NULL, NULL, NULL
#define TR_L_u8        TR_KIND_U8, 0, NULL, NULL, NULL
#define TR_L_u16       TR_KIND_U16, 0, NULL, NULL, NULL
#define TR_L_u32       TR_KIND_U32, 0, NULL, NULL, NULL
#define TR_L_u64       TR_KIND_U64, 0, NULL, NULL, NULL
#define TR_L_f32       TR_KIND_F32, 0, NULL, NULL, NULL
#define TR_L_f64       TR_KIND_F64, 0, NULL, NULL, NULL
#define TR_L_str       TR_KIND_STR, 0, NULL, NULL, NULL
#define TR_L_bytes     TR_KIND_BYTES, 0, NULL, NULL, NULL
#define TR_L_ref       TR_KIND_REF, 0, NULL, NULL, NULL
#define TR_L_enum(E)   TR_KIND_ENUM, 0, NULL, &E##_enum, NULL
#define TR_L_nested(N) TR_KIND_NESTED, 0, &N##_type, NULL, NULL

// Flags of the type that has a field of this kind. What a nested type needs stands in its own
// flags, which are no constant here: the outer type gets all of them, and a walk looks into the
// inner one.
#define TR_V_bool      0u
#define TR_V_i8        0u
#define TR_V_i16       0u
#define TR_V_i32       0u
#define TR_V_i64       0u
#define TR_V_u8        0u
#define TR_V_u16       0u
#define TR_V_u32       0u
#define TR_V_u64       0u
#define TR_V_f32       0u
#define TR_V_f64       0u
#define TR_V_str       TR_TYPE_VARIABLE
#define TR_V_bytes     TR_TYPE_VARIABLE
#define TR_V_ref       0u
#define TR_V_enum(E)   0u
#define TR_V_nested(N) TR_TYPE_VARIABLE | TR_TYPE_PARTS
#define TR_V_list(K)   TR_TYPE_VARIABLE | TR_V_##K
#define TR_V_buf       TR_TYPE_PARTS
#define TR_V_local(T)  TR_TYPE_PARTS
#define TR_V_secret(K) TR_V_##K

#define TR_FIELD_DECLARE_(T, kind, field) TR_C_##kind field;
#define TR_FIELD_ROW_(T, kind, field)     {#field, (uint32_t)offsetof(T, field), TR_R_##kind},
#define TR_FIELD_FLAGS_(T, kind, field)   TR_V_##kind |

// In C++ a const object at namespace scope is local to its file unless it was declared extern.
#ifdef __cplusplus
#define TR_SHARED_DATA_DECL_(declaration) extern "C" TR_SHARED_DATA declaration
#else
#define TR_SHARED_DATA_DECL_(declaration) extern TR_SHARED_DATA declaration
#endif

#define TR_TYPE_TABLE_(name, rows, flags)                                                          \
    static const tr_field_t name##_fields_[] = {rows};                                             \
    TR_SHARED_DATA_DECL_(const tr_type_t name##_type);                                             \
    const tr_type_t name##_type = {#name,                                                          \
                                   name##_fields_,                                                 \
                                   (uint32_t)(sizeof name##_fields_ / sizeof name##_fields_[0]),   \
                                   (uint32_t)sizeof(name),                                         \
                                   flags,                                                          \
                                   0}

// TR_MSG with one argument and with more (up to 32) are two macros; the pick counts.
#define TR_MSG_PICK_(...)  TR_MSG_COUNT_(__VA_ARGS__, TR_MSG_COUNTS_)
#define TR_MSG_COUNT_(...) TR_MSG_COUNT_AT_(__VA_ARGS__)
#define TR_MSG_COUNTS_                                                                             \
    MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_,     \
        MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, \
        MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, ONE_, NONE_
#define TR_MSG_COUNT_AT_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16,    \
                         a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30,     \
                         a31, a32, a33, count, ...)                                                \
    TR_MSG_##count

#define TR_MSG_MANY_(T, ...) &T##_type, TR_VALUE_(T, __VA_ARGS__)
#ifdef __cplusplus
template <class T>
inline const T *
tr_cpp_address(const T &value) // lives to the end of the full expression: the call it stands in
{
    return &value;
}
#define TR_VALUE_(T, ...)          tr_cpp_address(T{__VA_ARGS__})
#define TR_MSG_ONE_(T)             &T##_type, tr_cpp_address(T())
#define TR_TAKE_CAST_(name, field) static_cast<decltype(name::field)>
#else
#define TR_VALUE_(T, ...)                                                                          \
    &(T)                                                                                           \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define TR_MSG_ONE_(T)                                                                             \
    &T##_type, &(T)                                                                                \
    {                                                                                              \
        0                                                                                          \
    }
#define TR_TAKE_CAST_(name, field)
#endif

#endif
