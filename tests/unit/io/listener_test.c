#include "scene.h"

TestSuite(listener, .timeout = 60);

// ---- listening

typedef struct place_t {
    const char *host;
    uint16_t port;
    const tr_tcp_listen_opts_t *opts;
    tr_tcp_listener *listener;
    tr_err_t err;
} place_t;

static tr_err_t
do_listen_at(tr_self *self, void *arg)
{
    place_t *p = arg;
    p->err = tr_tcp_listen(self, p->host, p->port, p->opts, &p->listener);
    return TR_OK;
}

static tr_err_t
listen_at(scene *s, place_t *place)
{
    assert_ok(troupe_act(s->rt, s->actor, do_listen_at, place));
    return place->err;
}

Test(listener, refuses_a_host_that_is_not_a_numeric_address)
{
    static const char *const bad[] = {"localhost",    "",      "127.0.0",        "256.0.0.1",
                                      "127.0.0.1 ",   ":::1",  "example.org",    "1.2.3.4:80",
                                      "::ffff:1.2.3", "[::1]", "fe80::1%nobody0"};
    scene s;
    scene_begin(&s, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        place_t place = {.host = bad[i]};
        tr_err_t err = listen_at(&s, &place);
        cr_expect(err == TR_EADDR, "%s: %s", bad[i], tr_errname(err));
        cr_expect(place.listener == NULL);
    }
    assert_err(listen_at(&s, &(place_t){.host = NULL}), TR_EADDR);
    scene_end(&s);
}

Test(listener, refuses_an_address_of_another_machine)
{
    scene s;
    scene_begin(&s, 1);
    assert_err(listen_at(&s, &(place_t){.host = "192.0.2.1"}), TR_EADDR);
    scene_end(&s);
}

Test(listener, refuses_a_port_that_is_in_use)
{
    scene s;
    scene_begin(&s, 1);
    assert_err(listen_at(&s, &(place_t){.host = "127.0.0.1", .port = s.port}), TR_EADDRINUSE);
    scene_end(&s);
}

Test(listener, shares_a_port_with_another_that_agrees)
{
    tr_tcp_listen_opts_t shared = {.reuse_port = true};
    scene s;
    scene_begin(&s, 1);
    place_t first = {.host = "127.0.0.1", .opts = &shared};
    assert_ok(listen_at(&s, &first));
    uint16_t port = tr_tcp_listener_port(first.listener);
    assert_ok(listen_at(&s, &(place_t){.host = "127.0.0.1", .port = port, .opts = &shared}));
    assert_err(listen_at(&s, &(place_t){.host = "127.0.0.1", .port = port}), TR_EADDRINUSE);
    scene_end(&s);
}

Test(listener, on_port_zero_says_which_one_it_got)
{
    scene s;
    scene_begin(&s, 1);
    cr_assert(s.port != 0);
    close(peer_connect(s.port));
    scene_end(&s);
}

Test(listener, on_an_ipv6_address_keeps_ipv4_out_on_request)
{
    tr_tcp_listen_opts_t only = {.ipv6_only = true};
    scene s;
    scene_begin(&s, 1);
    place_t place = {.host = "::", .opts = &only};
    tr_err_t err = listen_at(&s, &place);
    if (err == TR_EADDR) {
        scene_end(&s);
        cr_skip("no IPv6 here");
    }
    assert_ok(err);
    struct sockaddr_in to = loopback(tr_tcp_listener_port(place.listener));
    int fd = peer_socket();
    cr_assert(connect(fd, (struct sockaddr *)&to, sizeof to) != 0);
    cr_assert(eq(int, errno, ECONNREFUSED));
    close(fd);
    scene_end(&s);
}

// Take what descriptors are left, and give them back.
static int hoard[4096];
static size_t hoarded;

static void
take_descriptors(size_t leave)
{
    int fd;
    while (hoarded < sizeof hoard / sizeof *hoard && (fd = dup(2)) >= 0) {
        hoard[hoarded++] = fd;
    }
    while (leave-- > 0) {
        close(hoard[--hoarded]);
    }
}

