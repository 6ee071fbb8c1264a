// resp_test.c: the wire format of kvd: requests, every protocol error, any pieces.
#include "resp.h"

#include "heap_malloc.h"
#include "number.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

// What a conversation amounts to: every request as <arg|arg>, then !error if there is one.
typedef struct transcript {
    char *text;
    size_t size;
    size_t capacity;
} transcript;

static void
note(transcript *t, const char *bytes, size_t size)
{
    if (t->size + size + 1 > t->capacity) {
        t->capacity = (t->size + size + 1) * 2;
        t->text = realloc(t->text, t->capacity);
    }
    memcpy(t->text + t->size, bytes, size);
    t->size += size;
    t->text[t->size] = '\0';
}

static void
note_request(transcript *t, const resp_request_t *request)
{
    note(t, "<", 1);
    for (size_t i = 0; i < request->count; i++) {
        note(t, "|", i > 0);
        note(t, resp_arg(request, i).data, resp_arg(request, i).size);
    }
    note(t, ">", 1);
}

// Feed bytes in pieces whose sizes `next_piece` chooses; the input moves between pieces, as the
// buffer of a connection does.
static transcript
converse(const char *bytes, size_t size, size_t (*next_piece)(unsigned *), unsigned *seed)
{
    heap_malloc memory;
    heap_t heap = heap_of_malloc(&memory);
    resp_parser parser;
    resp_parser_init(&parser, &heap);
    buffer input = {.heap = &heap};
    transcript t = {0};
    note(&t, "", 0);
    bool over = false;
    for (size_t fed = 0; fed < size && !over;) {
        size_t piece = next_piece(seed);
        piece = piece < size - fed ? piece : size - fed;
        buffer_append(&input, bytes + fed, piece);
        fed += piece;
        for (;;) {
            resp_request_t request;
            resp_status_t status =
                resp_parse(&parser, buffer_bytes(&input), buffer_size(&input), &request);
            if (status == RESP_REQUEST) {
                if (request.count > 0) {
                    note_request(&t, &request);
                }
                buffer_take(&input, request.size);
                continue;
            }
            if (status == RESP_ERROR) {
                note(&t, "!", 1);
                note(&t, parser.error, strlen(parser.error));
                over = true;
            }
            break;
        }
    }
    resp_parser_fini(&parser);
    buffer_fini(&input);
    cr_assert(eq(sz, memory.blocks, 0));
    return t;
}

static size_t
all(unsigned *seed)
{
    (void)seed;
    return SIZE_MAX;
}

static size_t
one(unsigned *seed)
{
    (void)seed;
    return 1;
}

static unsigned
next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

static size_t
any(unsigned *seed)
{
    return 1 + next_random(seed) % (next_random(seed) % 8 == 0 ? 5000 : 7);
}

typedef struct row {
    const char *bytes;
    const char *transcript;
} row_t;

static const row_t rows[] = {
    {"PING\r\n", "<PING>"},
    {"PING\n", "<PING>"},
    {"\r\n\n\r\nPING\r\n", "<PING>"},
    {"  set  a\tb \r\n", "<set|a|b>"},
    {"set \"a b\" 'c d'\r\n", "<set|a b|c d>"},
    {"set \"\\x41\\n\\r\\t\\a\\b\\\\\\\"\\q\" '\\'\\n'\r\n", "<set|A\n\r\t\a\b\\\"q|'\\n>"},
    {"set \"\\x4\" \"\\xzz\"\r\n", "<set|x4|xzz>"},
    {"set \"\" ''\r\n", "<set||>"},
    {"a\"b c\"\r\n", "<ab c>"},
    {"set \"a\r\n", "!unbalanced quotes in request"},
    {"set 'a\r\n", "!unbalanced quotes in request"},
    {"set \"a\"b\r\n", "!unbalanced quotes in request"},
    {"set 'a'b\r\n", "!unbalanced quotes in request"},
    {"set \"a\\\r\n", "!unbalanced quotes in request"},
    {"*1\r\n$4\r\nPING\r\n", "<PING>"},
    {"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n", "<ECHO|><PING>"},
    {"*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\r\n\r\nx\r\n", "<ECHO|\r\n\r\n><x>"},
    {"*0\r\n*-1\r\n*-7\r\nPING\r\n", "<PING>"},
    {"*1\r\n$4\r\nPING\r\nECHO x\r\n*1\r\n$1\r\ny\r\n", "<PING><ECHO|x><y>"},
    {"*x\r\n", "!invalid multibulk length"},
    {"*\r\n", "!invalid multibulk length"},
    {"*01\r\n", "!invalid multibulk length"},
    {"*+1\r\n", "!invalid multibulk length"},
    {"*1048577\r\n", "!invalid multibulk length"},
    {"*99999999999999999999\r\n", "!invalid multibulk length"},
    {"PING\r\n*1\r\n+4\r\n", "<PING>!expected '$', got '+'"},
    {"*1\r\n4\r\n", "!expected '$', got '4'"},
    {"*2\r\n$1\r\na\r\nb\r\n", "!expected '$', got 'b'"},
    {"*1\r\n$-1\r\n", "!invalid bulk length"},
    {"*1\r\n$x\r\n", "!invalid bulk length"},
    {"*1\r\n$\r\n", "!invalid bulk length"},
    {"*1\r\n$67108865\r\n", "!invalid bulk length"},
    {"*1\r\n$99999999999999999999\r\n", "!invalid bulk length"},
    {"*1\r\n$3\r\nab", ""},
    {"*1\r\n$3\r", ""},
    {"*1\r", ""},
    {"PING", ""},
};

