#include "scene.h"

TestSuite(connect, .timeout = 60);

Test(connect, refused_says_so)
{
    uint16_t port;
    int closed = peer_listen(-1, &port); // bound, so that nobody else listens there
    scene s;
    scene_begin(&s, 1);
    assert_err(scene_do(&s, do_connect, &(io_t){.port = port, .timeout = TR_FOREVER}), TR_EREFUSED);
    cr_assert(s.tcp == NULL);
    close(closed);
    s.descriptors--;
    scene_end(&s);
}

typedef struct host_t {
    const char *host;
    tr_err_t err;
    tr_tcp *tcp;
} host_t;

static tr_err_t
do_connect_to(tr_self *self, void *arg)
{
    host_t *h = arg;
    h->err = tr_tcp_connect(self, h->host, 9, tr_seconds(1), &h->tcp);
    return TR_OK;
}

Test(connect, refuses_a_host_that_is_not_a_numeric_address)
{
    static const char *const bad[] = {NULL, "", "localhost", "1.2.3", "1.2.3.4.5", "::g"};
    scene s;
    scene_begin(&s, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        host_t h = {.host = bad[i]};
        assert_ok(troupe_act(s.rt, s.actor, do_connect_to, &h));
        cr_expect(h.err == TR_EADDR, "%s: %s", bad[i], tr_errname(h.err));
        cr_expect(h.tcp == NULL);
    }
    scene_end(&s);
}

Test(connect, then_both_ends_talk)
{
    uint16_t port;
    int listener = peer_listen(8, &port);
    scene s;
    scene_begin(&s, 1);
    assert_ok(scene_do(&s, do_connect, &(io_t){.port = port, .timeout = TR_FOREVER}));
    int peer = accept(listener, NULL, NULL);
    char got[8] = "";
    peer_send(peer, "question", 8);
    io_t read = {.buffer = got, .size = sizeof got, .timeout = TR_FOREVER};
    assert_ok(scene_do(&s, do_read, &read));
    cr_assert(memcmp(got, "question", read.done) == 0);
    assert_ok(scene_do(&s, do_write, &(io_t){.data = "answer", .size = 6, .timeout = TR_FOREVER}));
    peer_recv(peer, got, 6);
    cr_assert(memcmp(got, "answer", 6) == 0);
    close(peer);
    close(listener);
    s.descriptors--;
    scene_end(&s);
}

// A listener whose backlog is full, so that a connection to it neither succeeds nor fails.
typedef struct wall_t {
    uint16_t port;
    int fds[5];
} wall_t;

static void
wall_build(wall_t *wall)
{
    wall->fds[0] = peer_listen(0, &wall->port);
    struct sockaddr_in to = loopback(wall->port);
    for (size_t i = 1; i < sizeof wall->fds / sizeof *wall->fds; i++) {
        wall->fds[i] = peer_socket();
        fcntl(wall->fds[i], F_SETFL, O_NONBLOCK);
        (void)connect(wall->fds[i], (struct sockaddr *)&to, sizeof to);
    }
}

static void
wall_fall(wall_t *wall)
{
    for (size_t i = 0; i < sizeof wall->fds / sizeof *wall->fds; i++) {
        close(wall->fds[i]);
    }
}

Test(connect, gives_up_at_its_deadline)
{
    wall_t wall;
    scene s;
    scene_begin(&s, 1);
    wall_build(&wall);
    io_t io = {.port = wall.port, .timeout = tr_ms(30)};
    assert_err(scene_do(&s, do_connect, &io), TR_ETIMEOUT);
    cr_assert(s.tcp == NULL);
    // The actor is as good as before.
    close(scene_meet(&s));
    wall_fall(&wall);
    scene_end(&s);
}

Test(connect, with_no_time_at_all_gives_up_at_once)
{
    scene s;
    scene_begin(&s, 1);
    assert_err(scene_do(&s, do_connect, &(io_t){.port = s.port, .timeout = tr_ms(0)}), TR_ETIMEOUT);
    cr_assert(s.tcp == NULL);
    scene_end(&s);
}

Test(connect, that_is_under_way_ends_with_a_stop)
{
    wall_t wall;
    scene s;
    scene_begin(&s, 1);
    wall_build(&wall);
    io_t io = {.port = wall.port, .timeout = TR_FOREVER};
    scene_prompt(&s, do_connect, &io);
    tr_runtime_stop(s.rt);
    assert_ok(tr_runtime_wait(s.rt, tr_seconds(TROUPE_PATIENCE_S)));
    assert_err(io.err, TR_ECANCELED);
    wall_fall(&wall);
    scene_end(&s);
}

Test(connect, without_descriptors_says_that_a_limit_is_reached)
{
    struct rlimit limit;
    int hoard[256];
    size_t count = 0;
    scene s;
    scene_begin(&s, 1);
    close(scene_meet(&s)); // the loop keeps a descriptor of its own from its first stream on
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 200;
    setrlimit(RLIMIT_NOFILE, &limit);
    while (count < 256 && (hoard[count] = dup(2)) >= 0) {
        count++;
    }
    tr_err_t err = scene_do(&s, do_connect, &(io_t){.port = s.port, .timeout = TR_FOREVER});
    while (count > 0) {
        close(hoard[--count]);
    }
    assert_err(err, TR_ELIMIT);
    scene_end(&s);
}

Test(connect, a_thousand_times_and_close_keeps_no_descriptor)
{
    uint16_t port;
    int listener = peer_listen(8, &port);
    scene s;
    scene_begin(&s, 1);
    for (int i = 0; i < 1000; i++) {
        assert_ok(scene_do(&s, do_connect, &(io_t){.port = port, .timeout = TR_FOREVER}));
        close(accept(listener, NULL, NULL));
        (void)scene_do(&s, do_close, &(io_t){.err = TR_OK});
    }
    close(listener);
    s.descriptors--;
    scene_end(&s);
}
