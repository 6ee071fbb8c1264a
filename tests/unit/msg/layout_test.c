// Tests of runtime/msg/layout.c.
#include "check.h"
#include "values.h"

TestSuite(layout, .timeout = 10);

// A chain of 16 trees is 32 deep: 16 messages and 16 lists.
#define CHAIN_MAX (TRI_MSG_DEPTH_MAX / 2)

const tr_local_t toy_local = {.name = "toy"};

#define PARCEL(F, T) F(T, u8, id) F(T, secret(buf), data) F(T, local(toy), play)
TR_MESSAGE(parcel, PARCEL);

static void
expect_size_err(const tr_type_t *type, const void *value, tr_err_t expected)
{
    size_t size = 12345;
    assert_err(tri_layout_size(type, value, &size), expected);
    cr_assert(eq(sz, size, 12345));
}

// Lay out into a block of exactly the size, check it, and return it; free() it.
static void *
flat(const tr_type_t *type, const void *value)
{
    size_t size;
    assert_ok(tri_layout_size(type, value, &size));
    char *block = malloc(size);
    tri_layout_copy(type, value, block);
    cr_assert(value_inside(type, block, block, size));
    cr_assert(value_equal(type, value, block));
    return block;
}

Test(layout, text_with_a_size_and_no_data_is_invalid)
{
    label value = {.text = {NULL, 3}};
    expect_size_err(&label_type, &value, TR_EINVAL);
}

Test(layout, list_with_a_count_and_no_items_is_invalid)
{
    lists value = {0};
    value.u32s.count = 1;
    expect_size_err(&lists_type, &value, TR_EINVAL);
}

Test(layout, list_item_with_a_size_and_no_data_is_invalid)
{
    tr_str_t texts[] = {TR_STR("fine"), {NULL, 1}};
    everything value = {.texts = {texts, 2}};
    expect_size_err(&everything_type, &value, TR_EINVAL);
}

Test(layout, part_in_a_nested_list_item_with_a_size_and_no_data_is_invalid)
{
    label labels[] = {{.text = TR_STR("fine")}, {.text = {NULL, 1}}};
    everything value = {.labels = {labels, 2}};
    expect_size_err(&everything_type, &value, TR_EINVAL);
}

Test(layout, size_that_wraps_around_is_too_big)
{
    char byte = 0;
    uint64_t number = 0;
    label text = {.text = {&byte, SIZE_MAX}};
    expect_size_err(&label_type, &text, TR_ETOOBIG);
    lists list = {0};
    list.u64s.items = &number;
    list.u64s.count = SIZE_MAX / 8 + 2; // times 8 it is 8
    expect_size_err(&lists_type, &list, TR_ETOOBIG);
}

Test(layout, sum_of_sizes_that_wraps_around_is_too_big)
{
    char byte = 0;
    tr_str_t texts[] = {{&byte, PTRDIFF_MAX / 2}, {&byte, PTRDIFF_MAX / 2}, {&byte, SIZE_MAX / 2}};
    everything value = {.texts = {texts, 3}};
    expect_size_err(&everything_type, &value, TR_ETOOBIG);
}

Test(layout, one_level_over_the_depth_is_too_big)
{
    tree storage[CHAIN_MAX + 1];
    expect_size_err(&tree_type, chain(storage, CHAIN_MAX + 1), TR_ETOOBIG);
}

Test(layout, empty_list_over_the_depth_is_too_big)
{
    tree storage[CHAIN_MAX];
    forest value = {*chain(storage, CHAIN_MAX)};
    expect_size_err(&forest_type, &value, TR_ETOOBIG);
    value.root = *chain(storage, CHAIN_MAX - 1);
    free(flat(&forest_type, &value));
}

Test(layout, value_that_contains_itself_is_too_big)
{
    tree snake = {0};
    snake.children.items = &snake;
    snake.children.count = 1;
    expect_size_err(&tree_type, &snake, TR_ETOOBIG);
}