Test(resp, says_what_a_request_is_or_what_is_wrong_with_it)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned seed = 0;
        transcript t = converse(rows[i].bytes, strlen(rows[i].bytes), all, &seed);
        cr_expect(eq(str, t.text, (char *)rows[i].transcript), "row %zu", i);
        free(t.text);
    }
}

Test(resp, gives_the_same_for_single_bytes)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned seed = 0;
        transcript t = converse(rows[i].bytes, strlen(rows[i].bytes), one, &seed);
        cr_expect(eq(str, t.text, (char *)rows[i].transcript), "row %zu", i);
        free(t.text);
    }
}

static void
expect_error_for_long_line(const char *head, size_t size, const char *tail, const char *error)
{
    size_t head_size = strlen(head);
    size_t tail_size = strlen(tail);
    char *bytes = malloc(head_size + size + tail_size);
    memcpy(bytes, head, head_size);
    memset(bytes + head_size, '1', size);
    memcpy(bytes + head_size + size, tail, tail_size);
    size_t (*const pieces[])(unsigned *) = {all, one, any};
    for (size_t i = 0; i < 3; i++) {
        unsigned seed = 4;
        transcript t = converse(bytes, head_size + size + tail_size, pieces[i], &seed);
        cr_expect(eq(str, t.text, (char *)error), "%s, pieces %zu", head, i);
        free(t.text);
    }
    free(bytes);
}

Test(resp, refuses_a_line_without_an_end_however_it_comes)
{
    expect_error_for_long_line("", 65537, "\r\n", "!too big inline request");
    expect_error_for_long_line("*", 65537, "\r\n", "!too big mbulk count string");
    expect_error_for_long_line("*1\r\n$", 65537, "\r\n", "!too big bulk count string");
    expect_error_for_long_line("*", 65000, "\r\n", "!invalid multibulk length");
    expect_error_for_long_line("*1\r\n$", 65000, "\r\n", "!invalid bulk length");
}

Test(resp, refuses_a_request_of_more_than_its_share)
{
    heap_malloc memory;
    heap_t heap = heap_of_malloc(&memory);
    resp_parser parser;
    resp_parser_init(&parser, &heap);
    const char head[] = "*3\r\n$67108864\r\n";
    size_t size = 2 * ((size_t)RESP_BULK_MAX + 64);
    char *bytes = calloc(1, size);
    size_t at = 0;
    memcpy(bytes, head, sizeof head - 1);
    at = sizeof head - 1 + RESP_BULK_MAX + 2;
    const char second[] = "$67108864\r\n";
    memcpy(bytes + at, second, sizeof second - 1);
    at += sizeof second - 1;
    resp_request_t request;
    cr_expect(eq(int, (int)resp_parse(&parser, bytes, at, &request), RESP_ERROR));
    cr_expect(eq(str, parser.error, (char *)"too big request"));
    resp_parser_fini(&parser);
    free(bytes);
}

// Requests of all kinds with now and then a wrong one, from a seed.
static size_t
make_requests(unsigned *seed, char *bytes, size_t capacity)
{
    size_t size = 0;
    while (size + 700 < capacity) {
        unsigned kind = next_random(seed) % 40;
        if (kind == 0 && size > capacity / 2) {
            size += (size_t)sprintf(bytes + size, "*2\r\n$3\r\nGET\r\n?3\r\n");
        } else if (kind < 10) {
            size += (size_t)sprintf(bytes + size, "get 'k %u' \"\\x0%u\"\r\n", next_random(seed),
                                    next_random(seed) % 10);
        } else {
            unsigned count = next_random(seed) % 5;
            size += (size_t)sprintf(bytes + size, "*%u\r\n", count);
            for (unsigned i = 0; i < count; i++) {
                unsigned bulk = next_random(seed) % 100;
                size += (size_t)sprintf(bytes + size, "$%u\r\n", bulk);
                for (unsigned b = 0; b < bulk; b++) {
                    bytes[size++] = (char)(1 + next_random(seed) % 255);
                }
                size += (size_t)sprintf(bytes + size, "\r\n");
            }
        }
    }
    return size;
}

Test(resp, gives_the_same_for_any_pieces, .timeout = 60)
{
    enum { CAPACITY = 30000 };
    char *bytes = malloc(CAPACITY);
    for (unsigned round = 1; round <= 100; round++) {
        unsigned seed = round;
        size_t size = make_requests(&seed, bytes, CAPACITY);
        transcript whole = converse(bytes, size, all, &seed);
        transcript pieces = converse(bytes, size, any, &seed);
        cr_assert(eq(sz, whole.size, pieces.size), "seed %u", round);
        cr_assert(zero(int, memcmp(whole.text, pieces.text, whole.size)), "seed %u", round);
        free(whole.text);
        free(pieces.text);
    }
    free(bytes);
}

