// kinds.c: every kind of field, in messages as a program has them. Only looked at by headers.sh, in
// C and in C++; the values are in the order of the fields, for want of a `.field =` in C++17.
#include "troupe/troupe.h"

#define COLOR(V) V(RED, 0) V(BLUE, 2)
TR_ENUM(color, COLOR);

typedef struct toy toy;
extern void toy_drop(void *object);
static const tr_local_t toy_local = {"toy", toy_drop, NULL, NULL};

TR_MESSAGE_EMPTY(ping);

#define CRATE(F, T) F(T, buf, data) F(T, local(toy), play)
TR_MESSAGE(crate, CRATE);

#define EVERY(F, T)                                                                                \
    F(T, bool, b)                                                                                  \
    F(T, i8, i8)                                                                                   \
    F(T, i16, i16)                                                                                 \
    F(T, i32, i32)                                                                                 \
    F(T, i64, i64)                                                                                 \
    F(T, u8, u8)                                                                                   \
    F(T, u16, u16)                                                                                 \
    F(T, u32, u32)                                                                                 \
    F(T, u64, u64)                                                                                 \
    F(T, f32, f32)                                                                                 \
    F(T, f64, f64)                                                                                 \
    F(T, str, text)                                                                                \
    F(T, bytes, blob)                                                                              \
    F(T, ref, who)                                                                                 \
    F(T, enum(color), paint)                                                                       \
    F(T, nested(crate), crate_inside)                                                              \
    F(T, list(nested(crate)), crates)                                                              \
    F(T, list(enum(color)), paints)                                                                \
    F(T, secret(buf), key)                                                                         \
    F(T, secret(local(toy)), hidden)                                                               \
    F(T, secret(list(str)), names)
TR_MESSAGE(every, EVERY);

#ifdef LIST // headers.sh tries which kinds a list may hold
TR_MESSAGE(list_of_it, LIST);
#endif

extern tr_err_t use(tr_self *self, tr_ref_t to, const tr_message *msg, tr_buf *buf, toy *given);

tr_err_t
use(tr_self *self, tr_ref_t to, const tr_message *msg, tr_buf *buf, toy *given)
{
    toy *taken = tr_take(NULL, msg, crate, play);
    toy *secret = tr_take(NULL, msg, every, hidden);
    const crate *c = tr_as(crate, msg);
    tr_err_t err = tr_send(self, to, TR_MSG(ping));
    if (err != TR_OK || c == NULL || taken == secret) {
        return err;
    }
    return tr_send(self, to, TR_MSG(crate, tr_buf_ref(buf), given));
}
