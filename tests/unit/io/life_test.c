// life_test.c: who owns a connection, and what becomes of it when its owner ends.
#include "scene.h"

TestSuite(connection, .timeout = 60);

// ---- adopting

Test(connection, is_not_made_of_what_is_no_stream_socket)
{
    int ends[2];
    scene s;
    scene_begin(&s, 1);
    cr_assert(pipe(ends) == 0);
    int closed = dup(2);
    close(closed);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    int null = open("/dev/null", O_RDWR);
    int bad[] = {-1, -7, closed, ends[0], datagram, null};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        io_t io = {.socket = {bad[i]}};
        tr_err_t err = scene_do(&s, do_adopt, &io);
        cr_expect(err == TR_EINVAL, "%zu: %s", i, tr_errname(err));
    }
    cr_assert(s.tcp == NULL);
    // They are still ours.
    cr_assert(close(ends[0]) == 0 && close(ends[1]) == 0 && close(datagram) == 0 &&
              close(null) == 0);
    scene_end(&s);
}

Test(connection, can_be_made_of_one_end_of_a_pair)
{
    int ends[2];
    char got[4];
    scene s;
    scene_begin(&s, 1);
    cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    assert_ok(scene_do(&s, do_adopt, &(io_t){.socket = {ends[0]}}));
    assert_ok(scene_do(&s, do_write, &(io_t){.data = "pair", .size = 4, .timeout = TR_FOREVER}));
    peer_recv(ends[1], got, 4);
    close(ends[1]);
    scene_end(&s);
}

static tr_err_t
do_take(tr_self *self, void *arg)
{
    io_t *io = arg;
    io->err = tr_tcp_take(self, &io->scene->tcp);
    return TR_OK;
}

Test(connection, is_not_taken_where_no_socket_was_given)
{
    scene s;
    scene_begin(&s, 1);
    assert_err(scene_do(&s, do_take, &(io_t){.err = TR_OK}), TR_ENOTFOUND);
    scene_end(&s);
}

static tr_err_t
do_close_twice(tr_self *self, void *arg)
{
    io_t *io = arg;
    tr_tcp_close(self, io->scene->tcp);
    tr_tcp_close(self, NULL);
    return TR_OK;
}

Test(connection, closed_in_the_handler_that_adopted_it_ends_for_the_peer)
{
    scene s;
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    (void)scene_do(&s, do_close_twice, &(io_t){.err = TR_OK});
    cr_assert(eq(int, peer_read_end(peer), 0));
    close(peer);
    scene_end(&s);
}

Test(connection, closed_still_sends_what_was_written)
{
    enum { SIZE = 100000 };
    static unsigned char data[SIZE], got[SIZE];
    scene s;
    pattern_init();
    pattern_fill(data, 0, SIZE);
    scene_begin(&s, 1);
    int peer = scene_meet(&s);
    assert_ok(scene_do(&s, do_write, &(io_t){.data = data, .size = SIZE, .timeout = TR_FOREVER}));
    (void)scene_do(&s, do_close, &(io_t){.err = TR_OK});
    peer_recv(peer, got, SIZE);
    cr_assert(pattern_is(got, 0, SIZE));
    cr_assert(eq(int, peer_read_end(peer), 0));
    close(peer);
    scene_end(&s);
}

// ---- given to a child on another worker

typedef struct stage_t {
    scene s;
    uint32_t worker; // of the child
    cue over;
    bool holds_back; // the child does not take it
    tr_err_t spawned;
} stage_t;

static tr_err_t
echo_start(tr_self *self, void *arg)
{
    stage_t *stage = arg;
    stage->worker = tr_self_worker(self);
    if (stage->holds_back) {
        return TR_EFAULT;
    }
    tr_tcp *again;
    expect_ok(tr_tcp_take(self, &stage->s.tcp));
    expect_err(tr_tcp_take(self, &again), TR_ENOTFOUND);
    return tr_send(self, tr_self_ref(self), TR_MSG(number));
}

// Echo until the end.
static tr_err_t
echo_receive(tr_self *self, void *arg, const tr_message *msg)
{
    stage_t *stage = arg;
    char chunk[512];
    size_t size;
    tr_err_t err;
    (void)msg;
    while ((err = tr_tcp_read(self, stage->s.tcp, chunk, sizeof chunk, TR_FOREVER, &size)) == 0) {
        expect_ok(tr_tcp_write(self, stage->s.tcp, chunk, size, TR_FOREVER));
    }
    tr_exit(self);
    return err == TR_EEOF ? TR_OK : err;
}

static void
echo_stop(tr_self *self, void *arg, tr_err_t reason)
{
    (void)self;
    (void)reason;
    cue_give(&((stage_t *)arg)->over);
}

