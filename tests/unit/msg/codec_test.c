// Tests of runtime/msg/codec.c.
#include "check.h"
#include "values.h"

#include <float.h>
#include <math.h>

#include "base/memory.h"
#include "msg/codec.h"

TestSuite(codec, .timeout = 10);

const tr_local_t toy_local = {.name = "toy"};

#define CHAIN_MAX (TRI_MSG_DEPTH_MAX / 2) // trees; as deep again with their lists

// MessagePack written as a string literal.
#define BYTES(literal) literal, sizeof(literal) - 1

static tr_err_t
decode_err(const tr_type_t *type, const void *data, size_t size, size_t limit)
{
    void *block = (void *)1;
    size_t block_size = 12345;
    // A copy of exactly this size, so that a sanitizer sees a step over its end.
    void *exact = calloc(1, size);
    memcpy(exact, data, size);
    tr_err_t err = tri_decode(type, exact, size, limit, &block, &block_size);
    free(exact);
    if (err == TR_OK) {
        tri_free(block);
    } else {
        cr_assert(block == (void *)1 && block_size == 12345, "out is touched on an error");
    }
    return err;
}

#define expect_decode(type, literal, expected)                                                     \
    assert_err(decode_err(&type##_type, BYTES(literal), SIZE_MAX), expected)

// Decode what must be right; tri_free() the result.
static void *
decoded(const tr_type_t *type, const void *data, size_t size)
{
    void *block;
    size_t block_size;
    assert_ok(tri_decode(type, data, size, SIZE_MAX, &block, &block_size));
    cr_assert(eq(sz, (uintptr_t)block % TRI_LAYOUT_ALIGN, 0));
    cr_assert(value_inside(type, block, block, block_size));
    return block;
}

static void
expect_encoding(const tr_type_t *type, const void *value, unsigned flags, const void *expected,
                size_t size)
{
    void *data;
    size_t data_size;
    assert_ok(tri_encode_alloc(type, value, flags, &data, &data_size));
    struct cr_mem got = {data, data_size}, wanted = {expected, size};
    cr_assert(eq(mem, got, wanted));
    tri_free(data);
}

static void
expect_encode_err(const tr_type_t *type, const void *value, tr_err_t expected)
{
    void *data = (void *)1;
    size_t size = 12345;
    assert_err(tri_encode_alloc(type, value, 0, &data, &size), expected);
    cr_assert(data == (void *)1 && size == 12345, "out is touched on an error");
}

// ---- decoding what is wrong ---------------------------------------------------------------------

Test(codec, nothing_is_not_a_message)
{
    expect_decode(point, "", TR_EFORMAT);
}

Test(codec, bytes_behind_the_message_are_refused)
{
    expect_decode(point, "\x80\x00", TR_EFORMAT);
}

Test(codec, value_that_is_not_a_map_is_refused)
{
    expect_decode(point, "\x90", TR_EFORMAT);
    expect_decode(point, "\xc0", TR_EFORMAT);
    expect_decode(point, "\x01", TR_EFORMAT);
    expect_decode(point, "\xa1x", TR_EFORMAT);
}

Test(codec, key_that_is_not_text_is_refused)
{
    expect_decode(point, "\x81\x01\x02", TR_EFORMAT);
    expect_decode(point, "\x81\xc4\x01x\x02", TR_EFORMAT);
}

Test(codec, field_that_comes_twice_is_refused)
{
    expect_decode(point, "\x82\xa1x\x01\xa1x\x01", TR_EFORMAT);
    expect_decode(point, "\x83\xa1y\x01\xa1x\x01\xa1y\x01", TR_EFORMAT);
}

Test(codec, five_bytes_that_claim_a_hundred_million_elements_are_refused)
{
    expect_decode(point, "\xdd\x05\xf5\xe1\x00", TR_EFORMAT);
    expect_decode(point, "\xdf\x05\xf5\xe1\x00", TR_EFORMAT);
    expect_decode(tree,
                  "\x81\xa8"
                  "children\xdd\x05\xf5\xe1\x00",
                  TR_EFORMAT);
    expect_decode(label, "\x81\xa4text\xdb\xff\xff\xff\xff", TR_EFORMAT);
}

Test(codec, depth_bomb_is_too_big)
{
    unsigned char bomb[100000];
    memset(bomb, 0x91, sizeof bomb);
    assert_err(decode_err(&tree_type, bomb, sizeof bomb, SIZE_MAX), TR_ETOOBIG);
    memset(bomb, 0x81, sizeof bomb);
    assert_err(decode_err(&tree_type, bomb, sizeof bomb, SIZE_MAX), TR_ETOOBIG);
}

Test(codec, unknown_field_may_be_as_deep_as_a_known_one_and_no_deeper)
{
    unsigned char bytes[2 + TRI_MSG_DEPTH_MAX] = {0x81, 0xa0}; // a map, and a field of no name
    memset(bytes + 2, 0x91, TRI_MSG_DEPTH_MAX);
    bytes[sizeof bytes - 2] = 0x90;
    assert_ok(decode_err(&point_type, bytes, sizeof bytes - 1, SIZE_MAX));
    bytes[sizeof bytes - 2] = 0x91;
    bytes[sizeof bytes - 1] = 0x90;
    assert_err(decode_err(&point_type, bytes, sizeof bytes, SIZE_MAX), TR_ETOOBIG);
}

Test(codec, small_items_that_grow_large_stop_at_the_limit)
{
    // Each item is an empty map, of one byte, and becomes a label of 24.
    unsigned char bytes[1 + 7 + 3 + 60000] = "\x81\xa6labels\xdc\xea\x60";
    memset(bytes + 11, 0x80, 60000);
    size_t needed = sizeof(everything) + 60000 * sizeof(label);
    assert_err(decode_err(&everything_type, bytes, sizeof bytes, needed - 1), TR_ETOOBIG);
    assert_ok(decode_err(&everything_type, bytes, sizeof bytes, needed));
}

Test(codec, structure_itself_counts_in_the_limit)
{
    assert_err(decode_err(&point_type, BYTES("\x80"), sizeof(point) - 1), TR_ETOOBIG);
    assert_ok(decode_err(&point_type, BYTES("\x80"), sizeof(point)));
    assert_err(decode_err(&label_type, BYTES("\x81\xa4text\xa1x"), sizeof(label)), TR_ETOOBIG);
}

Test(codec, integer_out_of_range_is_refused)
{
    expect_decode(numbers, "\x81\xa2u8\xcd\x01\x2c", TR_EFORMAT); // 300
    expect_decode(numbers, "\x81\xa2u8\xff", TR_EFORMAT);         // -1
    expect_decode(numbers, "\x81\xa2i8\xcc\x80", TR_EFORMAT);     // 128
    expect_decode(numbers, "\x81\xa2i8\xd1\xff\x7f", TR_EFORMAT); // -129
    expect_decode(numbers, "\x81\xa3u16\xce\x00\x01\x00\x00", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa3i16\xcd\x80\x00", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa3u32\xcf\x00\x00\x00\x01\x00\x00\x00\x00", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa3i32\xce\x80\x00\x00\x00", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa3u64\xff", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa3i64\xcf\x80\x00\x00\x00\x00\x00\x00\x00", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa3who\xff", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa5paint\xce\x80\x00\x00\x00", TR_EFORMAT);
}

Test(codec, field_of_another_type_is_refused)
{
    expect_decode(numbers, "\x81\xa3yes\x01", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa2u8\xc3", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa2u8\xca\x00\x00\x00\x00", TR_EFORMAT);
    expect_decode(numbers,
                  "\x81\xa3i32\xa1"
                  "1",
                  TR_EFORMAT);
    expect_decode(numbers, "\x81\xa3i32\xc0", TR_EFORMAT);
    expect_decode(numbers,
                  "\x81\xa3"
                  "f64\xa1"
                  "1",
                  TR_EFORMAT);
    expect_decode(numbers, "\x81\xa5paint\x90", TR_EFORMAT);
    expect_decode(label, "\x81\xa4text\x01", TR_EFORMAT);
    expect_decode(label, "\x81\xa4text\xc4\x01x", TR_EFORMAT); // bin is not text
    expect_decode(everything,
                  "\x81\xa4"
                  "blob\x01",
                  TR_EFORMAT);
    expect_decode(everything,
                  "\x81\xa4"
                  "blob\xd4\x01x",
                  TR_EFORMAT); // ext
    expect_decode(everything, "\x81\xa6points\x80", TR_EFORMAT);
    expect_decode(everything, "\x81\xa6points\x91\x90", TR_EFORMAT);
    expect_decode(everything, "\x81\xa7numbers\x90", TR_EFORMAT);
    expect_decode(everything, "\x81\xa7nothing\x01", TR_EFORMAT);
    expect_decode(lists, "\x81\xa3u8s\x92\x01\xcd\x01\x00", TR_EFORMAT);
    expect_decode(lists, "\x81\xa3u8s\xc4\x01x", TR_EFORMAT);
}

Test(codec, unknown_name_of_an_enum_is_refused)
{
    expect_decode(numbers, "\x81\xa5paint\xa5MAUVE", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa5paint\xa2RE", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa5paint\xa4RED\x00", TR_EFORMAT);
    expect_decode(numbers, "\x81\xa5paint\xa0", TR_EFORMAT);
}

Test(codec, double_that_a_float_cannot_hold_is_refused)
{
    expect_decode(numbers,
                  "\x81\xa3"
                  "f32\xcb\x7f\xe0\x00\x00\x00\x00\x00\x00",
                  TR_EFORMAT);
    expect_decode(numbers,
                  "\x81\xa3"
                  "f32\xcb\xff\xe0\x00\x00\x00\x00\x00\x00",
                  TR_EFORMAT);
}

Test(codec, name_with_a_zero_inside_is_another_name)
{
    expect_decode(point, "\x82\xa1x\x01\xa2x\x00\x01", TR_OK);
    point *p = decoded(&point_type, BYTES("\x81\xa2x\x00\x05"));
    cr_assert(eq(i32, p->x, 0));
    tri_free(p);
}

Test(codec, type_of_too_many_fields_is_invalid)
{
    static tr_field_t fields[TRI_MSG_FIELDS_MAX + 1];
    for (size_t i = 0; i <= TRI_MSG_FIELDS_MAX; i++) {
        fields[i] = (tr_field_t){.name = "x", .kind = TR_KIND_U8};
    }
    tr_type_t type = {"wide", fields, TRI_MSG_FIELDS_MAX + 1, 1, 0, 0};
    expect_encode_err(&type, "", TR_EINVAL);
    assert_err(decode_err(&type, BYTES("\x80"), SIZE_MAX), TR_EINVAL);
    type.field_count--;
    expect_encoding(&(tr_type_t){"wide", fields, 1, 1, 0, 0}, "\x05", 0, BYTES("\x81\xa1x\x05"));
    assert_ok(decode_err(&type, BYTES("\x80"), SIZE_MAX));
}

Test(codec, every_truncation_is_refused, .timeout = 60)
{
    maker m = {.state = 5};
    everything value = {0};
    maker_message(&m, &everything_type, &value);
    void *data;
    size_t size;
    assert_ok(tri_encode_alloc(&everything_type, &value, 0, &data, &size));
    for (size_t cut = 0; cut < size; cut++) {
        assert_err(decode_err(&everything_type, data, cut, SIZE_MAX), TR_EFORMAT);
    }
    assert_ok(decode_err(&everything_type, data, size, SIZE_MAX));
    tri_free(data);
    maker_fini(&m);
}

Test(codec, damaged_bytes_give_an_error_or_a_sound_value, .timeout = 60)
{
    maker m = {.state = 11};
    everything value = {0};
    maker_message(&m, &everything_type, &value);
    void *data;
    size_t size;
    assert_ok(tri_encode_alloc(&everything_type, &value, 0, &data, &size));
    unsigned char *damaged = malloc(size);
    for (int i = 0; i < 20000; i++) {
        memcpy(damaged, data, size);
        for (uint64_t hits = 1 + maker_next(&m) % 3; hits > 0; hits--) {
            damaged[maker_next(&m) % size] = (unsigned char)maker_next(&m);
        }
        void *block;
        size_t block_size;
        tr_err_t err = tri_decode(&everything_type, damaged, size, 1 << 20, &block, &block_size);
        if (err == TR_OK) {
            cr_assert(value_inside(&everything_type, block, block, block_size));
            tri_free(block);
        } else {
            cr_assert(err == TR_EFORMAT || err == TR_ETOOBIG, "%s", tr_errname(err));
        }
    }
    free(damaged);
    tri_free(data);
    maker_fini(&m);
}

// ---- encoding what is wrong
// -----------------------------------------------------------------------

Test(codec, part_with_a_size_and_no_data_is_not_encoded)
{
    label text = {.text = {NULL, 1}};
    expect_encode_err(&label_type, &text, TR_EINVAL);
    lists list = {0};
    list.u8s.count = 1;
    expect_encode_err(&lists_type, &list, TR_EINVAL);
}

Test(codec, part_of_more_than_four_gigabytes_is_too_big)
{
    label text = {.text = {"", (size_t)UINT32_MAX + 1}};
    expect_encode_err(&label_type, &text, TR_ETOOBIG);
    lists list = {0};
    list.u8s.items = (const uint8_t *)"";
    list.u8s.count = (size_t)UINT32_MAX + 1;
    expect_encode_err(&lists_type, &list, TR_ETOOBIG);
}

Test(codec, one_level_over_the_depth_is_too_big)
{
    tree storage[CHAIN_MAX + 1];
    expect_encode_err(&tree_type, chain(storage, CHAIN_MAX + 1), TR_ETOOBIG);
    tree snake = {0};
    snake.children.items = &snake;
    snake.children.count = 1;
    expect_encode_err(&tree_type, &snake, TR_ETOOBIG);
}

Test(codec, empty_list_over_the_depth_is_too_big)
{
    tree storage[CHAIN_MAX];
    forest value = {*chain(storage, CHAIN_MAX)};
    expect_encode_err(&forest_type, &value, TR_ETOOBIG);
}

Test(codec, last_level_of_depth_makes_the_round_trip)
{
    tree storage[CHAIN_MAX];
    void *data;
    size_t size;
    assert_ok(tri_encode_alloc(&tree_type, chain(storage, CHAIN_MAX), 0, &data, &size));
    tree *copy = decoded(&tree_type, data, size);
    cr_assert(value_equal(&tree_type, storage, copy));
    tri_free(copy);
    tri_free(data);
}

// ---- no memory
// ------------------------------------------------------------------------------------

// Let each allocation of an encoding fail in turn; returns how many there are.
static uint64_t
fail_each_allocation(const everything *value)
{
    for (uint64_t n = 0;; n++) {
        void *data = NULL;
        size_t size;
        tri_memory_fail_after(n);
        tr_err_t err = tri_encode_alloc(&everything_type, value, 0, &data, &size);
        tri_memory_fail_after(UINT64_MAX);
        if (err == TR_OK) {
            tri_free(data);
            return n;
        }
        assert_err(err, TR_ENOMEM);
        cr_assert(eq(ptr, data, NULL));
    }
}

Test(codec, encoding_survives_each_failed_allocation)
{
    maker m = {.state = 23};
    for (int i = 0; i < 100; i++) {
        everything value = {0};
        maker_message(&m, &everything_type, &value);
        cr_assert(ge(u64, fail_each_allocation(&value), 2));
        maker_fini(&m);
    }
}

Test(codec, decoding_makes_one_allocation_and_survives_its_failure)
{
    const char bytes[] = "\x82\xa4size\x05\xa4text\xa2hi";
    tri_memory_fail_after(0);
    assert_err(decode_err(&label_type, BYTES(bytes), SIZE_MAX), TR_ENOMEM);
    tri_memory_fail_after(1);
    assert_ok(decode_err(&label_type, BYTES(bytes), SIZE_MAX));
    tri_memory_fail_after(UINT64_MAX);
}

Test(codec, wrong_bytes_allocate_nothing)
{
    tri_memory_fail_after(0);
    expect_decode(label, "\x82\xa4text\xa2hi\xa4size\xcd\x01\x2c", TR_EFORMAT);
    expect_decode(label, "\xdf\x05\xf5\xe1\x00", TR_EFORMAT);
    tri_memory_fail_after(UINT64_MAX);
}

// ---- what is right
// ----------------------------------------------------------------------------------

Test(codec, message_is_a_map_keyed_by_field_name)
{
    label value = {.size = 5, .text = TR_STR("hi")};
    expect_encoding(&label_type, &value, 0, BYTES("\x82\xa4size\x05\xa4text\xa2hi"));
}

Test(codec, type_without_fields_is_an_empty_map)
{
    expect_encoding(&ping_type, NULL, 0, BYTES("\x80"));
    void *block;
    size_t size = 1;
    assert_ok(tri_decode(&ping_type, BYTES("\x80"), 0, &block, &size));
    cr_assert(eq(sz, size, 0));
    cr_assert(ne(ptr, block, NULL));
    tri_free(block);
}

Test(codec, secrets_are_masked_when_asked)
{
    uint16_t pins[] = {1234};
    everything value = {.password = TR_STR("hunter2")};
    value.pins.items = pins;
    value.pins.count = 1;
    void *data;
    size_t size;
    assert_ok(tri_encode_alloc(&everything_type, &value, TRI_ENCODE_MASK_SECRETS, &data, &size));
    const char tail[] = "\xa8password\xa3***\xa4pins\xa3***";
    cr_assert(eq(int, memcmp((char *)data + size - (sizeof tail - 1), tail, sizeof tail - 1), 0));
    tri_free(data);
    assert_ok(tri_encode_alloc(&everything_type, &value, 0, &data, &size));
    const char open[] = "\xa8password\xa7hunter2\xa4pins\x91\xcd\x04\xd2";
    cr_assert(eq(int, memcmp((char *)data + size - (sizeof open - 1), open, sizeof open - 1), 0));
    tri_free(data);
}

Test(codec, unknown_fields_are_skipped)
{
    // An array of a map and an ext, and a text of no name, around the one that is known.
    label *l = decoded(&label_type, BYTES("\x83\xa5other\x92\x81\x01\x90\xd6\x01wxyz\xa4text\xa2hi"
                                          "\xa0\xa3see"));
    cr_assert(tr_str_equal(l->text, TR_STR("hi")));
    tri_free(l);
}

Test(codec, unknown_field_may_come_twice)
{
    expect_decode(point, "\x82\xa1z\x01\xa1z\x01", TR_OK);
}

Test(codec, absent_fields_are_zero)
{
    static const everything zero;
    everything *value = decoded(&everything_type, BYTES("\x80"));
    cr_assert(eq(int, memcmp(value, &zero, sizeof zero), 0));
    tri_free(value);
}

Test(codec, fields_may_come_in_any_order)
{
    label *l = decoded(&label_type, BYTES("\x82\xa4text\xa2hi\xa4size\x05"));
    cr_assert(eq(u8, l->size, 5));
    cr_assert(tr_str_equal(l->text, TR_STR("hi")));
    tri_free(l);
}

Test(codec, enum_is_its_name_and_read_from_a_number_too)
{
    lists value = {0};
    color paints[] = {BLUE, (color)99};
    value.paints.items = paints;
    value.paints.count = 2;
    void *data;
    size_t size;
    assert_ok(tri_encode_alloc(&lists_type, &value, 0, &data, &size));
    const char tail[] = "\xa6paints\x92\xa4"
                        "BLUE\x63";
    cr_assert(eq(int, memcmp((char *)data + size - (sizeof tail - 1), tail, sizeof tail - 1), 0));
    tri_free(data);
    lists *copy = decoded(&lists_type, BYTES("\x81\xa6paints\x93\xfe\xa5GREEN\x63"));
    cr_assert(eq(int, copy->paints.items[0], BLUE));
    cr_assert(eq(int, copy->paints.items[1], GREEN));
    cr_assert(eq(int, copy->paints.items[2], 99));
    tri_free(copy);
}

Test(codec, integers_are_read_from_any_encoding)
{
    lists *l =
        decoded(&lists_type,
                BYTES("\x82\xa4i64s\x96\x05\xcc\x05\xd0\x05\xd3\x00\x00\x00\x00\x00\x00\x00\x05"
                      "\xcf\x00\x00\x00\x00\x00\x00\x00\x05\xd2\xff\xff\xff\xfb"
                      "\xa3u8s\x92\xd1\x00\x05\xce\x00\x00\x00\x05"));
    for (size_t i = 0; i < 5; i++) {
        cr_assert(eq(i64, l->i64s.items[i], 5));
    }
    cr_assert(eq(i64, l->i64s.items[5], -5));
    cr_assert(eq(u8, l->u8s.items[0], 5));
    cr_assert(eq(u8, l->u8s.items[1], 5));
    tri_free(l);
}

Test(codec, floats_are_read_from_integers_and_each_other)
{
    lists *l = decoded(&lists_type, BYTES("\x82\xa4"
                                          "f32s\x94\x05\xfb\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"
                                          "\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00"
                                          "\xa4"
                                          "f64s\x93\x05\xfb\xca\x3f\x00\x00\x00"));
    const float *f = l->f32s.items;
    cr_assert(f[0] == 5 && f[1] == -5 && isinf(f[2]) && f[3] == 0.5f);
    const double *d = l->f64s.items;
    cr_assert(d[0] == 5 && d[1] == -5 && d[2] == 0.5);
    tri_free(l);
}

Test(codec, not_a_number_makes_the_round_trip)
{
    numbers value = {.f32 = NAN, .f64 = NAN};
    void *data;
    size_t size;
    assert_ok(tri_encode_alloc(&numbers_type, &value, 0, &data, &size));
    numbers *copy = decoded(&numbers_type, data, size);
    cr_assert(isnan(copy->f32) && isnan(copy->f64));
    tri_free(copy);
    tri_free(data);
}

Test(codec, bytes_are_bin_and_read_from_text_too)
{
    everything value = {.blob = tr_bytes("\x00\x01", 2)};
    void *data;
    size_t size;
    assert_ok(tri_encode_alloc(&everything_type, &value, 0, &data, &size));
    cr_assert(ne(ptr,
                 memmem(data, size,
                        "\xa4"
                        "blob\xc4\x02\x00\x01",
                        9),
                 NULL));
    tri_free(data);
    everything *e = decoded(&everything_type, BYTES("\x81\xa4"
                                                    "blob\xa2hi"));
    cr_assert(eq(sz, e->blob.size, 2));
    cr_assert(eq(int, memcmp(e->blob.data, "hi", 2), 0));
    tri_free(e);
}

Test(codec, borders_of_every_number_make_the_round_trip)
{
    numbers rows[] = {
        {false,
         INT8_MIN,
         INT16_MIN,
         INT32_MIN,
         INT64_MIN,
         0,
         0,
         0,
         0,
         -FLT_MAX,
         -DBL_MAX,
         {0},
         BLUE},
        {true,
         INT8_MAX,
         INT16_MAX,
         INT32_MAX,
         INT64_MAX,
         UINT8_MAX,
         UINT16_MAX,
         UINT32_MAX,
         UINT64_MAX,
         FLT_MAX,
         DBL_MIN,
         {UINT64_MAX},
         GREEN},
        {.f32 = -0.0f, .f64 = -0.0, .paint = (color)INT32_MIN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *data;
        size_t size;
        assert_ok(tri_encode_alloc(&numbers_type, &rows[i], 0, &data, &size));
        numbers *copy = decoded(&numbers_type, data, size);
        cr_assert(value_equal(&numbers_type, &rows[i], copy), "row %zu", i);
        tri_free(copy);
        tri_free(data);
    }
}

Test(codec, random_values_make_the_round_trip, .timeout = 60)
{
    maker m = {.state = 7341};
    for (int i = 0; i < 3000; i++) {
        everything value = {0};
        maker_message(&m, &everything_type, &value);
        void *data;
        size_t size, block_size, flat_size;
        assert_ok(tri_encode_alloc(&everything_type, &value, 0, &data, &size));
        void *copy;
        assert_ok(tri_decode(&everything_type, data, size, SIZE_MAX, &copy, &block_size));
        cr_assert(value_inside(&everything_type, copy, copy, block_size));
        cr_assert(value_equal(&everything_type, &value, copy), "value %d", i);
        // What came in field order takes the room of a flat copy, to the byte.
        assert_ok(tri_layout_size(&everything_type, &value, &flat_size));
        cr_assert(eq(sz, block_size, flat_size));
        tri_free(copy);
        tri_free(data);
        maker_fini(&m);
    }
}
