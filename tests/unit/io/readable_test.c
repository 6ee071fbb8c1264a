// readable_test.c: a connection among the things that an actor waits for.
#include "scene.h"

TestSuite(readable, .timeout = 60);

// A connection and a broadcast; the connection is branch 0.
typedef struct choice {
    io_t io;
    tr_broadcast_tx *tx; // of the test's thread
    tr_broadcast_rx *rx; // the actor's
    tr_duration_t timeout;
    bool is_biased;
    size_t which;
    uint64_t bytes, messages; // of a loop
} choice;

static scene s;

static tr_err_t
subscribe(tr_self *self, void *arg)
{
    choice *c = arg;
    c->io.err = tr_broadcast_subscribe(self, c->tx, &c->rx);
    return TR_OK;
}

static tr_err_t
choose(tr_self *self, void *arg)
{
    choice *c = arg;
    tr_branch_t branches[] = {tr_when_readable(s.tcp), tr_when_broadcast(c->rx)};
    c->io.err = NOT_BACK;
    c->io.err = c->is_biased ? tr_select_biased(self, branches, 2, c->timeout, &c->which)
                             : tr_select(self, branches, 2, c->timeout, &c->which);
    return TR_OK;
}

static int
begin(choice *c)
{
    *c = (choice){.timeout = TR_FOREVER, .which = 99};
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    assert_ok(tr_runtime_broadcast_create(s.rt, NULL, &c->tx, NULL));
    assert_ok(scene_do(&s, subscribe, &c->io));
    return peer;
}

static void
end(choice *c)
{
    tr_broadcast_tx_close(c->tx);
    scene_end(&s);
}

static tr_err_t
send_number(choice *c)
{
    return tr_broadcast_send(TR_OUTSIDE, c->tx, TR_MSG(number, .value = 1), NULL);
}

// What is there to read, without waiting.
static tr_err_t
read_now(char *buffer, size_t size, size_t *out)
{
    io_t io = {.buffer = buffer, .size = size, .timeout = tr_ms(0)};
    tr_err_t err = scene_do(&s, do_read, &io);
    *out = io.done;
    return err;
}

Test(readable, with_nothing_there_times_out)
{
    choice c;
    int peer = begin(&c);
    c.timeout = tr_ms(0);
    assert_err(scene_do(&s, choose, &c.io), TR_ETIMEOUT);
    c.timeout = tr_ms(5);
    assert_err(scene_do(&s, choose, &c.io), TR_ETIMEOUT);
    cr_assert(eq(sz, c.which, 99));
    close(peer);
    end(&c);
}

Test(readable, wakes_for_bytes_that_are_then_read_whole)
{
    char buffer[16];
    size_t size;
    choice c;
    int peer = begin(&c);
    scene_prompt(&s, choose, &c.io);
    peer_send(peer, "hello", 5);
    assert_ok(scene_await(&c.io));
    cr_assert(eq(sz, c.which, 0));
    assert_ok(read_now(buffer, sizeof buffer, &size));
    cr_assert(size == 5 && memcmp(buffer, "hello", 5) == 0);
    close(peer);
    end(&c);
}

Test(readable, stays_ready_until_all_was_read)
{
    char buffer[2];
    size_t size;
    choice c;
    int peer = begin(&c);
    peer_send(peer, "abcd", 4);
    for (int i = 0; i < 2; i++) {
        assert_ok(scene_do(&s, choose, &c.io));
        cr_assert(eq(sz, c.which, 0));
        assert_ok(read_now(buffer, sizeof buffer, &size));
        cr_assert(size == 2 && memcmp(buffer, &"abcd"[2 * i], 2) == 0);
    }
    c.timeout = tr_ms(0);
    assert_err(scene_do(&s, choose, &c.io), TR_ETIMEOUT);
    close(peer);
    end(&c);
}

Test(readable, wakes_for_the_end_of_the_stream_and_stays_ready)
{
    char buffer[2];
    size_t size;
    choice c;
    int peer = begin(&c);
    scene_prompt(&s, choose, &c.io);
    close(peer);
    assert_ok(scene_await(&c.io));
    cr_assert(eq(sz, c.which, 0));
    tr_err_t first = read_now(buffer, sizeof buffer, &size);
    cr_assert(first != TR_OK && first != TR_ETIMEOUT, "%s", tr_errname(first));
    assert_ok(scene_do(&s, choose, &c.io));
    cr_assert(eq(sz, c.which, 0));
    assert_err(read_now(buffer, sizeof buffer, &size), first);
    end(&c);
}