// Bytes without any sense: it must say something and stay inside its memory.
Test(resp, survives_garbage, .timeout = 60)
{
    char bytes[4096];
    static const char alphabet[] = "*$\r\n0123456789-+ '\"\\xGET";
    for (unsigned round = 1; round <= 2000; round++) {
        unsigned seed = round;
        size_t size = next_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = round % 2 == 0 ? (char)next_random(&seed)
                                      : alphabet[next_random(&seed) % (sizeof alphabet - 1)];
        }
        transcript whole = converse(bytes, size, all, &seed);
        transcript pieces = converse(bytes, size, any, &seed);
        cr_assert(eq(sz, whole.size, pieces.size), "seed %u", round);
        cr_assert(zero(int, memcmp(whole.text, pieces.text, whole.size)), "seed %u", round);
        free(whole.text);
        free(pieces.text);
    }
}

Test(resp, reports_every_failing_allocation)
{
    const char bytes[] = "*20\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n"
                         "$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n";
    for (size_t n = 0; n < 2; n++) {
        heap_malloc memory;
        heap_t heap = heap_of_malloc(&memory);
        memory.fail_after = n;
        resp_parser parser;
        resp_parser_init(&parser, &heap);
        resp_request_t request;
        char copy[sizeof bytes];
        memcpy(copy, bytes, sizeof bytes);
        cr_expect(
            eq(int, (int)resp_parse(&parser, copy, sizeof bytes - 1, &request), RESP_NO_MEMORY));
        resp_parser_fini(&parser);
        cr_expect(eq(sz, memory.blocks, 0));
    }
}

Test(resp, writes_replies)
{
    heap_malloc memory;
    heap_t heap = heap_of_malloc(&memory);
    buffer out = {.heap = &heap};
    resp_write_status(&out, "OK");
    resp_write_integer(&out, -12);
    resp_write_bulk(&out, "a\0b", 3);
    resp_write_text(&out, "");
    resp_write_null(&out);
    resp_write_array(&out, 2);
    resp_write_error(&out, "ERR no %s here", "line\r\nend");
    const char expected[] =
        "+OK\r\n:-12\r\n$3\r\na\0b\r\n$0\r\n\r\n$-1\r\n*2\r\n-ERR no line  end here\r\n";
    cr_expect(eq(sz, buffer_size(&out), sizeof expected - 1));
    cr_expect(zero(int, memcmp(buffer_bytes(&out), expected, sizeof expected - 1)));
    buffer_fini(&out);
}

Test(resp, remembers_that_a_reply_found_no_memory)
{
    heap_malloc memory;
    heap_t heap = heap_of_malloc(&memory);
    memory.fail_after = 0;
    buffer out = {.heap = &heap};
    resp_write_status(&out, "OK");
    memory.fail_after = SIZE_MAX;
    resp_write_status(&out, "OK");
    cr_expect(out.failed);
    cr_expect(eq(sz, buffer_size(&out), 0));
}

Test(number, adds_and_multiplies_what_fits)
{
    static const int64_t numbers[] = {INT64_MIN,
                                      INT64_MIN + 1,
                                      INT64_MIN / 2,
                                      INT64_MIN / 10,
                                      -3037000500,
                                      -10,
                                      -2,
                                      -1,
                                      0,
                                      1,
                                      2,
                                      10,
                                      3037000500,
                                      INT64_MAX / 10,
                                      INT64_MAX / 2,
                                      INT64_MAX - 1,
                                      INT64_MAX};
    const size_t count = sizeof numbers / sizeof numbers[0];
    for (size_t i = 0; i < count * count; i++) {
        int64_t a = numbers[i / count];
        int64_t b = numbers[i % count];
        int64_t expected = 0;
        int64_t got = 0;
        bool fits = !__builtin_add_overflow(a, b, &expected);
        cr_expect(eq(int, number_add(a, b, &got), fits));
        cr_expect(eq(i64, got, fits ? expected : 0));
        got = 0;
        fits = !__builtin_mul_overflow(a, b, &expected);
        cr_expect(eq(int, number_multiply(a, b, &got), fits));
        cr_expect(eq(i64, got, fits ? expected : 0));
    }
}

Test(number, reads_what_redis_reads)
{
    static const struct {
        const char *text;
        bool valid;
        int64_t number;
    } cases[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"42", true, 42},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {"01", false, 0},
        {"-0", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t number = 0;
        bool valid = number_parse(tr_str(cases[i].text), &number);
        cr_expect(eq(int, valid, cases[i].valid), "'%s'", cases[i].text);
        cr_expect(eq(i64, number, cases[i].number), "'%s'", cases[i].text);
        if (valid) {
            char room[NUMBER_TEXT_MAX];
            cr_expect(tr_str_equal(number_print(number, room), tr_str(cases[i].text)));
        }
    }
}
