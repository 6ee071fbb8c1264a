// Tests of runtime/msg/parts.c, and of what runtime/msg/message.c makes of it.
#include "check.h"
#include "values.h"

#include "base/memory.h"
#include "base/pool.h"
#include "msg/message.h"
#include "msg/parts.h"

// ---- objects that note what is done to them

struct toy {
    int left;
    int dropped;
};

static void
toy_drop(void *object)
{
    ((toy *)object)->dropped++;
}

static void
toy_leave(void *object)
{
    ((toy *)object)->left++;
}

const tr_local_t toy_local = {.name = "toy", .drop = toy_drop, .leave = toy_leave};

// A kind of object that does not mind who its owner is.
typedef struct brick {
    int dropped;
} brick;

static void
brick_drop(void *object)
{
    ((brick *)object)->dropped++;
}

static const tr_local_t brick_local = {.name = "brick", .drop = brick_drop};
#define WALL(F, T) F(T, local(brick), left) F(T, i32, gap) F(T, secret(local(brick)), right)
TR_MESSAGE(wall, WALL);

#define OTHER(F, T) F(T, u8, id) F(T, buf, data) F(T, local(toy), play)
TR_MESSAGE(other, OTHER);

// Types with an outer shape alike, and nothing inside that is shared or moves.
#define ROUTE(F, T) F(T, nested(point), from) F(T, list(nested(label)), stops)
TR_MESSAGE(route, ROUTE);

// How often each buf of a test has ended.
static int ended[4];

static void
note_end(void *data, size_t size, void *arg)
{
    (void)data;
    (void)size;
    ++*(int *)arg;
}

// Of `size` bytes that nobody reads.
static tr_buf *
counted(size_t which, size_t size)
{
    tr_buf *buf;
    assert_ok(tr_buf_wrap("", size, note_end, &ended[which], &buf));
    return buf;
}

static tri_depot depot;
static tri_pool pool;

static void
setup(void)
{
    tri_depot_init(&depot);
    tri_pool_init(&pool, &depot);
}

static void
teardown(void)
{
    tri_depot_fini(&depot);
}

TestSuite(parts, .init = setup, .fini = teardown, .timeout = 10);

static tr_message *
message_with(const tr_type_t *type, const void *value)
{
    size_t size;
    assert_ok(tri_message_measure(type, value, &size));
    tr_message *msg = tri_message_create(&pool, type, value, size);
    cr_assert(ne(ptr, msg, NULL));
    return msg;
}

#define message_of(...) message_with(TR_MSG(__VA_ARGS__))

// As the target's: from here on the message's locals are its own.
static tr_message *
delivered(tr_message *msg)
{
    msg->meta |= TRI_MSG_OWNS;
    return msg;
}

static void
destroy(tr_message *msg)
{
    tri_message_destroy(&pool, &depot, msg);
}

// A flat copy, in a block of its own; free() it.
static void *
flat(const tr_type_t *type, const void *value)
{
    size_t size;
    assert_ok(tri_layout_size(type, value, &size));
    void *block = malloc(size);
    tri_layout_copy(type, value, block);
    return block;
}

// ---- what fails, and what is not there

Test(parts, message_without_memory_takes_no_reference)
{
    tr_buf *buf = counted(0, 1);
    crate value = {.data = buf};
    tri_memory_fail_after(0);
    cr_assert(eq(ptr, tri_message_create(NULL, &crate_type, &value, sizeof value), NULL));
    tri_memory_fail_after(UINT64_MAX);
    tr_buf_unref(buf);
    cr_assert(eq(int, ended[0], 1));
}

Test(parts, value_of_a_type_without_any_is_not_read)
{
    tri_parts_share(&label_type, NULL);
    tri_parts_leave(&label_type, NULL);
    tri_parts_blank(&label_type, NULL);
    tri_parts_release(&label_type, NULL, true);
    cr_assert(eq(u64, tri_parts_bytes(&ping_type, NULL), 0));
}

