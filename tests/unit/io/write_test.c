#include "scene.h"

TestSuite(write, .timeout = 20);

Test(write, of_nothing_is_done_at_once)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    assert_ok(scene_do(&s, do_write, &(io_t){.data = NULL, .size = 0}));
    assert_err(scene_do(&s, do_write, &(io_t){.data = NULL, .size = 1}), TR_EINVAL);
    close(peer);
    scene_end(&s);
}

Test(write, in_one_byte_pieces_arrives_in_order)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    unsigned char sent[200], got[200];
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (unsigned char)i;
        assert_ok(
            scene_do(&s, do_write, &(io_t){.data = &sent[i], .size = 1, .timeout = TR_FOREVER}));
    }
    peer_recv(peer, got, sizeof got);
    cr_assert(memcmp(sent, got, sizeof got) == 0);
    close(peer);
    scene_end(&s);
}

// Read everything; true when it is the pattern.
static bool
peer_read_pattern(int peer, size_t size)
{
    static unsigned char chunk[64 * 1024];
    for (size_t at = 0; at < size;) {
        size_t piece = size - at < sizeof chunk ? size - at : sizeof chunk;
        ssize_t got = recv(peer, chunk, piece, 0);
        if (got <= 0 || !pattern_is(chunk, at, (size_t)got)) {
            return false;
        }
        at += (size_t)got;
    }
    return true;
}

Test(write, waits_for_a_slow_reader_and_all_arrives)
{
    const size_t size = 32 * MIB;
    scene s;
    pattern_init();
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    unsigned char *data = malloc(size);
    pattern_fill(data, 0, size);
    io_t io = {.data = data, .size = size, .timeout = TR_FOREVER};
    scene_prompt(&s, do_write, &io); // suspended: the worker is free
    tr_ref_t other = troupe_puppet(s.rt, NULL);
    assert_ok(troupe_act(s.rt, other, do_close, &(io_t){.scene = &(scene){0}}));
    cr_assert(peer_read_pattern(peer, size));
    assert_ok(scene_await(&io));
    free(data);
    close(peer);
    scene_end(&s);
}

Test(write, is_over_at_its_deadline_and_lets_go_of_the_buffer)
{
    const size_t size = 32 * MIB;
    scene s;
    pattern_init();
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    unsigned char *data = malloc(size);
    pattern_fill(data, 0, size);
    io_t io = {.data = data, .size = size, .timeout = tr_ms(30)};
    assert_err(scene_do(&s, do_write, &io), TR_ETIMEOUT);
    free(data);
    // Good only for closing.
    char got[4];
    io_t again = {.buffer = got, .data = got, .size = 4, .timeout = TR_FOREVER};
    assert_err(scene_do(&s, do_write, &again), TR_ERESET);
    assert_err(scene_do(&s, do_read, &again), TR_ERESET);
    assert_err(scene_do(&s, do_shutdown, &again), TR_ERESET);
    (void)scene_do(&s, do_close, &again);
    // The peer gets a beginning of it, and then an end.
    static unsigned char chunk[64 * 1024];
    size_t at = 0;
    for (ssize_t size_read; (size_read = recv(peer, chunk, sizeof chunk, 0)) > 0;) {
        cr_assert(pattern_is(chunk, at, (size_t)size_read));
        at += (size_t)size_read;
    }
    cr_assert(at < size);
    close(peer);
    scene_end(&s);
}

Test(write, with_no_time_at_all_is_done_when_there_is_room)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[4];
    assert_ok(scene_do(&s, do_write, &(io_t){.data = "word", .size = 4, .timeout = tr_ms(0)}));
    peer_recv(peer, got, 4);
    close(peer);
    scene_end(&s);
}

static tr_err_t
write_twice_and_close(tr_self *self, void *arg)
{
    io_t *io = arg;
    tr_err_t first = tr_tcp_write(self, io->scene->tcp, io->data, io->size, tr_ms(1));
    io->err = tr_tcp_write(self, io->scene->tcp, "x", 1, tr_ms(1));
    tr_tcp_close(self, io->scene->tcp);
    return first == TR_ETIMEOUT ? TR_OK : TR_EIO;
}

Test(write, that_failed_can_be_followed_by_a_close_in_the_same_handler)
{
    static unsigned char data[16 * 1024 * 1024];
    scene s;
    scene_begin(&s, 1);
    for (int i = 0; i < 20; i++) {
        int peer = scene_meet(&s);
        io_t io = {.data = data, .size = sizeof data};
        assert_err(scene_do(&s, write_twice_and_close, &io), TR_ERESET);
        close(peer);
    }
    scene_end(&s);
}