static void
give_descriptors(void)
{
    while (hoarded > 0) {
        close(hoard[--hoarded]);
    }
}

static void
limit_descriptors(rlim_t count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = count < limit.rlim_max ? count : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

Test(listener, without_descriptors_says_that_a_limit_is_reached)
{
    scene s;
    limit_descriptors(256);
    scene_begin(&s, 1);
    take_descriptors(0);
    tr_err_t err = listen_at(&s, &(place_t){.host = "127.0.0.1"});
    give_descriptors();
    assert_err(err, TR_ELIMIT);
    scene_end(&s);
}

Test(listener, without_descriptors_leaves_who_comes_in_the_backlog)
{
    scene s;
    limit_descriptors(256);
    scene_begin(&s, 1);
    int peer = peer_connect(s.port);
    take_descriptors(0);
    io_t io = {.timeout = TR_FOREVER, .socket = {-1}};
    tr_err_t err = scene_do(&s, do_accept, &io);
    give_descriptors();
    assert_err(err, TR_ELIMIT);
    cr_assert(eq(int, io.socket.fd, -1));
    assert_ok(scene_do(&s, do_accept, &io));
    assert_ok(scene_do(&s, do_adopt, &io));
    peer_send(peer, "hello", 5);
    char got[8];
    io_t read = {.buffer = got, .size = sizeof got, .timeout = TR_FOREVER};
    assert_ok(scene_do(&s, do_read, &read));
    cr_assert(eq(sz, read.done, 5));
    close(peer);
    scene_end(&s);
}

// ---- accepting

Test(listener, accept_gives_up_at_its_deadline_and_takes_who_comes_later)
{
    scene s;
    scene_begin(&s, 1);
    io_t io = {.timeout = tr_ms(20), .socket = {-1}};
    int64_t before = troupe_now_ns();
    assert_err(scene_do(&s, do_accept, &io), TR_ETIMEOUT);
    cr_expect(troupe_now_ns() - before >= 20000000);
    cr_expect(eq(int, io.socket.fd, -1));
    close(scene_meet(&s));
    scene_end(&s);
}

Test(listener, accept_wakes_when_someone_comes)
{
    scene s;
    scene_begin(&s, 1);
    io_t io = {.timeout = TR_FOREVER};
    scene_prompt(&s, do_accept, &io);
    int peer = peer_connect(s.port);
    assert_ok(scene_await(&io));
    assert_ok(scene_do(&s, do_adopt, &io));
    close(peer);
    scene_end(&s);
}

Test(listener, accept_takes_all_who_came_meanwhile_in_order)
{
    enum { PEERS = 100 };
    int peers[PEERS];
    scene s;
    scene_begin(&s, 1);
    for (int i = 0; i < PEERS; i++) {
        peers[i] = peer_connect(s.port);
        peer_send(peers[i], &(char){(char)i}, 1);
    }
    for (int i = 0; i < PEERS; i++) {
        char got = -1;
        io_t io = {.timeout = TR_FOREVER};
        assert_ok(scene_do(&s, do_accept, &io));
        assert_ok(scene_do(&s, do_adopt, &io));
        io_t read = {.buffer = &got, .size = 1, .timeout = TR_FOREVER};
        assert_ok(scene_do(&s, do_read, &read));
        cr_assert(eq(int, got, i));
        (void)scene_do(&s, do_close, &io);
        close(peers[i]);
    }
    scene_end(&s);
}

Test(listener, accept_is_not_disturbed_by_a_peer_that_gave_up)
{
    scene s;
    scene_begin(&s, 1);
    peer_reset(peer_connect(s.port));
    int peer = peer_connect(s.port);
    peer_send(peer, "x", 1);
    for (;;) {
        // Linux hands out the one that was reset as well.
        char got;
        io_t io = {.timeout = TR_FOREVER};
        assert_ok(scene_do(&s, do_accept, &io));
        assert_ok(scene_do(&s, do_adopt, &io));
        io_t read = {.buffer = &got, .size = 1, .timeout = TR_FOREVER};
        tr_err_t err = scene_do(&s, do_read, &read);
        (void)scene_do(&s, do_close, &io);
        if (err == TR_OK) {
            break;
        }
        assert_err(err, TR_ERESET);
    }
    close(peer);
    scene_end(&s);
}

// ---- who may use it, and its end

static tr_err_t
accept_for(tr_self *self, void *arg)
{
    io_t *io = arg;
    io->err = tr_tcp_accept(self, io->scene->listener, tr_ms(0), &io->socket);
    return TR_OK;
}

Test(listener, is_used_by_its_owner_only)
{
    scene s;
    scene_begin(&s, 1);
    tr_ref_t other = troupe_puppet(s.rt, NULL);
    io_t io = {.scene = &s};
    assert_ok(troupe_act(s.rt, other, accept_for, &io));
    assert_err(io.err, TR_EINVAL);
    scene_end(&s);
}

Test(listener, once_closed_refuses_who_comes_and_frees_the_port)
{
    scene s;
    scene_begin(&s, 1);
    io_t io = {.port = s.port};
    (void)scene_do(&s, do_close_listener, &io);
    struct sockaddr_in to = loopback(s.port);
    int fd = peer_socket();
    cr_assert(connect(fd, (struct sockaddr *)&to, sizeof to) != 0);
    cr_assert(eq(int, errno, ECONNREFUSED));
    close(fd);
    assert_ok(scene_do(&s, do_listen, &io));
    cr_assert(eq(int, s.port, io.port));
    close(scene_meet(&s));
    scene_end(&s);
}

static tr_err_t
do_reopen(tr_self *self, void *arg)
{
    io_t *io = arg;
    for (int i = 0; i < 100 && io->err == TR_OK; i++) {
        tr_tcp_listener_close(self, io->scene->listener);
        io->scene->listener = NULL;
        io->err = tr_tcp_listen(self, "127.0.0.1", io->scene->port, NULL, &io->scene->listener);
    }
    return TR_OK;
}

Test(listener, can_be_closed_and_opened_again_on_its_port_in_one_breath)
{
    scene s;
    scene_begin(&s, 1);
    assert_ok(scene_do(&s, do_reopen, &(io_t){.err = TR_OK}));
    close(scene_meet(&s));
    scene_end(&s);
}

static tr_err_t
do_fail(tr_self *self, void *arg)
{
    (void)arg;
    tr_fail(self, TR_EFAULT, "on purpose");
}

Test(listener, closes_with_the_life_that_opened_it)
{
    scene s;
    scene_begin(&s, 2);
    uint16_t port = s.port;
    assert_err(troupe_act(s.rt, s.actor, do_fail, NULL), TR_ECRASHED);
    TROUPE_EVENTUALLY(troupe_is_gone(s.rt, s.actor));
    s.actor = troupe_puppet(s.rt, NULL);
    assert_ok(scene_do(&s, do_listen, &(io_t){.port = port}));
    close(scene_meet(&s));
    scene_end(&s);
}

static tr_err_t
listen_and_fail(tr_self *self, void *arg)
{
    expect_ok(do_listen(self, arg));
    return TR_EFAULT;
}

Test(listener, of_a_failed_start_is_closed_too)
{
    scene s;
    scene other = {.rt = NULL};
    scene_begin(&s, 2);
    uint16_t port;
    close(peer_listen(-1, &port)); // one that is free
    io_t io = {.scene = &other, .port = port};
    part p = {.start = listen_and_fail, .arg = &io};
    tr_ref_t ref;
    assert_err(tr_runtime_spawn(s.rt, PUPPET(&p), &ref), TR_EFAULT);
    assert_ok(io.err);
    assert_ok(scene_do(&s, do_listen, &(io_t){.port = port}));
    scene_end(&s);
}

Test(listener, null_may_be_closed)
{
    scene s;
    scene_begin(&s, 1);
    (void)scene_do(&s, do_close_listener, &(io_t){.err = TR_OK});
    (void)scene_do(&s, do_close_listener, &(io_t){.err = TR_OK});
    tr_socket_close((tr_socket_t){-1});
    scene_end(&s);
}