Test(parts, nested_types_may_have_none)
{
    label labels[] = {{.text = TR_STR("a")}, {.text = TR_STR("b")}};
    route value = {.stops = {labels, 2}};
    route *copy = flat(&route_type, &value);
    tri_parts_share(&route_type, copy);
    cr_assert(eq(u64, tri_parts_bytes(&route_type, copy), 0));
    tri_parts_release(&route_type, copy, true);
    cr_assert(value_equal(&route_type, &value, copy));
    free(copy);
}

Test(parts, fields_that_are_null_are_passed_over)
{
    tr_message *msg = delivered(message_of(shipment, .place = {1, 2}));
    cr_assert(eq(u64, tri_message_charge_of(msg), tri_message_charge(sizeof(shipment))));
    tri_parts_leave(&shipment_type, msg->value);
    tri_parts_blank(&shipment_type, msg->value);
    destroy(msg);
}

Test(parts, destroying_nothing_is_allowed)
{
    tri_message_destroy(&pool, &depot, NULL);
}

Test(parts, take_from_another_type_or_place_gives_nothing)
{
    toy object = {0};
    tr_buf *buf = counted(0, 1);
    tr_message *msg = delivered(message_of(crate, .data = buf, .play = &object));
    cr_assert(eq(ptr, tr_take(NULL, msg, other, play), NULL));
    cr_assert(eq(ptr, tr_message_take(NULL, msg, &crate_type, offsetof(crate, data)), NULL));
    cr_assert(eq(ptr, tr_message_take(NULL, msg, &crate_type, offsetof(crate, play) + 1), NULL));
    cr_assert(eq(ptr, tr_message_take(NULL, msg, &crate_type, SIZE_MAX), NULL));
    destroy(msg);
    cr_assert(eq(int, object.dropped, 1));
    tr_buf_unref(buf);
    cr_assert(eq(int, ended[0], 1));
}

Test(parts, take_does_not_reach_into_a_nested_field)
{
    toy object = {0};
    tr_message *msg = delivered(message_of(shipment, .first = {.play = &object}));
    size_t offset = offsetof(shipment, first) + offsetof(crate, play);
    cr_assert(eq(ptr, tr_message_take(NULL, msg, &shipment_type, offset), NULL));
    destroy(msg);
    cr_assert(eq(int, object.dropped, 1));
}

// ---- bufs

Test(parts, message_holds_one_reference_for_each_field)
{
    tr_buf *buf = counted(0, 3);
    tr_message *one = message_of(shipment, .papers = buf, .key = buf, .first = {.data = buf});
    tr_message *two = message_of(crate, .data = buf);
    tr_buf_unref(buf); // the sender's own
    destroy(one);
    cr_assert(eq(int, ended[0], 0));
    destroy(two);
    cr_assert(eq(int, ended[0], 1));
}

Test(parts, sender_keeps_its_reference)
{
    tr_buf *buf = counted(0, 3);
    destroy(message_of(crate, .data = buf));
    destroy(delivered(message_of(crate, .data = buf)));
    cr_assert(eq(int, ended[0], 0));
    tr_buf_unref(buf);
    cr_assert(eq(int, ended[0], 1));
}

Test(parts, reference_taken_by_a_handler_outlives_the_message)
{
    tr_buf *buf = counted(0, 3);
    tr_message *msg = delivered(message_of(crate, .data = buf));
    tr_buf_unref(buf);
    tr_buf *kept = tr_buf_ref(tr_as(crate, msg)->data);
    destroy(msg);
    cr_assert(eq(int, ended[0], 0));
    tr_buf_unref(kept);
    cr_assert(eq(int, ended[0], 1));
}