static tr_err_t
accept_and_give(tr_self *self, void *arg)
{
    stage_t *stage = arg;
    tr_socket_t socket;
    tr_ref_t child;
    part p = {.start = echo_start, .receive = echo_receive, .stop = echo_stop, .arg = stage};
    expect_ok(tr_tcp_accept(self, stage->s.listener, TR_FOREVER, &socket));
    stage->spawned = tr_spawn(
        self, PUPPET_WITH(&p, .socket = &socket, .place = TR_PLACE_AT, .worker = 1), &child);
    return TR_OK;
}

Test(connection, given_to_a_child_is_served_on_its_worker)
{
    stage_t stage = {.worker = 99};
    char got[5];
    scene_begin(&stage.s, 2);
    cue_init(&stage.over);
    int peer = peer_connect(stage.s.port);
    assert_ok(troupe_act(stage.s.rt, stage.s.actor, accept_and_give, &stage));
    assert_ok(stage.spawned);
    cr_assert(eq(u32, stage.worker, 1));
    peer_send(peer, "hello", 5);
    peer_recv(peer, got, 5);
    cr_assert(memcmp(got, "hello", 5) == 0);
    shutdown(peer, SHUT_WR);
    cr_assert(eq(int, peer_read_end(peer), 0));
    CUE_AWAIT(&stage.over);
    close(peer);
    scene_end(&stage.s);
}

Test(connection, given_to_a_child_that_fails_to_start_is_closed)
{
    stage_t stage = {.holds_back = true};
    scene_begin(&stage.s, 2);
    cue_init(&stage.over);
    int peer = peer_connect(stage.s.port);
    assert_ok(troupe_act(stage.s.rt, stage.s.actor, accept_and_give, &stage));
    assert_err(stage.spawned, TR_EFAULT);
    cr_assert(eq(int, peer_read_end(peer), 0));
    close(peer);
    scene_end(&stage.s);
}

// ---- a life that ends with a connection

static tr_err_t
adopt_and_fail(tr_self *self, void *arg)
{
    io_t *io = arg;
    char byte;
    size_t size;
    expect_ok(tr_tcp_accept(self, io->scene->listener, TR_FOREVER, &io->socket));
    expect_ok(tr_tcp_adopt(self, io->socket, &io->scene->tcp));
    expect_ok(tr_tcp_write(self, io->scene->tcp, "x", 1, TR_FOREVER));
    // Reading goes on when the life ends, with or without bytes that nobody took.
    expect_err(tr_tcp_read(self, io->scene->tcp, &byte, 1, tr_ms(1), &size), TR_ETIMEOUT);
    tr_fail(self, TR_EFAULT, "on purpose");
}

Test(connection, ends_for_the_peer_when_its_actor_crashes)
{
    scene s;
    scene_begin(&s, 1);
    int peer = peer_connect(s.port);
    io_t io = {.scene = &s};
    assert_err(troupe_act(s.rt, s.actor, adopt_and_fail, &io), TR_ECRASHED);
    cr_assert(eq(int, peer_read_end(peer), 0));
    close(peer);
    scene_end(&s);
}

// A supervised actor in small: its parent restarts it in place, a thousand times.
typedef struct revival_t {
    scene s;
    part p;
    tr_ref_t child;
    uint32_t lives;
    cue over;
} revival_t;

enum { LIVES = 1000 };

static tr_err_t
open_start(tr_self *self, void *arg)
{
    revival_t *r = arg;
    r->lives++;
    return tr_tcp_connect(self, "127.0.0.1", r->s.port, TR_FOREVER, &r->s.tcp);
}

static tr_err_t
fail_at_once(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    (void)msg;
    tr_fail(self, TR_EFAULT, "on purpose");
}

static tr_err_t
revive(tr_self *self, void *arg, const tr_message *msg)
{
    revival_t *r = arg;
    const tr_child_exit *exit = tr_as(tr_child_exit, msg);
    tr_socket_t accepted;
    if (exit == NULL) {
        return TR_EUNHANDLED;
    }
    expect_ok(tr_tcp_accept(self, r->s.listener, TR_FOREVER, &accepted));
    char byte;
    expect_ok(tr_yield(self));
    cr_expect(recv(accepted.fd, &byte, 1, MSG_DONTWAIT) <= 0);
    tr_socket_close(accepted);
    if (r->lives == LIVES) {
        cue_give(&r->over);
        return tr_discard(self, exit->child);
    }
    expect_ok(tr_restart(self, exit->child));
    return tr_send(self, exit->child, TR_MSG(number));
}

