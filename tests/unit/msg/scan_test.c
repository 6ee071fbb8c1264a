// Tests of runtime/msg/scan.c.
#include "check.h"

#include <string.h>

#include "msg/scan.h"

TestSuite(scan, .timeout = 10);

static const tri_scan_limits_t wide = {SIZE_MAX, SIZE_MAX, TRI_SCAN_DEPTH_MAX};

#define BYTES(...)                                                                                 \
    (const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__})
#define LIMITS(b, e, d) (&(tri_scan_limits_t){.bytes = (b), .elements = (e), .depth = (d)})

static void
expect_scan(const void *data, size_t size, const tri_scan_limits_t *limits, tr_err_t expected)
{
    size_t whole = 12345;
    assert_err(tri_scan(data, size, limits, &whole), expected);
    cr_assert(eq(sz, whole, 12345));
}

static size_t
whole_size(const void *data, size_t size)
{
    size_t whole = 0;
    assert_ok(tri_scan(data, size, &wide, &whole));
    return whole;
}

Test(scan, the_tag_that_is_never_used_is_not_msgpack)
{
    expect_scan(BYTES(0xc1), &wide, TR_EFORMAT);
    expect_scan(BYTES(0x92, 0x01, 0xc1), &wide, TR_EFORMAT);
}

Test(scan, nothing_yet_needs_more)
{
    expect_scan(NULL, 0, &wide, TR_EBUSY);
}

Test(scan, five_bytes_that_claim_a_hundred_million_elements_are_too_big_at_once)
{
    expect_scan(BYTES(0xdd, 0x05, 0xf5, 0xe1, 0x00), LIMITS(1 << 20, SIZE_MAX, 32), TR_ETOOBIG);
    expect_scan(BYTES(0xdf, 0x05, 0xf5, 0xe1, 0x00), LIMITS(1 << 20, SIZE_MAX, 32), TR_ETOOBIG);
    expect_scan(BYTES(0xdd, 0x05, 0xf5, 0xe1, 0x00), LIMITS(SIZE_MAX, 1 << 20, 32), TR_ETOOBIG);
}

Test(scan, five_bytes_that_claim_four_gigabytes_of_text_are_too_big_at_once)
{
    expect_scan(BYTES(0xdb, 0xff, 0xff, 0xff, 0xff), LIMITS(1 << 20, SIZE_MAX, 32), TR_ETOOBIG);
    expect_scan(BYTES(0xc6, 0xff, 0xff, 0xff, 0xff), LIMITS(1 << 20, SIZE_MAX, 32), TR_ETOOBIG);
    expect_scan(BYTES(0xc9, 0xff, 0xff, 0xff, 0xff), LIMITS(1 << 20, SIZE_MAX, 32), TR_ETOOBIG);
}

Test(scan, full_buffer_with_half_a_header_is_too_big_and_never_waits)
{
    expect_scan(BYTES(0xdb, 0x00, 0x00), LIMITS(3, SIZE_MAX, 32), TR_ETOOBIG);
    expect_scan(BYTES(0xdb, 0x00, 0x00), LIMITS(4, SIZE_MAX, 32), TR_EBUSY);
    expect_scan(NULL, 0, LIMITS(0, SIZE_MAX, 32), TR_ETOOBIG);
}

Test(scan, elements_that_are_still_to_come_count_as_bytes)
{
    // Three elements, of which the first is an array of two: six bytes at least.
    expect_scan(BYTES(0x93, 0x92), LIMITS(5, SIZE_MAX, 32), TR_ETOOBIG);
    expect_scan(BYTES(0x93, 0x92), LIMITS(6, SIZE_MAX, 32), TR_EBUSY);
}

Test(scan, pairs_of_a_map_are_two_elements_each)
{
    expect_scan(BYTES(0x82, 1, 2, 3, 4), LIMITS(SIZE_MAX, 3, 32), TR_ETOOBIG);
    size_t size;
    assert_ok(tri_scan(BYTES(0x82, 1, 2, 3, 4), LIMITS(SIZE_MAX, 4, 32), &size));
}

Test(scan, elements_of_all_levels_count_together)
{
    expect_scan(BYTES(0x92, 0x91, 1, 0x91, 2), LIMITS(SIZE_MAX, 3, 32), TR_ETOOBIG);
    size_t size;
    assert_ok(tri_scan(BYTES(0x92, 0x91, 1, 0x91, 2), LIMITS(SIZE_MAX, 4, 32), &size));
}