Test(parts, every_item_of_a_list_holds_its_own)
{
    tr_buf *bufs[] = {counted(0, 1), counted(1, 20), counted(2, 300), counted(3, 4000)};
    crate rest[] = {{.data = bufs[1]}, {.id = 1}, {.data = bufs[2]}, {.data = bufs[2]}};
    shipment value = {
        .first = {.data = bufs[0]}, .rest = {rest, 4}, .papers = bufs[3], .key = bufs[0]};
    cr_assert(eq(u64, tri_parts_bytes(&shipment_type, &value), 1 + 20 + 300 + 300 + 4000 + 1));
    tr_message *msg = message_with(&shipment_type, &value);
    cr_assert(eq(u64, tri_message_charge_of(msg),
                 sizeof(tr_message) + sizeof value + sizeof rest + 4622));
    for (int i = 0; i < 4; i++) {
        tr_buf_unref(bufs[i]);
        cr_assert(eq(int, ended[i], 0));
    }
    memset(rest, 0, sizeof rest); // the message has items of its own
    destroy(msg);
    for (int i = 0; i < 4; i++) {
        cr_assert(eq(int, ended[i], 1), "buf %d", i);
    }
}

// Nests in one another, each with the buf and an object; the innermost holds a crate, the last
// level that is allowed.
Test(parts, every_level_of_depth_is_reached)
{
    enum { NESTS = TRI_MSG_DEPTH_MAX / 2 - 1 };
    toy objects[NESTS + 1] = {{0}};
    tr_buf *buf = counted(0, 10);
    crate last = {.data = buf, .play = &objects[NESTS]};
    nest storage[NESTS] = {{0}};
    for (int i = 0; i < NESTS; i++) {
        storage[i].data = buf;
        storage[i].play = &objects[i];
        storage[i].inside.items = &storage[i + 1];
        storage[i].inside.count = 1;
    }
    storage[NESTS - 1].inside.count = 0;
    storage[NESTS - 1].load.items = &last;
    storage[NESTS - 1].load.count = 1;
    tr_message *msg = delivered(message_of(coop, .nest = storage[0]));
    tr_buf_unref(buf);
    cr_assert(eq(u64, tri_parts_bytes(&coop_type, msg->value), 10 * (NESTS + 1)));
    tri_parts_leave(&coop_type, msg->value);
    destroy(msg);
    cr_assert(eq(int, ended[0], 1));
    for (int i = 0; i <= NESTS; i++) {
        cr_assert(objects[i].left == 1 && objects[i].dropped == 1, "object %d", i);
    }
}

Test(parts, value_that_contains_itself_has_an_end)
{
    nest snake = {0};
    snake.data = counted(0, 1);
    snake.inside.items = &snake;
    snake.inside.count = 1;
    cr_assert(eq(u64, tri_parts_bytes(&nest_type, &snake), TRI_MSG_DEPTH_MAX / 2));
    tr_buf_unref(snake.data);
}

// ---- locals

Test(parts, message_that_was_not_delivered_drops_nothing)
{
    toy object = {0};
    tr_buf *buf = counted(0, 1);
    destroy(message_of(crate, .data = buf, .play = &object));
    cr_assert(object.dropped == 0 && object.left == 0);
    tr_buf_unref(buf);
    cr_assert(eq(int, ended[0], 1));
}

Test(parts, what_nobody_took_is_dropped_once)
{
    toy objects[5] = {{0}};
    crate rest[] = {{.play = &objects[1]}, {.id = 1}, {.play = &objects[2]}};
    shipment value = {.first = {.play = &objects[0]}, .rest = {rest, 3}, .hidden = &objects[3]};
    tr_message *msg = delivered(message_with(&shipment_type, &value));
    destroy(msg);
    for (int i = 0; i < 4; i++) {
        cr_assert(eq(int, objects[i].dropped, 1), "object %d", i);
        cr_assert(eq(int, objects[i].left, 0));
    }
    cr_assert(eq(int, objects[4].dropped, 0));
}

Test(parts, taken_object_is_never_dropped)
{
    toy objects[2] = {{0}};
    tr_message *msg =
        delivered(message_of(shipment, .first = {.play = &objects[0]}, .hidden = &objects[1]));
    const tr_message *borrowed = msg;
    toy *taken = tr_take(NULL, borrowed, shipment, hidden);
    cr_assert(eq(ptr, taken, &objects[1]));
    cr_assert(eq(ptr, (void *)tr_as(shipment, borrowed)->hidden, NULL));
    destroy(msg);
    cr_assert(eq(int, objects[0].dropped, 1));
    cr_assert(eq(int, objects[1].dropped, 0));
}

