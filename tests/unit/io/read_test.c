#include "scene.h"

TestSuite(read, .timeout = 20);

static tr_err_t
read_some(scene *s, io_t *io)
{
    io->done = 0;
    return scene_do(s, do_read, io);
}

Test(read, gives_up_at_its_deadline_and_loses_nothing)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[16];
    io_t io = {.buffer = got, .size = sizeof got, .timeout = tr_ms(5)};
    for (int i = 0; i < 20; i++) {
        io.timeout = tr_ms(1);
        assert_err(read_some(&s, &io), TR_ETIMEOUT);
        peer_send(peer, &(char){(char)i}, 1); // comes while nobody reads
        io.timeout = TR_FOREVER;
        assert_ok(read_some(&s, &io));
        cr_assert(eq(sz, io.done, 1));
        cr_assert(eq(int, got[0], i));
    }
    close(peer);
    scene_end(&s);
}

// Each read and each byte race: whatever the deadline makes of the reads, every byte comes once.
Test(read, with_deadlines_as_short_as_the_pauses_loses_nothing)
{
    enum { BYTES = 400 };
    scene s;
    scene_begin(&s, 2);
    int peer = scene_meet(&s);
    unsigned char got[4];
    size_t total = 0;
    io_t io = {.buffer = got, .size = sizeof got, .timeout = tr_ms(1)};
    for (size_t sent = 0; total < BYTES;) {
        if (sent < BYTES) {
            peer_send(peer, &(unsigned char){(unsigned char)sent++}, 1);
        }
        tr_err_t err = read_some(&s, &io);
        cr_assert(err == TR_OK || err == TR_ETIMEOUT, "%s", tr_errname(err));
        for (size_t i = 0; i < io.done; i++) {
            cr_assert(eq(int, got[i], (unsigned char)total));
            total++;
        }
    }
    close(peer);
    scene_end(&s);
}

Test(read, with_no_time_gives_what_is_there)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[4];
    io_t io = {.buffer = got, .size = 1, .timeout = TR_FOREVER};
    peer_send(peer, "abcd", 4);
    assert_ok(read_some(&s, &io));
    // The rest comes to the stash while the actor is between two handlers.
    io.size = sizeof got;
    io.timeout = tr_ms(0);
    TROUPE_EVENTUALLY(read_some(&s, &io) == TR_OK);
    cr_assert(eq(sz, io.done, 3));
    cr_assert(memcmp(got, "bcd", 3) == 0);
    assert_err(read_some(&s, &io), TR_ETIMEOUT);
    close(peer);
    scene_end(&s);
}

static tr_err_t
poll_until_read(tr_self *self, void *arg)
{
    io_t *io = arg;
    do {
        io->err = tr_tcp_read(self, io->scene->tcp, io->buffer, io->size, io->timeout, &io->done);
    } while (io->err == TR_ETIMEOUT);
    return TR_OK;
}

Test(read, in_a_loop_of_looks_finds_what_comes)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[4];
    io_t io = {.scene = &s, .buffer = got, .size = sizeof got, .timeout = tr_ms(0)};
    assert_ok(troupe_prompt(s.rt, s.actor, poll_until_read, &io));
    peer_send(peer, "x", 1);
    assert_ok(scene_do(&s, do_shutdown, &(io_t){.err = TR_OK})); // that is: it has come back
    assert_ok(io.err);
    close(peer);
    scene_end(&s);
}

Test(read, refuses_no_buffer_no_room_and_strangers)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[4];
    assert_err(read_some(&s, &(io_t){.buffer = NULL, .size = 4}), TR_EINVAL);
    assert_err(read_some(&s, &(io_t){.buffer = got, .size = 0}), TR_EINVAL);
    tr_ref_t stranger = troupe_puppet(s.rt, NULL);
    io_t io = {.scene = &s, .buffer = got, .size = 4};
    assert_ok(troupe_act(s.rt, stranger, do_read, &io));
    assert_err(io.err, TR_EINVAL);
    assert_ok(troupe_act(s.rt, stranger, do_write, &io));
    assert_err(io.err, TR_EINVAL);
    assert_ok(troupe_act(s.rt, stranger, do_shutdown, &io));
    assert_err(io.err, TR_EINVAL);
    close(peer);
    scene_end(&s);
}