Test(readable, wakes_for_a_reset)
{
    char buffer[2];
    size_t size;
    choice c;
    int peer = begin(&c);
    scene_prompt(&s, choose, &c.io);
    peer_reset(peer);
    assert_ok(scene_await(&c.io));
    cr_assert(eq(sz, c.which, 0));
    tr_err_t err = read_now(buffer, sizeof buffer, &size);
    cr_assert(err != TR_OK && err != TR_ETIMEOUT, "%s", tr_errname(err));
    end(&c);
}

Test(readable, that_loses_to_a_message_loses_no_bytes)
{
    char buffer[16];
    choice c;
    int peer = begin(&c);
    scene_prompt(&s, choose, &c.io);
    assert_ok(send_number(&c));
    assert_ok(scene_await(&c.io));
    cr_assert(eq(sz, c.which, 1));
    peer_send(peer, "later", 5);
    io_t io = {.buffer = buffer, .size = sizeof buffer, .timeout = tr_seconds(20)};
    assert_ok(scene_do(&s, do_read, &io)); // not in a select
    cr_assert(io.done == 5 && memcmp(buffer, "later", 5) == 0);
    c.timeout = tr_ms(0);
    assert_ok(scene_do(&s, choose, &c.io)); // the message is still there
    cr_assert(eq(sz, c.which, 1));
    close(peer);
    end(&c);
}

Test(readable, is_chosen_first_where_it_stands_first)
{
    choice c;
    int peer = begin(&c);
    c.is_biased = true;
    peer_send(peer, "x", 1);
    assert_ok(scene_do(&s, choose, &c.io)); // it is there now
    assert_ok(send_number(&c));
    for (int i = 0; i < 10; i++) {
        assert_ok(scene_do(&s, choose, &c.io));
        cr_assert(eq(sz, c.which, 0));
    }
    close(peer);
    end(&c);
}

Test(readable, wait_ends_with_the_actor)
{
    for (int is_kill = 0; is_kill < 2; is_kill++) {
        choice c;
        int peer = begin(&c);
        scene_prompt(&s, choose, &c.io);
        if (is_kill) {
            tr_runtime_kill(s.rt);
        } else {
            tr_runtime_stop(s.rt);
            assert_err(scene_await(&c.io), TR_ECANCELED);
        }
        close(peer);
        end(&c);
    }
}

// Bytes and messages come at once, until either ends: none of them gets lost.
#define BYTES    ((size_t)1 * MIB)
#define MESSAGES 20000

static tr_err_t
take_bytes(tr_self *self, choice *c)
{
    char buffer[8000];
    size_t size;
    tr_err_t err = tr_tcp_read(self, s.tcp, buffer, sizeof buffer, tr_ms(0), &size);
    if (err == TR_OK) {
        err = pattern_is(buffer, c->bytes, size) ? TR_OK : TR_EFAULT;
        c->bytes += size;
    }
    return err;
}

static tr_err_t
take_message(tr_self *self, choice *c)
{
    const tr_message *msg;
    tr_err_t err = tr_broadcast_recv(self, c->rx, &msg, tr_ms(0));
    if (err == TR_OK) {
        c->messages++;
        tr_release(self, msg);
    } else if (err == TR_ELAGGED) {
        c->messages += tr_broadcast_missed(c->rx);
        err = TR_OK;
    }
    return err;
}

static tr_err_t
take_both(tr_self *self, void *arg)
{
    choice *c = arg;
    tr_branch_t branches[] = {tr_when_readable(s.tcp), tr_when_broadcast(c->rx)};
    c->io.err = NOT_BACK;
    tr_err_t err = TR_OK;
    while (err == TR_OK && (c->bytes < BYTES || c->messages < MESSAGES)) {
        err = tr_select(self, branches, 2, tr_seconds(20), &c->which);
        if (err == TR_OK) {
            err = c->which == 0 ? take_bytes(self, c) : take_message(self, c);
        }
    }
    c->io.err = err;
    return TR_OK;
}

static void *
send_bytes(void *arg)
{
    size_t at = 0;
    while (at < BYTES) {
        size_t size = BYTES - at < PERIOD ? BYTES - at : 1 + at % 9000;
        ssize_t sent = send(*(int *)arg, pattern + at % PERIOD, size, MSG_NOSIGNAL);
        if (sent < 0) {
            break;
        }
        at += (size_t)sent;
    }
    return NULL;
}

Test(readable, stream_and_broadcast_at_once_come_whole)
{
    choice c;
    pthread_t thread;
    pattern_init();
    int peer = begin(&c);
    scene_prompt(&s, take_both, &c.io);
    pthread_create(&thread, NULL, send_bytes, &peer);
    for (int i = 0; i < MESSAGES; i++) {
        assert_ok(send_number(&c));
    }
    assert_ok(scene_await(&c.io));
    pthread_join(thread, NULL);
    cr_assert(c.bytes == BYTES && c.messages == MESSAGES);
    close(peer);
    end(&c);
}
