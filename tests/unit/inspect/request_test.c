#include "inspect/request.h"

#include <string.h>

#include "check.h"

static char why[TRI_REPLY_WHY];

static tr_trace_err_t
parse(const char *bytes, size_t size, tri_request_t *out)
{
    why[0] = '\0';
    return tri_request_parse(bytes, size, out, why);
}
#define PARSE(literal, out) parse("" literal, sizeof(literal) - 1, out)

Test(request, a_request_is_four_parts)
{
    tri_request_t r;
    cr_assert(PARSE("\x94\x00\x07\xa2ps\x81\xa5limit\x05", &r) == TR_TRACE_OK);
    cr_expect(r.has_id && r.id == 7);
    cr_expect(r.method.size == 2 && memcmp(r.method.ptr, "ps", 2) == 0);
    cr_expect(r.params.size == 1);
    tri_request_fini(&r);
}

Test(request, parameters_may_stand_in_an_array_as_generic_clients_send_them)
{
    tri_request_t r;
    cr_assert(PARSE("\x94\x00\x07\xa2ps\x91\x81\xa5limit\x05", &r) == TR_TRACE_OK);
    cr_expect(r.params.size == 1);
    tri_request_fini(&r);
    cr_assert(PARSE("\x94\x00\x07\xa2ps\x90", &r) == TR_TRACE_OK);
    cr_expect(r.params.size == 0);
    tri_request_fini(&r);
}

Test(request, anything_else_is_refused_with_a_reason)
{
    static const struct {
        const char *bytes;
        size_t size;
        bool has_id;
    } bad[] = {
#define BAD(literal, id) {"" literal, sizeof(literal) - 1, id}
        BAD("\x2a", false),                                                   // a number
        BAD("\x93\x00\x07\xa2ps", false),                                     // three parts
        BAD("\x94\x01\x07\xa2ps\x80", false),                                 // a response
        BAD("\x94\x00\xff\xa2ps\x80", false),                                 // a negative msgid
        BAD("\x94\x00\xcf\x00\x00\x00\x01\x00\x00\x00\x00\xa2ps\x80", false), // 33 bits
        BAD("\x94\x00\x07\x05\x80", true),   // the method is a number
        BAD("\x94\x00\x07\xa2ps\x01", true), // the parameters are a number
        BAD("\x94\x00\x07\xa2ps\x92\x80\x80", true),
#undef BAD
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tri_request_t r;
        cr_expect(parse(bad[i].bytes, bad[i].size, &r) == TR_TRACE_EFORMAT, "row %zu", i);
        cr_expect(r.has_id == bad[i].has_id, "row %zu", i);
        cr_expect(why[0] != '\0', "row %zu", i);
        tri_request_fini(&r);
    }
}

Test(request, what_declares_more_than_may_be_is_refused_by_its_header)
{
    size_t size;
    assert_err(tri_request_scan("\xdd\xff\xff\xff\xff", 5, &size), TR_ETOOBIG);
    assert_err(tri_request_scan("\xdf\x7f\xff\xff\xff", 5, &size), TR_ETOOBIG);
    assert_err(tri_request_scan("\x94\x00\x01\xdb\x7f\xff\xff\xff", 8, &size), TR_ETOOBIG);
    assert_err(tri_request_scan("\xc1", 1, &size), TR_EFORMAT);
    char deep[64];
    memset(deep, 0x91, sizeof deep);
    assert_err(tri_request_scan(deep, sizeof deep, &size), TR_ETOOBIG);
    assert_err(tri_request_scan("\x94\x00", 2, &size), TR_EBUSY);
}

// The parameters of the tests below.
static tr_trace_err_t
params(const char *bytes, size_t size, tri_param_t out[2])
{
    tri_request_t r;
    out[0] =
        (tri_param_t){.name = "limit", .kind = TRI_PARAM_UINT, .min = 1, .max = 9, .number = 3};
    out[1] = (tri_param_t){.name = "name", .kind = TRI_PARAM_TEXT, .max = 4};
    cr_assert(parse(bytes, size, &r) == TR_TRACE_OK);
    tr_trace_err_t err = tri_request_params(&r, out, 2, why);
    tri_request_fini(&r);
    return err;
}
#define PARAMS(literal, out) params("\x94\x00\x07\xa2ps" literal, sizeof(literal) + 5, out)

Test(request, absent_parameters_keep_their_default)
{
    tri_param_t p[2];
    cr_assert(PARAMS("\x80", p) == TR_TRACE_OK);
    cr_expect(p[0].number == 3 && !p[0].is_given && !p[1].is_given);
    cr_assert(PARAMS("\x81\xa5limit\xc0", p) == TR_TRACE_OK);
    cr_expect(p[0].number == 3 && !p[0].is_given);
}

Test(request, given_parameters_arrive)
{
    tri_param_t p[2];
    cr_assert(PARAMS("\x82\xa5limit\x09\xa4name\xa2xy", p) == TR_TRACE_OK);
    cr_expect(p[0].number == 9 && p[0].is_given);
    cr_expect(p[1].text.size == 2 && p[1].is_given);
}

Test(request, wrong_parameters_are_named)
{
    tri_param_t p[2];
    cr_expect(PARAMS("\x81\xa5limit\x00", p) == TR_TRACE_EPARAM);
    cr_expect(strstr(why, "'limit' is not a number from 1 to 9") != NULL, "%s", why);
    cr_expect(PARAMS("\x81\xa5limit\x0a", p) == TR_TRACE_EPARAM);
    cr_expect(PARAMS("\x81\xa5limit\xa1"
                     "5",
                     p) == TR_TRACE_EPARAM);
    cr_expect(PARAMS("\x82\xa5limit\x01\xa5limit\x02", p) == TR_TRACE_EPARAM);
    cr_expect(strstr(why, "twice") != NULL, "%s", why);
    cr_expect(PARAMS("\x81\xa4name\xa5"
                     "abcde",
                     p) == TR_TRACE_EPARAM);
    cr_expect(PARAMS("\x81\xa4lim\n\x01", p) == TR_TRACE_EPARAM);
    cr_expect(strstr(why, "'lim?'") != NULL, "%s", why);
    cr_expect(PARAMS("\x81\x01\x01", p) == TR_TRACE_EPARAM);
}

Test(reply, text_that_is_not_utf8_becomes_text_that_is)
{
    tri_reply_t reply;
    tri_reply_init(&reply, 1024);
    tri_reply_text(&reply, "a\xff"
                           "b\xc3\xa4\xe2\x98");
    cr_assert(reply.failed == false);
    static const char expected[] = "\xad"
                                   "a\xef\xbf\xbd"
                                   "b\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd";
    cr_assert(reply.size == sizeof expected - 1, "%zu", reply.size);
    cr_expect(memcmp(reply.data, expected, reply.size) == 0);
    tri_reply_fini(&reply);
}

Test(reply, a_write_past_the_limit_fails_and_leaves_the_rest_alone)
{
    tri_reply_t reply;
    tri_reply_init(&reply, 8);
    tri_reply_raw(&reply, "12345678", 8);
    cr_expect(reply.failed == false);
    tri_reply_raw(&reply, "9", 1);
    cr_expect(reply.failed && reply.size == 8);
    tri_reply_rewind(&reply, 4);
    tri_reply_raw(&reply, "abcd", 4);
    cr_expect(memcmp(reply.data, "1234abcd", 8) == 0 && !reply.failed);
    tri_reply_fini(&reply);
}