Test(read, says_the_end_after_the_last_byte_and_again)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[2];
    io_t io = {.buffer = got, .size = sizeof got, .timeout = TR_FOREVER};
    peer_send(peer, "abc", 3);
    close(peer);
    size_t total = 0;
    while (total < 3) {
        assert_ok(read_some(&s, &io));
        total += io.done;
    }
    assert_err(read_some(&s, &io), TR_EEOF);
    assert_err(read_some(&s, &io), TR_EEOF);
    scene_end(&s);
}

Test(read, wakes_at_the_end)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[2];
    io_t io = {.buffer = got, .size = sizeof got, .timeout = TR_FOREVER};
    scene_prompt(&s, do_read, &io);
    shutdown(peer, SHUT_WR);
    assert_err(scene_await(&io), TR_EEOF);
    close(peer);
    scene_end(&s);
}

Test(read, says_a_reset_and_again)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[2];
    io_t io = {.buffer = got, .size = sizeof got, .timeout = TR_FOREVER};
    scene_prompt(&s, do_read, &io);
    peer_reset(peer);
    assert_err(scene_await(&io), TR_ERESET);
    assert_err(read_some(&s, &io), TR_ERESET);
    scene_end(&s);
}

// A connection that is dead without a word from the other side: TR_ETIMEOUT would say "try again".
Test(read, calls_a_connection_that_the_system_gave_up_a_reset)
{
    scene s;
    scene_begin(&s, 1);
    int small = 4096;
    int peer = peer_socket();
    setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct sockaddr_in to = loopback(s.port);
    cr_assert(connect(peer, (struct sockaddr *)&to, sizeof to) == 0);
    io_t io = {.timeout = TR_FOREVER};
    assert_ok(scene_do(&s, do_accept, &io));
    // The peer never reads; what it does not take in so long ends the connection.
    unsigned patience_ms = 50;
    setsockopt(io.socket.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
    static char block[256 * 1024];
    cr_assert(send(io.socket.fd, block, sizeof block, MSG_DONTWAIT) > 0);
    assert_ok(scene_do(&s, do_adopt, &io));
    char got[2];
    io_t read = {.buffer = got, .size = sizeof got, .timeout = tr_seconds(20)};
    assert_err(read_some(&s, &read), TR_ERESET);
    close(peer);
    scene_end(&s);
}

Test(read, gives_one_byte_at_a_time_as_it_comes)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    for (int i = 0; i < 300; i++) {
        unsigned char got = 0;
        unsigned char sent = (unsigned char)i;
        io_t io = {.buffer = &got, .size = 1, .timeout = TR_FOREVER};
        peer_send(peer, &sent, 1);
        assert_ok(read_some(&s, &io));
        cr_assert(eq(int, got, sent));
    }
    close(peer);
    scene_end(&s);
}

// ---- a peer that says more than we read

typedef struct sink_t {
    scene *scene;
    size_t chunk;
    size_t total;
    bool is_intact;
    tr_err_t end;
    cue over;
} sink_t;

static tr_err_t
read_to_the_end(tr_self *self, void *arg)
{
    sink_t *k = arg;
    unsigned char *chunk = tr_alloc(self, k->chunk);
    k->is_intact = true;
    for (;;) {
        size_t size = 0;
        k->end = tr_tcp_read(self, k->scene->tcp, chunk, k->chunk, TR_FOREVER, &size);
        if (k->end != TR_OK) {
            break;
        }
        k->is_intact = k->is_intact && pattern_is(chunk, k->total, size);
        k->total += size;
    }
    tr_free(self, chunk);
    cue_give(&k->over);
    return TR_OK;
}

// Send until nothing more is taken for a moment. The moment only decides how much is asked of the
// bound: nothing fails when it is too short.
static size_t
send_until_stuck(int peer, size_t at, size_t limit)
{
    fcntl(peer, F_SETFL, O_NONBLOCK);
    while (at < limit) {
        size_t piece = limit - at < PERIOD ? limit - at : PERIOD;
        ssize_t sent = send(peer, pattern + at % PERIOD, piece, MSG_NOSIGNAL);
        if (sent > 0) {
            at += (size_t)sent;
        } else if (poll(&(struct pollfd){.fd = peer, .events = POLLOUT}, 1, 50) == 0) {
            break;
        }
    }
    fcntl(peer, F_SETFL, 0);
    return at;
}

