// server_test.c: the trace socket of a real runtime, and clients that mean no good.
#include "inspect/server.h"

#include <fcntl.h>

#include "base/memory.h"
#include "troupe/runtime.h"
#include "wire.h"

static tr_runtime *rt;

static void
setup(void)
{
    wire_setup();
    assert_ok(tr_runtime_create(
        &(tr_runtime_opts_t){.name = "probe", .workers = 1, .inspect = TR_INSPECT_ON}, &rt));
}

static void
teardown(void)
{
    tr_runtime_destroy(rt);
    wire_teardown();
}

TestSuite(trace_server, .init = setup, .fini = teardown, .timeout = 30);

Test(trace_server, hello_says_who_answers)
{
    wire_answer answer;
    int fd = wire_connect();
    wire_request(fd, 1, "hello", "version", 1, NULL, 0);
    const msgpack_object *result = wire_result(fd, 1, &answer, NULL);
    cr_expect(wire_uint(result, "protocol") == TR_TRACE_VERSION);
    cr_expect(wire_uint(result, "pid") == (uint64_t)getpid());
    cr_expect(wire_is_text(wire_field(result, "name"), "probe"));
    cr_expect(wire_field(result, "version")->type == MSGPACK_OBJECT_STR);
    cr_expect(wire_field(result, "methods")->via.array.size == 4);
    wire_answer_fini(&answer);
    close(fd);
}

// Ask something wrong; it is answered with this error, and the next question is answered well.
static void
expect_refusal(const char *method, const char *key, uint64_t value, const char *name)
{
    wire_answer answer;
    const msgpack_object *error = NULL;
    int fd = wire_connect();
    wire_request(fd, 1, method, key, value, NULL, 0);
    cr_assert(wire_result(fd, 1, &answer, &error) == NULL);
    cr_expect(wire_is_text(wire_field(error, "name"), name), "%s %s", method, name);
    wire_answer_fini(&answer);
    wire_request(fd, 2, "stats", NULL, 0, NULL, 0);
    cr_expect(wire_result(fd, 2, &answer, NULL) != NULL);
    wire_answer_fini(&answer);
    close(fd);
}

Test(trace_server, a_wrong_question_is_answered_and_the_connection_lives)
{
    expect_refusal("nonsense", NULL, 0, "EMETHOD");
    expect_refusal("hello", "version", 2, "EVERSION");
    expect_refusal("ps", "colour", 1, "EPARAM");
    expect_refusal("ps", "limit", 0, "EPARAM");
    expect_refusal("ps", "limit", TR_TRACE_ACTORS_MAX + 1, "EPARAM");
    expect_refusal("mailbox", NULL, 0, "EPARAM");
    expect_refusal("mailbox", "actor", 0, "ENOACTOR");
    expect_refusal("mailbox", "actor", UINT64_MAX, "ENOACTOR");
}

Test(trace_server, a_request_that_comes_byte_by_byte_is_answered)
{
    static const char request[] = "\x94\x00\x09\xa5stats\x80";
    wire_answer answer;
    int fd = wire_connect();
    for (size_t i = 0; i < sizeof request - 1; i++) {
        wire_send(fd, request + i, 1);
        (void)poll(NULL, 0, 2);
    }
    const msgpack_object *result = wire_result(fd, 9, &answer, NULL);
    cr_expect(wire_uint(result, "workers") == 1);
    wire_answer_fini(&answer);
    close(fd);
}

Test(trace_server, requests_in_one_piece_are_answered_one_by_one_in_order)
{
    wire_answer answer;
    int fd = wire_connect();
    // As many answers as its socket holds, because it does not read before it has asked all.
    for (uint32_t i = 0; i < 200; i++) {
        wire_request(fd, i, i % 3 == 0 ? "hello" : "stats", NULL, 0, NULL, 0);
    }
    for (uint32_t i = 0; i < 200; i++) {
        cr_assert(wire_result(fd, i, &answer, NULL) != NULL);
        wire_answer_fini(&answer);
    }
    close(fd);
}

