// Tests of runtime/msg/codec.c: bufs and locals.
#include "check.h"
#include "values.h"

#include "base/memory.h"
#include "msg/buf.h"
#include "msg/codec.h"
#include "msg/parts.h"

TestSuite(codec_parts, .timeout = 10);

const tr_local_t toy_local = {.name = "toy"};

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
        cr_assert(value_inside(type, block, block, block_size));
        tri_parts_release(type, block, false);
        tri_free(block);
    } else {
        cr_assert(block == (void *)1 && block_size == 12345, "out is touched on an error");
    }
    return err;
}

static void *
decoded(const tr_type_t *type, const void *data, size_t size)
{
    void *block;
    size_t block_size;
    assert_ok(tri_decode(type, data, size, SIZE_MAX, &block, &block_size));
    return block;
}

static void
discard(const tr_type_t *type, void *block)
{
    tri_parts_release(type, block, false);
    tri_free(block);
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

static tr_buf *
buf_of(const void *data, size_t size)
{
    tr_buf *buf;
    assert_ok(tr_buf_create(data, size, &buf));
    return buf;
}

// Random, with a buf in it at least.
static void
make_shipment(maker *m, shipment *value)
{
    maker_message(m, &shipment_type, value);
    while (value->papers == NULL) {
        value->papers = maker_buf(m, maker_next(m));
    }
}

#define DATA                                                                                       \
    "\xa4"                                                                                         \
    "data" // apart, as the escape would go on

Test(codec_parts, buf_that_is_not_bin_or_nil_is_refused)
{
    assert_err(decode_err(&crate_type, BYTES("\x81" DATA "\x01"), SIZE_MAX), TR_EFORMAT);
    assert_err(decode_err(&crate_type, BYTES("\x81" DATA "\xa1x"), SIZE_MAX), TR_EFORMAT);
    assert_err(decode_err(&crate_type, BYTES("\x81" DATA "\x90"), SIZE_MAX), TR_EFORMAT);
    assert_err(decode_err(&crate_type, BYTES("\x81" DATA "\xd4\x01x"), SIZE_MAX), TR_EFORMAT);
    assert_err(decode_err(&crate_type, BYTES("\x82" DATA "\xc4\x01x" DATA "\xc0"), SIZE_MAX),
               TR_EFORMAT);
}

Test(codec_parts, buf_that_claims_more_bytes_than_there_are_is_refused)
{
    tri_memory_fail_after(0); // and nothing is allocated
    assert_err(decode_err(&crate_type, BYTES("\x81" DATA "\xc6\xff\xff\xff\xff"), SIZE_MAX),
               TR_EFORMAT);
    assert_err(decode_err(&crate_type, BYTES("\x81" DATA "\xc4\x02x"), SIZE_MAX), TR_EFORMAT);
    tri_memory_fail_after(UINT64_MAX);
}

Test(codec_parts, local_that_is_not_whole_is_refused)
{
    assert_err(decode_err(&crate_type, BYTES("\x81\xa4play"), SIZE_MAX), TR_EFORMAT);
    assert_err(decode_err(&crate_type, BYTES("\x81\xa4play\x92\x01"), SIZE_MAX), TR_EFORMAT);
    assert_err(decode_err(&crate_type, BYTES("\x82\xa4play\xc0\xa4play\xc0"), SIZE_MAX),
               TR_EFORMAT);
}

Test(codec_parts, bufs_count_in_the_limit)
{
    const char bytes[] = "\x82" DATA "\xc4\x05hello\xa4text\xa2hi";
    size_t needed = sizeof(crate) + TRI_BUF_COST(5) + 2;
    assert_err(decode_err(&crate_type, BYTES(bytes), needed - 1), TR_ETOOBIG);
    assert_err(decode_err(&crate_type, BYTES(bytes), needed - 2), TR_ETOOBIG);
    assert_err(decode_err(&crate_type, BYTES(bytes), needed - 3), TR_ETOOBIG);
    assert_ok(decode_err(&crate_type, BYTES(bytes), needed));
}

Test(codec_parts, many_empty_bufs_stop_at_the_limit)
{
    // Each item is a crate of nothing but an empty buf, in eight bytes.
    enum { ITEMS = 10000 };
    unsigned char bytes[1 + 5 + 3 + ITEMS * 8] = "\x81\xa4rest\xdc\x27\x10";
    for (size_t i = 0; i < ITEMS; i++) {
        memcpy(bytes + 9 + i * 8, "\x81" DATA "\xc4\x00", 8);
    }
    size_t needed = sizeof(shipment) + ITEMS * (sizeof(crate) + TRI_BUF_COST(0));
    assert_err(decode_err(&shipment_type, bytes, sizeof bytes, needed - 1), TR_ETOOBIG);
    assert_ok(decode_err(&shipment_type, bytes, sizeof bytes, needed));
}

Test(codec_parts, every_truncation_is_refused, .timeout = 60)
{
    maker m = {.state = 5};
    shipment value = {0};
    make_shipment(&m, &value);
    void *data;
    size_t size;
    assert_ok(tri_encode_alloc(&shipment_type, &value, 0, &data, &size));
    for (size_t cut = 0; cut < size; cut++) {
        assert_err(decode_err(&shipment_type, data, cut, SIZE_MAX), TR_EFORMAT);
    }
    assert_ok(decode_err(&shipment_type, data, size, SIZE_MAX));
    tri_free(data);
    maker_fini(&m);
}

Test(codec_parts, damaged_bytes_give_an_error_or_a_sound_value, .timeout = 60)
{
    maker m = {.state = 11};
    shipment value = {0};
    make_shipment(&m, &value);
    void *data;
    size_t size;
    assert_ok(tri_encode_alloc(&shipment_type, &value, 0, &data, &size));
    unsigned char *damaged = malloc(size);
    for (int i = 0; i < 20000; i++) {
        memcpy(damaged, data, size);
        for (uint64_t hits = 1 + maker_next(&m) % 3; hits > 0; hits--) {
            damaged[maker_next(&m) % size] = (unsigned char)maker_next(&m);
        }
        tr_err_t err = decode_err(&shipment_type, damaged, size, 1 << 20);
        cr_assert(err == TR_OK || err == TR_EFORMAT || err == TR_ETOOBIG, "%s", tr_errname(err));
    }
    free(damaged);
    tri_free(data);
    maker_fini(&m);
}

// Let each allocation of a decoding fail in turn; returns how many there are.
static uint64_t
fail_each_allocation(const void *data, size_t size)
{
    for (uint64_t n = 0;; n++) {
        tri_memory_fail_after(n);
        tr_err_t err = decode_err(&shipment_type, data, size, SIZE_MAX);
        tri_memory_fail_after(UINT64_MAX);
        if (err == TR_OK) {
            return n;
        }
        assert_err(err, TR_ENOMEM);
    }
}

Test(codec_parts, decoding_survives_each_failed_allocation_and_leaves_nothing)
{
    maker m = {.state = 23};
    for (int i = 0; i < 100; i++) {
        shipment value = {0};
        make_shipment(&m, &value);
        size_t bufs = (value.papers != NULL) + (value.key != NULL) + (value.first.data != NULL);
        for (size_t k = 0; k < value.rest.count; k++) {
            bufs += value.rest.items[k].data != NULL;
        }
        void *data;
        size_t size;
        assert_ok(tri_encode_alloc(&shipment_type, &value, 0, &data, &size));
        cr_assert(eq(u64, fail_each_allocation(data, size), 1 + bufs)); // leaks: the sanitizer's
        tri_free(data);
        maker_fini(&m);
    }
}

Test(codec_parts, buf_of_more_than_four_gigabytes_is_too_big)
{
    tr_buf *buf;
    assert_ok(tr_buf_wrap("", (size_t)UINT32_MAX + 1, NULL, NULL, &buf));
    crate value = {.data = buf};
    void *data = (void *)1;
    size_t size;
    assert_err(tri_encode_alloc(&crate_type, &value, 0, &data, &size), TR_ETOOBIG);
    cr_assert(data == (void *)1);
    tr_buf_unref(buf);
}

Test(codec_parts, buf_is_bin_and_a_local_is_nil)
{
    int object;
    crate value = {.id = 5, .play = (toy *)&object};
    expect_encoding(&crate_type, &value, 0,
                    BYTES("\x84\xa2id\x05" DATA "\xc0\xa4play\xc0\xa4text\xa0"));
    value.data = buf_of("\x00\x01", 2);
    expect_encoding(&crate_type, &value, 0,
                    BYTES("\x84\xa2id\x05" DATA "\xc4\x02\x00\x01\xa4play\xc0\xa4text\xa0"));
    tr_buf_unref(value.data);
    value.data = buf_of(NULL, 0);
    expect_encoding(&crate_type, &value, 0,
                    BYTES("\x84\xa2id\x05" DATA "\xc4\x00\xa4play\xc0\xa4text\xa0"));
    tr_buf_unref(value.data);
}

Test(codec_parts, secret_ones_are_masked_when_asked)
{
    int object;
    shipment value = {.key = buf_of("hunter2", 7), .hidden = (toy *)&object};
    void *data;
    size_t size;
    assert_ok(tri_encode_alloc(&shipment_type, &value, TRI_ENCODE_MASK_SECRETS, &data, &size));
    const char tail[] = "\xa3key\xa3***\xa6hidden\xa3***";
    cr_assert(eq(int, memcmp((char *)data + size - (sizeof tail - 1), tail, sizeof tail - 1), 0));
    tri_free(data);
    assert_ok(tri_encode_alloc(&shipment_type, &value, 0, &data, &size));
    const char open[] = "\xa3key\xc4\x07hunter2\xa6hidden\xc0";
    cr_assert(eq(int, memcmp((char *)data + size - (sizeof open - 1), open, sizeof open - 1), 0));
    tri_free(data);
    tr_buf_unref(value.key);
}

Test(codec_parts, decoded_buf_outlives_the_bytes_and_the_block)
{
    char bytes[] = "\x81" DATA "\xc4\x05hello";
    crate *c = decoded(&crate_type, bytes, sizeof bytes - 1);
    tr_buf *buf = tr_buf_ref(c->data);
    memset(bytes, 0, sizeof bytes);
    discard(&crate_type, c);
    cr_assert(eq(sz, tr_buf_bytes(buf).size, 5));
    cr_assert(eq(int, memcmp(tr_buf_bytes(buf).data, "hello", 5), 0));
    tr_buf_unref(buf);
}

Test(codec_parts, empty_bin_is_an_empty_buf_and_nil_is_none)
{
    crate *c = decoded(&crate_type, BYTES("\x81" DATA "\xc4\x00"));
    cr_assert(c->data != NULL && tr_buf_bytes(c->data).size == 0);
    discard(&crate_type, c);
    c = decoded(&crate_type, BYTES("\x81" DATA "\xc0"));
    cr_assert(eq(ptr, c->data, NULL));
    discard(&crate_type, c);
}

Test(codec_parts, local_is_null_whatever_stands_there)
{
    crate *c =
        decoded(&crate_type, BYTES("\x82\xa4play\x92\x81\x01\x90\xd6\x01wxyz\xa4text\xa2hi"));
    cr_assert(eq(ptr, c->play, NULL));
    cr_assert(tr_str_equal(c->text, TR_STR("hi")));
    discard(&crate_type, c);
    c = decoded(&crate_type, BYTES("\x81\xa4play\xcf\xff\xff\xff\xff\xff\xff\xff\xff"));
    cr_assert(eq(ptr, c->play, NULL));
    discard(&crate_type, c);
}

Test(codec_parts, random_values_make_the_round_trip, .timeout = 60)
{
    maker m = {.state = 7341};
    for (int i = 0; i < 2000; i++) {
        shipment value = {0};
        maker_message(&m, &shipment_type, &value);
        void *data;
        size_t size, block_size, flat_size;
        assert_ok(tri_encode_alloc(&shipment_type, &value, 0, &data, &size));
        void *copy;
        assert_ok(tri_decode(&shipment_type, data, size, SIZE_MAX, &copy, &block_size));
        cr_assert(value_equal(&shipment_type, &value, copy), "value %d", i);
        cr_assert(eq(u64, tri_parts_bytes(&shipment_type, copy),
                     tri_parts_bytes(&shipment_type, &value)));
        assert_ok(tri_layout_size(&shipment_type, &value, &flat_size));
        cr_assert(eq(sz, block_size, flat_size));
        discard(&shipment_type, copy);
        tri_free(data);
        maker_fini(&m);
    }
}