static void
send_all(int peer, size_t at, size_t limit)
{
    while (at < limit) {
        size_t piece = limit - at < PERIOD ? limit - at : PERIOD;
        ssize_t sent = send(peer, pattern + at % PERIOD, piece, MSG_NOSIGNAL);
        cr_assert(sent > 0, "send: %s", strerror(errno));
        at += (size_t)sent;
    }
}

static void
flood(size_t size, size_t chunk)
{
    scene s;
    pattern_init();
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    unsigned char first;
    io_t io = {.buffer = &first, .size = 1, .timeout = TR_FOREVER};
    send_all(peer, 0, 1);
    assert_ok(read_some(&s, &io)); // from here on the loop reads
    size_t before = resident_bytes();
    size_t sent = send_until_stuck(peer, 1, size);
    size_t after = resident_bytes();
    cr_expect(sent < size, "all of it was taken, and nobody reads");
    cr_expect(after < before + 4 * MIB, "%zu KiB resident before, %zu after", before / KIB,
              after / KIB);
    sink_t sink = {.scene = &s, .chunk = chunk, .total = 1};
    cue_init(&sink.over);
    assert_ok(troupe_prompt(s.rt, s.actor, read_to_the_end, &sink));
    send_all(peer, sent, size);
    close(peer);
    CUE_AWAIT(&sink.over);
    assert_err(sink.end, TR_EEOF);
    cr_assert(eq(sz, sink.total, size));
    cr_assert(sink.is_intact);
    scene_end(&s);
}

Test(read, bounds_what_a_peer_sends_while_nobody_reads_and_loses_nothing)
{
    flood(64 * MIB, 64 * KIB);
}

Test(read, in_crumbs_of_an_odd_size_is_intact)
{
    flood(12 * MIB, 1021);
}

Test(read, in_chunks_as_large_as_the_stash_is_intact)
{
    flood(24 * MIB, 16 * KIB);
}

// What is in the stash when the connection ends is still read.
Test(read, gives_what_came_before_a_reset_if_it_was_taken_in)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[8];
    io_t io = {.buffer = got, .size = 1, .timeout = TR_FOREVER};
    peer_send(peer, "a", 1);
    assert_ok(read_some(&s, &io));
    peer_send(peer, "bcd", 3);
    io.timeout = tr_ms(0);
    TROUPE_EVENTUALLY(read_some(&s, &io) == TR_OK); // one of them: the rest is in the stash
    cr_assert(eq(int, got[0], 'b'));
    peer_reset(peer);
    io.size = sizeof got;
    io.timeout = TR_FOREVER;
    assert_ok(read_some(&s, &io));
    cr_assert(eq(sz, io.done, 2));
    assert_err(read_some(&s, &io), TR_ERESET);
    scene_end(&s);
}

// ---- half-closed

Test(read, goes_on_after_a_shutdown_of_ours)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[8];
    assert_ok(scene_do(&s, do_shutdown, &(io_t){.err = TR_OK}));
    assert_ok(scene_do(&s, do_shutdown, &(io_t){.err = TR_OK}));
    cr_assert(eq(int, peer_read_end(peer), 0));
    peer_send(peer, "later", 5);
    io_t io = {.buffer = got, .size = sizeof got, .timeout = TR_FOREVER};
    assert_ok(read_some(&s, &io));
    cr_assert(eq(sz, io.done, 5));
    io_t write = {.data = got, .size = 5, .timeout = TR_FOREVER};
    assert_err(scene_do(&s, do_write, &write), TR_ERESET);
    close(peer);
    assert_err(read_some(&s, &io), TR_EEOF);
    scene_end(&s);
}

Test(read, end_does_not_end_our_writing)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[8];
    io_t io = {.buffer = got, .size = sizeof got, .timeout = TR_FOREVER};
    shutdown(peer, SHUT_WR);
    assert_err(read_some(&s, &io), TR_EEOF);
    io_t write = {.data = "still", .size = 5, .timeout = TR_FOREVER};
    assert_ok(scene_do(&s, do_write, &write));
    (void)scene_do(&s, do_close, &io);
    peer_recv(peer, got, 5);
    cr_assert(memcmp(got, "still", 5) == 0);
    cr_assert(eq(int, peer_read_end(peer), 0));
    close(peer);
    scene_end(&s);
}