// Bytes that end the connection, with what is said before.
static void
expect_end(const char *bytes, size_t size, const char *name)
{
    wire_answer answer;
    int fd = wire_connect();
    wire_send(fd, bytes, size);
    cr_assert(wire_receive(fd, &answer), "closed without a word");
    cr_expect(wire_is_text(wire_field(wire_part(&answer, 2), "name"), name));
    wire_answer_fini(&answer);
    cr_expect(wire_is_closed(fd));
    close(fd);
    wire_check_alive();
}
#define EXPECT_END(literal, name) expect_end("" literal, sizeof(literal) - 1, name)

Test(trace_server, what_is_not_a_request_ends_its_connection_alone)
{
    EXPECT_END("GET / HTTP/1.1\r\n\r\n", "EFORMAT");
    EXPECT_END("\xc1", "EFORMAT");
    EXPECT_END("\x94\x01\x01\xc0\xc0", "EFORMAT");
    EXPECT_END("\x93\x02\xa2ps\x80", "EFORMAT");
    EXPECT_END("\x94\x00\x01\xdb\x7f\xff\xff\xff", "ETOOBIG"); // a text of 2 GiB
    EXPECT_END("\x94\x00\x01\xc6\xff\xff\xff\xff", "ETOOBIG"); // 4 GiB of bytes
    EXPECT_END("\xdd\xff\xff\xff\xff", "ETOOBIG");             // an array of 4 billion
    EXPECT_END("\x94\x00\x01\xa2ps\xdf\x7f\xff\xff\xff", "ETOOBIG");
    char deep[1000];
    memset(deep, 0x91, sizeof deep);
    expect_end(deep, sizeof deep, "ETOOBIG");
}

Test(trace_server, random_bytes_do_no_harm)
{
    unsigned seed = 4711;
    for (int round = 0; round < 200; round++) {
        char bytes[256];
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (char)rand_r(&seed);
        }
        // Every other begins like a request, so that more than the first byte is looked at.
        if (round % 2 == 0) {
            memcpy(bytes, "\x94\x00\x01\xa2ps", 6);
        }
        int fd = wire_connect();
        wire_send(fd, bytes, (size_t)(1 + rand_r(&seed) % 255));
        shutdown(fd, SHUT_WR);
        cr_assert(wire_is_closed(fd));
        close(fd);
    }
    wire_check_alive();
}

Test(trace_server, a_frame_beyond_the_limit_is_refused_before_it_is_there)
{
    static char megabyte[1 << 20];
    wire_answer answer;
    int fd = wire_connect();
    wire_send(fd, "\x94\x00\x01\xa2ps\x81\xa4name\xdb\x00\x10\x00\x00", 17);
    wire_send(fd, megabyte, 100);
    cr_assert(wire_receive(fd, &answer));
    cr_expect(wire_is_text(wire_field(wire_part(&answer, 2), "name"), "ETOOBIG"));
    wire_answer_fini(&answer);
    close(fd);
    wire_check_alive();
}

Test(trace_server, a_large_frame_within_the_limit_is_read)
{
    static char text[1000000];
    const msgpack_object *error = NULL;
    wire_answer answer;
    int fd = wire_connect();
    memset(text, 'x', sizeof text);
    wire_send(fd, "\x94\x00\x05\xa2ps\x81\xa4name\xdb\x00\x0f\x42\x40", 17);
    wire_send(fd, text, sizeof text);
    cr_assert(wire_result(fd, 5, &answer, &error) == NULL);
    cr_expect(wire_is_text(wire_field(error, "name"), "EPARAM")); // a name is not that long
    wire_answer_fini(&answer);
    wire_request(fd, 6, "stats", NULL, 0, NULL, 0);
    cr_expect(wire_result(fd, 6, &answer, NULL) != NULL);
    wire_answer_fini(&answer);
    close(fd);
}

Test(trace_server, half_frames_and_silent_clients_hold_nobody_up)
{
    int fds[32];
    for (size_t i = 0; i < 32; i++) {
        fds[i] = wire_connect();
        wire_send(fds[i], "\x94\x00\x01\xa2p", i % 2 == 0 ? 5 : 0);
    }
    wire_check_alive();
    for (size_t i = 0; i < 32; i++) {
        close(fds[i]);
    }
    wire_check_alive();
}