Test(write, that_waits_hears_when_the_peer_is_gone)
{
    static unsigned char data[32 * 1024 * 1024];
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    io_t io = {.data = data, .size = sizeof data, .timeout = TR_FOREVER};
    scene_prompt(&s, do_write, &io);
    peer_reset(peer);
    assert_err(scene_await(&io), TR_ERESET);
    char got[4];
    io_t read = {.buffer = got, .size = 4, .timeout = TR_FOREVER};
    assert_err(scene_do(&s, do_read, &read), TR_ERESET);
    scene_end(&s);
}

Test(write, that_waits_hears_when_a_peer_we_read_from_is_gone)
{
    static unsigned char data[32 * 1024 * 1024];
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    char got[4];
    io_t read = {.buffer = got, .size = 4, .timeout = tr_ms(1)};
    assert_err(scene_do(&s, do_read, &read), TR_ETIMEOUT); // reading goes on from here
    io_t io = {.data = data, .size = sizeof data, .timeout = TR_FOREVER};
    scene_prompt(&s, do_write, &io);
    peer_reset(peer);
    assert_err(scene_await(&io), TR_ERESET);
    scene_end(&s);
}

static tr_err_t
write_until_it_fails(tr_self *self, void *arg)
{
    io_t *io = arg;
    do {
        io->err = tr_tcp_write(self, io->scene->tcp, io->data, io->size, TR_FOREVER);
    } while (io->err == TR_OK);
    return TR_OK;
}

Test(write, to_a_peer_that_closed_fails_without_a_signal)
{
    scene s;
    scene_begin(&s, 1);
    close(scene_meet(&s));
    io_t io = {.scene = &s, .data = "x", .size = 1};
    assert_ok(troupe_act(s.rt, s.actor, write_until_it_fails, &io));
    assert_err(io.err, TR_ERESET);
    scene_end(&s);
}

// ---- a writer that never has to wait

typedef struct drain_t {
    int peer;
    _Atomic size_t total;
} drain_t;

static void *
drain(void *arg)
{
    drain_t *d = arg;
    static char scratch[256 * 1024];
    for (ssize_t got; (got = recv(d->peer, scratch, sizeof scratch, 0)) > 0;) {
        // relaxed: a count, and nothing hangs on it.
        atomic_fetch_add_explicit(&d->total, (size_t)got, memory_order_relaxed);
    }
    return NULL;
}

typedef struct torrent_t {
    scene s;
    drain_t drain;
    pthread_t thread;
    io_t io;
} torrent_t;

// An actor that writes one byte after the other, to a peer that is always faster.
static void
torrent_begin(torrent_t *t, uint32_t workers)
{
    scene_begin(&t->s, workers);
    t->drain = (drain_t){.peer = scene_meet(&t->s)};
    pthread_create(&t->thread, NULL, drain, &t->drain);
    t->io = (io_t){.scene = &t->s, .data = "x", .size = 1};
    assert_ok(troupe_prompt(t->s.rt, t->s.actor, write_until_it_fails, &t->io));
    // relaxed: as above.
    TROUPE_EVENTUALLY(atomic_load_explicit(&t->drain.total, memory_order_relaxed) > 1000);
}

static void
torrent_end(torrent_t *t)
{
    pthread_join(t->thread, NULL);
    close(t->drain.peer);
    scene_end(&t->s);
}

Test(write, without_end_lets_the_others_on_its_worker_run)
{
    torrent_t t;
    torrent_begin(&t, 1);
    tr_ref_t other = troupe_puppet(t.s.rt, NULL);
    io_t nothing = {.scene = &(scene){0}};
    assert_ok(troupe_act(t.s.rt, other, do_close, &nothing));
    tr_runtime_kill(t.s.rt);
    torrent_end(&t);
}

Test(write, without_end_ends_with_a_stop)
{
    torrent_t t;
    torrent_begin(&t, 2);
    tr_runtime_stop(t.s.rt);
    assert_ok(tr_runtime_wait(t.s.rt, tr_seconds(2)));
    assert_err(t.io.err, TR_ECANCELED);
    torrent_end(&t);
}

Test(write, without_end_ends_with_a_kill)
{
    torrent_t t;
    torrent_begin(&t, 2);
    tr_runtime_kill(t.s.rt);
    assert_ok(tr_runtime_wait(t.s.rt, tr_seconds(2)));
    assert_ok(t.io.err); // it never came back from there
    torrent_end(&t);
}