Test(layout, last_level_of_depth_is_laid_out)
{
    tree storage[CHAIN_MAX];
    free(flat(&tree_type, chain(storage, CHAIN_MAX)));
}

Test(layout, flat_type_is_copied_as_it_is)
{
    numbers value = {.i8 = -1, .f64 = 0.5, .paint = BLUE};
    size_t size;
    assert_ok(tri_layout_size(&numbers_type, &value, &size));
    cr_assert(eq(sz, size, sizeof value));
    numbers copy;
    tri_layout_copy(&numbers_type, &value, &copy);
    cr_assert(eq(int, memcmp(&value, &copy, sizeof value), 0));
}

Test(layout, type_without_fields_takes_no_bytes_and_no_value)
{
    size_t size = 1;
    assert_ok(tri_layout_size(&ping_type, NULL, &size));
    cr_assert(eq(sz, size, 0));
    tri_layout_copy(&ping_type, NULL, NULL);
}

Test(layout, text_stands_right_behind_the_structure)
{
    label value = {.size = 9, .text = TR_STR("troupe")};
    size_t size;
    assert_ok(tri_layout_size(&label_type, &value, &size));
    cr_assert(eq(sz, size, sizeof(label) + 6));
    label *copy = flat(&label_type, &value);
    cr_assert(eq(ptr, (void *)copy->text.data, (void *)(copy + 1)));
    free(copy);
}

Test(layout, text_may_hold_zeroes_and_need_not_be_terminated)
{
    const char bytes[] = {'a', 0, 'b'};
    label value = {.text = tr_str_n(bytes, sizeof bytes)};
    label *copy = flat(&label_type, &value);
    cr_assert(eq(int, memcmp(copy->text.data, bytes, sizeof bytes), 0));
    free(copy);
}

Test(layout, empty_part_with_a_pointer_becomes_null)
{
    char outside = 'x';
    everything value = {.text = {&outside, 0}, .blob = {&outside, 0}};
    value.points.items = (const point *)&value;
    everything *copy = flat(&everything_type, &value);
    cr_assert(eq(ptr, (void *)copy->text.data, NULL));
    cr_assert(eq(ptr, (void *)copy->points.items, NULL));
    free(copy);
}

Test(layout, wide_items_behind_odd_text_are_aligned)
{
    uint64_t wide[] = {1, 2, 3};
    uint8_t narrow[] = {1};
    lists value = {.u8s = {narrow, 1}, .u64s = {wide, 3}};
    lists *copy = flat(&lists_type, &value);
    cr_assert(eq(sz, (uintptr_t)copy->u64s.items % 8, 0));
    cr_assert(eq(u64, copy->u64s.items[2], 3));
    free(copy);
}

Test(layout, copy_outlives_the_original)
{
    char text[] = "first";
    tr_str_t texts[] = {tr_str(text), tr_str(text)};
    label labels[] = {{.size = 1, .text = tr_str(text)}};
    everything value = {.texts = {texts, 2}, .labels = {labels, 1}};
    everything *copy = flat(&everything_type, &value);
    memset(text, 'x', sizeof text);
    memset(texts, 0, sizeof texts);
    memset(labels, 0, sizeof labels);
    cr_assert(tr_str_equal(copy->texts.items[1], TR_STR("first")));
    cr_assert(tr_str_equal(copy->labels.items[0].text, TR_STR("first")));
    free(copy);
}

Test(layout, items_of_a_type_without_fields_are_a_byte_apart)
{
    cr_assert(eq(sz, tri_kind_size(TR_KIND_NESTED, &ping_type), sizeof(ping)));
    cr_assert(eq(sz, tri_kind_align(TR_KIND_NESTED, &ping_type), 1));
    ping pings[3] = {{0}};
    everything value = {.pings = {pings, 3}};
    everything *copy = flat(&everything_type, &value);
    cr_assert(eq(sz, copy->pings.count, 3));
    free(copy);
}