Test(trace_server, a_hundred_connections_are_too_many_and_the_rest_is_told_so)
{
    enum { COUNT = 100 };
    int fds[COUNT];
    size_t served = 0;
    size_t refused = 0;
    for (size_t i = 0; i < COUNT; i++) {
        fds[i] = wire_connect();
    }
    for (size_t i = 0; i < COUNT; i++) {
        wire_answer answer;
        wire_request(fds[i], 1, "stats", NULL, 0, NULL, 0);
        if (wire_receive(fds[i], &answer)) {
            const msgpack_object *error = wire_part(&answer, 2);
            served += error->type == MSGPACK_OBJECT_NIL;
            refused += wire_is_text(wire_field(error, "name"), "EBUSY");
        }
        wire_answer_fini(&answer);
    }
    cr_expect(served == TR_TRACE_CONNECTIONS_MAX, "%zu served", served);
    cr_expect(refused > 0 && refused <= COUNT - TR_TRACE_CONNECTIONS_MAX, "%zu refused", refused);
    for (size_t i = 0; i < COUNT; i++) {
        close(fds[i]);
    }
    wire_wait_served();
}

Test(trace_server, a_client_that_asks_and_never_reads_holds_nobody_up)
{
    int fd = wire_connect();
    cr_assert(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    static char requests[1 << 16];
    size_t size = 0;
    while (size + 10 <= sizeof requests) {
        memcpy(requests + size, "\x94\x00\x01\xa2ps\x80", 7);
        size += 7;
    }
    // Until its own socket is full: the server does not read on while it cannot answer.
    for (int i = 0; i < 200; i++) {
        if (send(fd, requests, size, MSG_NOSIGNAL) <= 0) {
            (void)poll(NULL, 0, 5);
        }
    }
    wire_check_alive();
    close(fd);
    wire_check_alive();
}

Test(trace_server, clients_that_leave_in_the_middle_of_an_answer_do_no_harm)
{
    for (int i = 0; i < 200; i++) {
        int fd = wire_connect();
        wire_request(fd, 1, "ps", NULL, 0, NULL, 0);
        wire_request(fd, 2, "ps", NULL, 0, NULL, 0);
        close(fd);
    }
    wire_wait_served();
}

Test(trace_server, without_memory_a_connection_fails_and_the_server_lives)
{
    for (uint64_t n = 0; n < 12; n++) {
        wire_answer answer;
        tri_memory_fail_after(n);
        int fd = wire_connect();
        wire_request(fd, 1, "ps", NULL, 0, NULL, 0);
        (void)wire_receive(fd, &answer); // an answer, an error or the end, but no hang
        tri_memory_fail_after(UINT64_MAX);
        wire_answer_fini(&answer);
        close(fd);
        wire_check_alive();
    }
}

Test(trace_server, it_ends_with_clients_still_connected)
{
    int fds[8];
    for (size_t i = 0; i < 8; i++) {
        fds[i] = wire_connect();
        wire_request(fds[i], 1, "ps", NULL, 0, NULL, 0);
    }
    tr_runtime_destroy(rt);
    rt = NULL;
    for (size_t i = 0; i < 8; i++) {
        cr_expect(wire_is_closed(fds[i]));
        close(fds[i]);
    }
    char path[108];
    char name[32];
    snprintf(name, sizeof name, "%ld.sock", (long)getpid());
    wire_path(path, name);
    cr_expect(access(path, F_OK) != 0);
}

Test(trace_folder, a_runtime_does_not_start_where_others_could_replace_its_socket,
     .init = wire_setup, .fini = wire_teardown)
{
    char path[108];
    wire_path(path, "");
    cr_assert(mkdir(path, 0700) == 0 && chmod(path, 0777) == 0);
    assert_err(tr_runtime_create(&(tr_runtime_opts_t){.inspect = TR_INSPECT_ON}, &rt), TR_EACCESS);
}
