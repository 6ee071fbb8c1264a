#include "frame.h"

#include <string.h>

#include <msgpack.h>

#include "check.h"
#include "troupe/trace.h"

// Walk `size` bytes as they would arrive one by one; the state when all are there.
static frame_state
walk(const char *bytes, size_t size, size_t *out_at)
{
    frame f;
    frame_state state = FRAME_MORE;
    frame_init(&f);
    for (size_t i = 1; i <= size && state == FRAME_MORE; i++) {
        state = frame_walk(&f, (const uint8_t *)bytes, i);
        cr_assert(state != FRAME_WHOLE || i == f.at, "whole at %zu of %zu", f.at, i);
    }
    *out_at = f.at;
    return state;
}
#define WALK(literal, at) walk("" literal, sizeof(literal) - 1, at)

Test(frame, each_kind_of_object_has_its_length)
{
    size_t at;
    cr_expect(WALK("\x05", &at) == FRAME_WHOLE);
    cr_expect(WALK("\xff", &at) == FRAME_WHOLE);
    cr_expect(WALK("\xc0", &at) == FRAME_WHOLE);
    cr_expect(WALK("\xcb"
                   "12345678",
                   &at) == FRAME_WHOLE);
    cr_expect(WALK("\xd1"
                   "12",
                   &at) == FRAME_WHOLE);
    cr_expect(WALK("\xa3"
                   "abc",
                   &at) == FRAME_WHOLE);
    cr_expect(WALK("\xd9\x03"
                   "abc",
                   &at) == FRAME_WHOLE);
    cr_expect(WALK("\xc5\x00\x03"
                   "abc",
                   &at) == FRAME_WHOLE);
    cr_expect(WALK("\xc7\x03\x01"
                   "abc",
                   &at) == FRAME_WHOLE);
    cr_expect(WALK("\xd4\x01"
                   "a",
                   &at) == FRAME_WHOLE);
    cr_expect(WALK("\xd8\x01"
                   "0123456789abcdef",
                   &at) == FRAME_WHOLE);
    cr_expect(WALK("\x92\x01\x81\x01\x90", &at) == FRAME_WHOLE);
    cr_expect(WALK("\xdc\x00\x02\x01\x02", &at) == FRAME_WHOLE);
    cr_expect(WALK("\xde\x00\x01\x01\x02", &at) == FRAME_WHOLE);
}

Test(frame, what_is_not_whole_wants_more)
{
    size_t at;
    cr_expect(WALK("\x92\x01", &at) == FRAME_MORE);
    cr_expect(WALK("\xdc\x00", &at) == FRAME_MORE);
    cr_expect(WALK("\xa3"
                   "ab",
                   &at) == FRAME_MORE);
}

Test(frame, what_cannot_be_an_answer_is_bad_at_its_header)
{
    size_t at;
    cr_expect(WALK("\xc1", &at) == FRAME_BAD);
    cr_expect(WALK("\xdd\xff\xff\xff\xff", &at) == FRAME_BAD);
    cr_expect(WALK("\xdf\x80\x00\x00\x00", &at) == FRAME_BAD);
    cr_expect(WALK("\xdb\x7f\xff\xff\xff", &at) == FRAME_BAD);
    cr_expect(WALK("\xc9\xff\xff\xff\xff\x01", &at) == FRAME_BAD);
}

Test(frame, it_ends_where_the_library_ends)
{
    unsigned seed = 7;
    size_t whole = 0;
    for (int round = 0; round < 200000; round++) {
        char bytes[24];
        frame f;
        size_t end = 0;
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (char)rand_r(&seed);
        }
        frame_init(&f);
        frame_state state = frame_walk(&f, (const uint8_t *)bytes, sizeof bytes);
        if (state != FRAME_WHOLE) {
            continue;
        }
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        cr_assert(msgpack_unpack_next(&unpacked, bytes, sizeof bytes, &end) ==
                  MSGPACK_UNPACK_SUCCESS);
        cr_assert(end == f.at);
        msgpack_unpacked_destroy(&unpacked);
        whole++;
    }
    cr_expect(whole > 1000);
}