Test(scan, depth_of_zero_refuses_even_an_empty_array)
{
    expect_scan(BYTES(0x90), LIMITS(SIZE_MAX, SIZE_MAX, 0), TR_ETOOBIG);
    expect_scan(BYTES(0x80), LIMITS(SIZE_MAX, SIZE_MAX, 0), TR_ETOOBIG);
    size_t size;
    assert_ok(tri_scan(BYTES(0x07), LIMITS(SIZE_MAX, SIZE_MAX, 0), &size));
}

Test(scan, depth_bomb_is_too_big_whatever_the_limit_says)
{
    unsigned char bomb[100000];
    memset(bomb, 0x91, sizeof bomb);
    expect_scan(bomb, sizeof bomb, LIMITS(SIZE_MAX, SIZE_MAX, UINT32_MAX), TR_ETOOBIG);
    expect_scan(bomb, sizeof bomb, LIMITS(SIZE_MAX, SIZE_MAX, 3), TR_ETOOBIG);
}

Test(scan, deepest_nesting_is_found_whole)
{
    unsigned char nest[TRI_SCAN_DEPTH_MAX];
    memset(nest, 0x91, sizeof nest);
    nest[sizeof nest - 1] = 0x90;
    cr_assert(eq(sz, whole_size(nest, sizeof nest), sizeof nest));
}

Test(scan, every_tag_is_measured)
{
    static const struct {
        unsigned char bytes[6];
        size_t size;
    } rows[] = {
        {{0x00}, 1},
        {{0x7f}, 1},
        {{0xff}, 1},
        {{0xc0}, 1},
        {{0xc2}, 1},
        {{0xc3}, 1},
        {{0x80}, 1},
        {{0x8f}, 31},
        {{0x90}, 1},
        {{0x9f}, 16},
        {{0xa0}, 1},
        {{0xbf}, 32},
        {{0xc4, 5}, 7},
        {{0xc5, 1, 2}, 3 + 258},
        {{0xc6, 0, 0, 1, 2}, 5 + 258},
        {{0xc7, 5}, 3 + 5},
        {{0xc8, 1, 2}, 4 + 258},
        {{0xc9, 0, 0, 1, 2}, 6 + 258},
        {{0xca}, 5},
        {{0xcb}, 9},
        {{0xcc}, 2},
        {{0xcd}, 3},
        {{0xce}, 5},
        {{0xcf}, 9},
        {{0xd0}, 2},
        {{0xd1}, 3},
        {{0xd2}, 5},
        {{0xd3}, 9},
        {{0xd4}, 3},
        {{0xd5}, 4},
        {{0xd6}, 6},
        {{0xd7}, 10},
        {{0xd8}, 18},
        {{0xd9, 5}, 7},
        {{0xda, 1, 2}, 3 + 258},
        {{0xdb, 0, 0, 1, 2}, 5 + 258},
        {{0xdc, 1, 2}, 3 + 258},
        {{0xdd, 0, 0, 1, 2}, 5 + 258},
        {{0xde, 0, 3}, 3 + 6},
        {{0xdf, 0, 0, 0, 3}, 5 + 6},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned char bytes[300] = {0}; // what follows the header is zeroes: small numbers
        memcpy(bytes, rows[i].bytes, sizeof rows[i].bytes);
        size_t whole = whole_size(bytes, sizeof bytes);
        cr_assert(eq(sz, whole, rows[i].size), "tag %02x", bytes[0]);
        for (size_t cut = 0; cut < rows[i].size; cut++) {
            expect_scan(bytes, cut, &wide, TR_EBUSY);
        }
        assert_ok(tri_scan(bytes, whole, LIMITS(whole, SIZE_MAX, 32), &whole));
        expect_scan(bytes, rows[i].size, LIMITS(whole - 1, SIZE_MAX, 32), TR_ETOOBIG);
    }
}

Test(scan, bytes_behind_the_object_are_left_alone)
{
    cr_assert(eq(sz, whole_size(BYTES(0x92, 0x01, 0xa1, 'x', 0xc1, 0xc1)), 4));
}

Test(scan, siblings_of_a_closed_array_belong_to_the_outer_one)
{
    // [[1, []], {1: [2]}, 3] and one more byte
    cr_assert(eq(sz, whole_size(BYTES(0x93, 0x92, 1, 0x90, 0x81, 1, 0x91, 2, 3, 4)), 9));
}