Test(parts, second_take_gives_nothing)
{
    toy object = {0};
    tr_message *msg = delivered(message_of(crate, .play = &object));
    cr_assert(eq(ptr, tr_take(NULL, msg, crate, play), &object));
    cr_assert(eq(ptr, tr_take(NULL, msg, crate, play), NULL));
    destroy(msg);
    cr_assert(eq(int, object.dropped, 0));
}

Test(parts, leave_is_called_for_each_object_and_may_be_absent)
{
    toy objects[3] = {{0}};
    crate rest[] = {{.play = &objects[1]}, {.id = 1}};
    shipment value = {.first = {.play = &objects[0]}, .rest = {rest, 2}, .hidden = &objects[2]};
    tri_parts_leave(&shipment_type, &value);
    for (int i = 0; i < 3; i++) {
        cr_assert(objects[i].left == 1 && objects[i].dropped == 0, "object %d", i);
    }
    brick bricks[2] = {{0}};
    tr_message *msg = delivered(message_of(wall, .left = &bricks[0], .right = &bricks[1]));
    tri_parts_leave(&wall_type, msg->value);
    cr_assert(eq(ptr, tr_take(NULL, msg, wall, right), &bricks[1]));
    destroy(msg);
    cr_assert(bricks[0].dropped == 1 && bricks[1].dropped == 0);
}

// ---- ahead of the end

Test(parts, released_ahead_of_the_end_and_once)
{
    toy object = {0};
    tr_buf *buf = counted(0, 1);
    tr_message *msg = delivered(message_of(crate, .data = buf, .play = &object));
    tr_buf_unref(buf);
    tri_message_release_parts(msg);
    cr_assert(eq(int, ended[0], 1));
    cr_assert(eq(int, object.dropped, 1));
    tri_message_release_parts(msg);
    cr_assert(eq(ptr, tr_take(NULL, msg, crate, play), NULL));
    destroy(msg);
    cr_assert(eq(int, ended[0], 1));
    cr_assert(eq(int, object.dropped, 1));
}

Test(parts, copy_to_look_at_holds_the_bufs_and_forgets_the_objects)
{
    toy objects[3] = {{0}};
    tr_buf *bufs[] = {counted(0, 1), counted(1, 1)};
    crate rest[] = {{.data = bufs[1], .play = &objects[1]}};
    shipment value = {
        .first = {.data = bufs[0], .play = &objects[0]}, .rest = {rest, 1}, .hidden = &objects[2]};
    tr_message *msg = delivered(message_with(&shipment_type, &value));
    tr_buf_unref(bufs[0]);
    tr_buf_unref(bufs[1]);
    shipment *copy = flat(&shipment_type, msg->value);
    tri_parts_blank(&shipment_type, copy);
    tri_parts_share(&shipment_type, copy);
    destroy(msg);
    for (int i = 0; i < 3; i++) {
        cr_assert(eq(int, objects[i].dropped, 1));
    }
    cr_assert(copy->first.data == bufs[0] && copy->rest.items[0].data == bufs[1]);
    cr_assert(ended[0] == 0 && ended[1] == 0);
    cr_assert(copy->first.play == NULL && copy->rest.items[0].play == NULL && copy->hidden == NULL);
    tri_parts_release(&shipment_type, copy, false);
    cr_assert(ended[0] == 1 && ended[1] == 1);
    cr_assert(copy->first.data == NULL && copy->rest.items[0].data == NULL);
    free(copy);
}

Test(parts, random_values_are_balanced, .timeout = 30)
{
    maker m = {.state = 7341};
    for (int i = 0; i < 500; i++) {
        shipment value = {0};
        maker_message(&m, &shipment_type, &value);
        tr_message *msg = message_with(&shipment_type, &value);
        uint64_t bytes = tri_parts_bytes(&shipment_type, &value);
        maker_fini(&m); // only the message is left, with what is in it
        cr_assert(eq(u64, tri_parts_bytes(&shipment_type, msg->value), bytes));
        destroy(msg);
    }
}