static tr_err_t
begin_revival(tr_self *self, void *arg)
{
    revival_t *r = arg;
    part p = {.start = open_start, .receive = fail_at_once, .arg = r};
    tr_tcp_listen_opts_t opts = {.backlog = 16};
    expect_ok(tr_tcp_listen(self, "127.0.0.1", 0, &opts, &r->s.listener));
    r->s.port = tr_tcp_listener_port(r->s.listener);
    expect_ok(tr_spawn(self, PUPPET_WITH(&p, .after_exit = TR_AFTER_EXIT_HOLD), &r->child));
    return tr_send(self, r->child, TR_MSG(number));
}

Test(connection, of_a_thousand_crashes_leaves_no_descriptor)
{
    revival_t r = {.lives = 0};
    scene_begin(&r.s, 2);
    cue_init(&r.over);
    part p = {.start = NULL, .receive = revive, .arg = &r};
    tr_ref_t parent = troupe_puppet(r.s.rt, &p);
    size_t before = count_descriptors();
    assert_ok(troupe_act(r.s.rt, parent, begin_revival, &r));
    CUE_AWAIT(&r.over);
    // The listener, and for each loop the one that libuv keeps in reserve.
    TROUPE_EVENTUALLY(count_descriptors() <= before + 3);
    cr_assert(eq(u32, r.lives, LIVES));
    scene_end(&r.s);
}

// ---- cancelled and killed at each point of waiting

typedef struct point_t {
    const char *name;
    act_fn act;
} point_t;

static const point_t points[] = {
    {"accept", do_accept}, {"read", do_read}, {"write", do_write}, {"connect", do_connect}};

static void
end_at(const point_t *point, void (*end)(tr_runtime *rt), tr_err_t expected)
{
    static unsigned char data[16 * 1024 * 1024];
    int wall[4];
    scene s;
    scene_begin(&s, 2);
    int peer = scene_meet(&s);
    io_t io = {.buffer = data, .data = data, .size = sizeof data, .timeout = TR_FOREVER};
    wall[0] = peer_listen(0, &io.port);
    struct sockaddr_in to = loopback(io.port);
    for (int i = 1; i < 4; i++) {
        wall[i] = peer_socket();
        fcntl(wall[i], F_SETFL, O_NONBLOCK);
        (void)connect(wall[i], (struct sockaddr *)&to, sizeof to);
    }
    scene_prompt(&s, point->act, &io);
    end(s.rt);
    assert_ok(tr_runtime_wait(s.rt, tr_seconds(2)));
    cr_expect(io.err == expected, "%s: %s", point->name, tr_errname(io.err));
    int status = peer_read_end(peer);
    cr_expect(status == 0 || status == ECONNRESET, "%s: %s", point->name, strerror(status));
    close(peer);
    for (int i = 0; i < 4; i++) {
        close(wall[i]);
    }
    scene_end(&s);
}

Test(connection, lets_go_at_every_point_of_waiting_when_stopped)
{
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        end_at(&points[i], tr_runtime_stop, TR_ECANCELED);
    }
}

Test(connection, lets_go_at_every_point_of_waiting_when_killed)
{
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        end_at(&points[i], tr_runtime_kill, NOT_BACK);
    }
}

// ---- fairness

typedef struct queue_t {
    scene s;
    int taken;
    int seen; // by another actor, while more were to be taken
    _Atomic bool may_begin;
    cue has_begun;
    cue has_looked;
} queue_t;

enum { QUEUE = 400 };

static tr_err_t
accept_all(tr_self *self, void *arg)
{
    queue_t *q = arg;
    tr_socket_t socket;
    cue_give(&q->has_begun);
    // acquire, unpaired by tag: the test's own flag.
    while (!atomic_load_explicit(&q->may_begin, memory_order_acquire)) {
    }
    while (q->taken < QUEUE) {
        tr_err_t err = tr_tcp_accept(self, q->s.listener, TR_FOREVER, &socket);
        if (err != TR_OK) {
            return err;
        }
        tr_socket_close(socket);
        q->taken++;
    }
    return TR_OK;
}

static tr_err_t
look_at_queue(tr_self *self, void *arg)
{
    queue_t *q = arg;
    (void)self;
    q->seen = q->taken;
    cue_give(&q->has_looked);
    return TR_OK;
}