Test(layout, sizes_and_alignments_are_the_compilers)
{
#define CHECK(kind, type)                                                                          \
    cr_assert(eq(sz, tri_kind_size(TR_KIND_##kind, NULL), sizeof(type)), "size of " #kind);        \
    cr_assert(eq(sz, tri_kind_align(TR_KIND_##kind, NULL), _Alignof(type)), "alignment of " #kind)
    CHECK(BOOL, bool);
    CHECK(I8, int8_t);
    CHECK(I16, int16_t);
    CHECK(I32, int32_t);
    CHECK(I64, int64_t);
    CHECK(U8, uint8_t);
    CHECK(U16, uint16_t);
    CHECK(U32, uint32_t);
    CHECK(U64, uint64_t);
    CHECK(F32, float);
    CHECK(F64, double);
    CHECK(STR, tr_str_t);
    CHECK(BYTES, tr_bytes_t);
    CHECK(REF, tr_ref_t);
    CHECK(ENUM, color);
    CHECK(BUF, tr_buf *);
    CHECK(LOCAL, toy *);
#undef CHECK
    cr_assert(eq(sz, tri_kind_align(TR_KIND_NESTED, &point_type), _Alignof(point)));
    cr_assert(eq(sz, tri_kind_align(TR_KIND_NESTED, &everything_type), _Alignof(everything)));
    cr_assert(eq(sz, tri_kind_size(TR_KIND_NESTED, &everything_type), sizeof(everything)));
}

Test(layout, buf_and_local_take_a_pointer_each_and_are_copied_as_they_are)
{
    tr_buf *buf;
    int object;
    assert_ok(tr_buf_create("some bytes", 10, &buf));
    crate value = {.data = buf, .play = (toy *)&object, .text = TR_STR("abc")};
    size_t size;
    assert_ok(tri_layout_size(&crate_type, &value, &size));
    cr_assert(eq(sz, size, sizeof(crate) + 3));
    crate *copy = flat(&crate_type, &value);
    cr_assert(copy->data == buf && copy->play == (toy *)&object);
    free(copy);
    tr_buf_unref(buf);
}

Test(layout, type_with_a_buf_and_nothing_else_is_not_variable)
{
    cr_assert(eq(u32, parcel_type.flags, TR_TYPE_PARTS));
    cr_assert(eq(u32, crate_type.flags, TR_TYPE_PARTS | TR_TYPE_VARIABLE));
    cr_assert(eq(u32, lists_type.flags, TR_TYPE_VARIABLE));
    cr_assert(eq(u32, label_type.flags, TR_TYPE_VARIABLE));
    cr_assert(eq(u32, numbers_type.flags, 0));
    cr_assert(eq(u32, shipment_type.flags, TR_TYPE_PARTS | TR_TYPE_VARIABLE));
    cr_assert(eq(u32, tree_type.flags, TR_TYPE_PARTS | TR_TYPE_VARIABLE));
}

Test(layout, random_values_are_copied_whole, .timeout = 30)
{
    maker m = {.state = 7341};
    for (int i = 0; i < 3000; i++) {
        everything value = {0};
        maker_message(&m, &everything_type, &value);
        free(flat(&everything_type, &value));
        maker_fini(&m);
    }
}

Test(layout, copy_of_a_copy_has_its_size)
{
    maker m = {.state = 99};
    for (int i = 0; i < 200; i++) {
        everything value = {0};
        maker_message(&m, &everything_type, &value);
        everything *copy = flat(&everything_type, &value);
        size_t first, second;
        assert_ok(tri_layout_size(&everything_type, &value, &first));
        assert_ok(tri_layout_size(&everything_type, copy, &second));
        cr_assert(eq(sz, first, second));
        free(copy);
        maker_fini(&m);
    }
}