Test(connection, after_connection_to_accept_lets_the_others_on_its_worker_run)
{
    queue_t q = {.taken = 0};
    static int peers[QUEUE];
    scene_begin(&q.s, 1);
    cue_init(&q.has_begun);
    cue_init(&q.has_looked);
    for (int i = 0; i < QUEUE; i++) {
        peers[i] = peer_connect(q.s.port);
    }
    tr_ref_t other = troupe_puppet(q.s.rt, NULL);
    assert_ok(troupe_prompt(q.s.rt, q.s.actor, accept_all, &q));
    CUE_AWAIT(&q.has_begun);
    assert_ok(troupe_prompt(q.s.rt, other, look_at_queue, &q));
    // release, unpaired by tag: the test's own flag.
    atomic_store_explicit(&q.may_begin, true, memory_order_release);
    assert_ok(scene_do(&q.s, do_close_listener, &(io_t){.err = TR_OK}));
    CUE_AWAIT(&q.has_looked);
    cr_assert(eq(int, q.taken, QUEUE));
    cr_assert(lt(int, q.seen, QUEUE));
    for (int i = 0; i < QUEUE; i++) {
        close(peers[i]);
    }
    scene_end(&q.s);
}

// ---- very many

#if TRI_TSAN
#define CROWD 300 // it allows some thousands of stacks, at a megabyte each
#else
#define CROWD 2000
#endif

typedef struct house_t {
    scene s;
    tr_err_t err;
    uint32_t served[2];
} house_t;

// The connection, kept in the actor's own memory.
typedef struct guest_t {
    house_t *house;
    tr_tcp *tcp;
} guest_t;

static tr_err_t
guest_start(tr_self *self, void *state, const void *arg)
{
    guest_t *g = state;
    memcpy(&g->house, arg, sizeof g->house);
    tr_err_t err = tr_tcp_take(self, &g->tcp);
    return err != TR_OK ? err : tr_send(self, tr_self_ref(self), TR_MSG(number));
}

static tr_err_t
guest_receive(tr_self *self, void *state, const tr_message *msg)
{
    guest_t *g = state;
    char word[4];
    size_t size;
    tr_err_t err;
    (void)msg;
    while ((err = tr_tcp_read(self, g->tcp, word, sizeof word, TR_FOREVER, &size)) == TR_OK) {
        err = tr_tcp_write(self, g->tcp, word, size, tr_seconds(5));
        if (err != TR_OK) {
            return err;
        }
    }
    tr_exit(self);
    return err == TR_EEOF ? TR_OK : err;
}

static const tr_behavior_t guest = {
    .name = "guest",
    .state_size = sizeof(guest_t),
    .start = guest_start,
    .receive = guest_receive,
};

static tr_err_t
welcome(tr_self *self, void *arg)
{
    house_t *house = arg;
    for (int i = 0; i < CROWD && house->err == TR_OK; i++) {
        tr_socket_t socket;
        tr_ref_t child;
        house->err = tr_tcp_accept(self, house->s.listener, TR_FOREVER, &socket);
        if (house->err == TR_OK) {
            tr_spawn_opts_t opts = {
                .behavior = &guest,
                .arg = &house,
                .arg_size = sizeof house,
                .socket = &socket,
            };
            house->err = tr_spawn(self, &opts, &child);
        }
    }
    return TR_OK;
}

static tr_err_t
swallow(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    return tr_as(tr_child_exit, msg) != NULL ? TR_OK : TR_EUNHANDLED;
}

Test(connection, one_of_two_thousand_is_served_like_the_only_one)
{
    static int peers[CROWD];
    house_t house = {.err = TR_OK};
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 2 * CROWD + 100 ? limit.rlim_max : 2 * CROWD + 100;
    setrlimit(RLIMIT_NOFILE, &limit);
    scene_begin(&house.s, 2);
    part p = {.start = NULL, .receive = swallow};
    house.s.actor = troupe_puppet(house.s.rt, &p);
    assert_ok(scene_do(&house.s, do_listen, &(io_t){.port = 0}));
    assert_ok(troupe_prompt(house.s.rt, house.s.actor, welcome, &house));
    for (int i = 0; i < CROWD; i++) {
        peers[i] = peer_connect(house.s.port);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CROWD; i++) {
            peer_send(peers[i], &i, sizeof i);
        }
        for (int i = 0; i < CROWD; i++) {
            int got = -1;
            peer_recv(peers[i], &got, sizeof got);
            cr_assert(eq(int, got, i));
        }
    }
    TROUPE_EVENTUALLY(scene_waits(&house.s, CROWD));
    for (int i = 0; i < CROWD; i++) {
        if (i % 2 == 0) {
            close(peers[i]);
        }
    }
    TROUPE_EVENTUALLY(scene_waits(&house.s, CROWD / 2));
    assert_ok(house.err);
    tr_runtime_stop(house.s.rt);
    for (int i = 1; i < CROWD; i += 2) {
        cr_assert(eq(int, peer_read_end(peers[i]), 0));
        close(peers[i]);
    }
    scene_end(&house.s);
}
