#include "command.h"

#include "command_kit.h"
#include "number.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool
is_word(tr_str_t text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

// ---- errors -------------------------------------------------------------------------------------

void
say_wrong_arity(plan *p, const command *c)
{
    resp_write_error(&p->text, "ERR wrong number of arguments for '%s' command", c->name);
}

void
say_syntax(plan *p)
{
    resp_write_error(&p->text, "ERR syntax error");
}

static void
say_invalid_expire(plan *p, const command *c)
{
    resp_write_error(&p->text, "ERR invalid expire time in '%s' command", c->name);
}

void
say_unknown_subcommand(plan *p, const resp_request_t *r, const char *name)
{
    tr_str_t word = resp_arg(r, 1);
    resp_write_error(&p->text, "ERR unknown subcommand '%.*s'. Try %s HELP.", SHOWN(word, 128),
                     name);
}

static void
say_unknown_command(plan *p, const resp_request_t *r)
{
    char args[192] = "";
    size_t used = 0;
    for (size_t i = 1; i < r->count && used < 128; i++) {
        tr_str_t arg = resp_arg(r, i);
        int size = snprintf(args + used, sizeof args - used, "'%.*s' ", SHOWN(arg, 128 - used));
        used += size > 0 ? (size_t)size : 0;
    }
    tr_str_t name = resp_arg(r, 0);
    resp_write_error(&p->text, "ERR unknown command '%.*s', with args beginning with: %s",
                     SHOWN(name, 128), args);
}

bool
read_number(plan *p, tr_str_t text, int64_t *out)
{
    if (number_parse(text, out)) {
        return true;
    }
    resp_write_error(&p->text, "ERR value is not an integer or out of range");
    return false;
}

// ---- keys ---------------------------------------------------------------------------------------

static void
plan_key(plan *p, const resp_request_t *r, const command *c)
{
    plan_begin(p, PLAN_ONE);
    plan_op(p, (store_op){.verb = c->verb, .key = resp_arg(r, 1), .number = c->number});
}

static void
plan_keys_summed(plan *p, const resp_request_t *r, const command *c)
{
    plan_begin(p, PLAN_SUM);
    for (size_t i = 1; i < r->count; i++) {
        plan_op(p, (store_op){.verb = c->verb, .key = resp_arg(r, i)});
    }
}

static void
plan_mget(plan *p, const resp_request_t *r, const command *c)
{
    plan_begin(p, PLAN_ARRAY);
    for (size_t i = 1; i < r->count; i++) {
        plan_op(p, (store_op){.verb = c->verb, .flags = STORE_STRINGS_ONLY, .key = resp_arg(r, i)});
    }
}

static tr_bytes_t
value_arg(const resp_request_t *r, size_t i)
{
    tr_str_t text = resp_arg(r, i);
    return tr_bytes(text.data, text.size);
}

static void
plan_mset(plan *p, const resp_request_t *r, const command *c)
{
    if (r->count % 2 == 0) {
        say_wrong_arity(p, c);
        return;
    }
    plan_begin(p, PLAN_ALL);
    for (size_t i = 1; i < r->count; i += 2) {
        plan_op(p,
                (store_op){.verb = c->verb, .key = resp_arg(r, i), .value = value_arg(r, i + 1)});
    }
}

// The options behind SET key value. False after having said what is wrong.
static bool
read_set_options(plan *p, const resp_request_t *r, const command *c, store_op *op)
{
    int64_t unit = 0;
    size_t time_at = 0; // read when the syntax is known to be right; 0: no time
    for (size_t i = 3; i < r->count; i++) {
        tr_str_t word = resp_arg(r, i);
        bool seconds = is_word(word, "ex");
        if (is_word(word, "nx") && (op->flags & STORE_IF_PRESENT) == 0) {
            op->flags |= STORE_IF_ABSENT;
        } else if (is_word(word, "xx") && (op->flags & STORE_IF_ABSENT) == 0) {
            op->flags |= STORE_IF_PRESENT;
        } else if ((seconds || is_word(word, "px")) && time_at == 0 && i + 1 < r->count) {
            unit = seconds ? 1000 : 1;
            time_at = ++i;
        } else {
            say_syntax(p);
            return false;
        }
    }
    if (time_at == 0) {
        return true;
    }
    if (!read_number(p, resp_arg(r, time_at), &op->number)) {
        return false;
    }
    if (op->number <= 0 || !number_multiply(op->number, unit, &op->number)) {
        say_invalid_expire(p, c);
        return false;
    }
    return true;
}

static void
plan_set(plan *p, const resp_request_t *r, const command *c)
{
    store_op op = {.verb = c->verb, .key = resp_arg(r, 1), .value = value_arg(r, 2)};
    if (read_set_options(p, r, c, &op)) {
        plan_begin(p, PLAN_ONE);
        plan_op(p, op);
    }
}

// INCRBY and DECRBY; c->number is the sign.
static void
plan_add(plan *p, const resp_request_t *r, const command *c)
{
    store_op op = {.verb = c->verb, .key = resp_arg(r, 1)};
    if (!read_number(p, resp_arg(r, 2), &op.number)) {
        return;
    }
    if (!number_multiply(op.number, c->number, &op.number)) {
        resp_write_error(&p->text, "ERR decrement would overflow");
        return;
    }
    plan_begin(p, PLAN_ONE);
    plan_op(p, op);
}

// EXPIRE and PEXPIRE; c->number is the unit.
static void
plan_expire(plan *p, const resp_request_t *r, const command *c)
{
    store_op op = {.verb = c->verb, .key = resp_arg(r, 1)};
    if (!read_number(p, resp_arg(r, 2), &op.number)) {
        return;
    }
    if (!number_multiply(op.number, c->number, &op.number)) {
        say_invalid_expire(p, c);
        return;
    }
    plan_begin(p, PLAN_ONE);
    plan_op(p, op);
}

static void
plan_dbsize(plan *p, const resp_request_t *r, const command *c)
{
    (void)r;
    plan_begin(p, PLAN_SUM);
    plan_op_everywhere(p, (store_op){.verb = c->verb});
}

static void
plan_flushall(plan *p, const resp_request_t *r, const command *c)
{
    bool right =
        r->count == 1 ||
        (r->count == 2 && (is_word(resp_arg(r, 1), "sync") || is_word(resp_arg(r, 1), "async")));
    if (!right) {
        say_syntax(p);
        return;
    }
    plan_begin(p, PLAN_ALL);
    plan_op_everywhere(p, (store_op){.verb = c->verb});
}

static void
plan_info(plan *p, const resp_request_t *r, const command *c)
{
    (void)r;
    plan_begin(p, PLAN_INFO);
    plan_op_everywhere(p, (store_op){.verb = c->verb});
}

// ---- the table ----------------------------------------------------------------------------------

static void say_command(plan *p, const resp_request_t *r, const command *c);

static const command commands[] = {
    {"get", 2, plan_key, STORE_GET, 0},
    {"set", -3, plan_set, STORE_SET, 0},
    {"incr", 2, plan_key, STORE_ADD, 1},
    {"mget", -2, plan_mget, STORE_GET, 0},
    {"mset", -3, plan_mset, STORE_SET, 0},
    {"ping", -1, say_ping, 0, 0},
    {"lpush", -3, plan_push, STORE_PUSH, 0},
    {"rpush", -3, plan_push, STORE_PUSH, STORE_AT_BACK},
    {"lpop", -2, plan_pop, STORE_POP, 0},
    {"rpop", -2, plan_pop, STORE_POP, STORE_AT_BACK},
    {"blpop", -3, plan_pop_or_wait, 0, 0},
    {"brpop", -3, plan_pop_or_wait, 0, STORE_AT_BACK},
    {"lrange", 4, plan_range, STORE_RANGE, 0},
    {"llen", 2, plan_key, STORE_LENGTH, 0},
    {"type", 2, plan_key, STORE_KIND, 0},
    {"del", -2, plan_keys_summed, STORE_DELETE, 0},
    {"exists", -2, plan_keys_summed, STORE_EXISTS, 0},
    {"decr", 2, plan_key, STORE_ADD, -1},
    {"incrby", 3, plan_add, STORE_ADD, 1},
    {"decrby", 3, plan_add, STORE_ADD, -1},
    {"expire", 3, plan_expire, STORE_EXPIRE, 1000},
    {"pexpire", 3, plan_expire, STORE_EXPIRE, 1},
    {"ttl", 2, plan_key, STORE_TTL, 1000},
    {"pttl", 2, plan_key, STORE_TTL, 1},
    {"echo", 2, say_echo, 0, 0},
    {"publish", 3, plan_publish, 0, 0},
    {"subscribe", -2, plan_subscribe, 0, false},
    {"unsubscribe", -1, plan_unsubscribe, 0, false},
    {"psubscribe", -2, plan_subscribe, 0, true},
    {"punsubscribe", -1, plan_unsubscribe, 0, true},
    {"dbsize", 1, plan_dbsize, STORE_COUNT, 0},
    {"flushall", -1, plan_flushall, STORE_CLEAR, 0},
    {"info", -1, plan_info, STORE_COUNT, 0},
    {"command", -1, say_command, 0, 0},
    {"config", -2, say_config, 0, 0},
    {"client", -2, say_client, 0, 0},
    {"select", 2, say_select, 0, 0},
    {"hello", -1, say_hello, 0, 0},
    {"debug", -2, plan_debug, 0, 0},
    {"quit", -1, say_quit, 0, 0},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void
say_command(plan *p, const resp_request_t *r, const command *c)
{
    (void)c;
    if (r->count == 1 || is_word(resp_arg(r, 1), "docs")) {
        resp_write_array(&p->text, 0);
    } else if (is_word(resp_arg(r, 1), "count")) {
        resp_write_integer(&p->text, (int64_t)COMMAND_COUNT);
    } else {
        say_unknown_subcommand(p, r, "COMMAND");
    }
}

static const command *
find_command(tr_str_t name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (is_word(name, commands[i].name)) {
            return &commands[i];
        }
    }
    return NULL;
}

// What one may say between the messages of one's channels.
static bool
may_be_said_subscribed(const command *c)
{
    return c->plan == plan_subscribe || c->plan == plan_unsubscribe || c->plan == say_ping ||
           c->plan == say_quit;
}

static bool
has_arity(const command *c, size_t count)
{
    return c->arity >= 0 ? count == (size_t)c->arity : count >= (size_t)-c->arity;
}

void
command_plan(plan *p, const resp_request_t *request)
{
    size_t commands_before = p->command_count;
    size_t text_before = buffer_size(&p->text);
    const command *c = find_command(resp_arg(request, 0));
    if (c == NULL) {
        say_unknown_command(p, request);
    } else if (!has_arity(c, request->count)) {
        say_wrong_arity(p, c);
    } else if (p->subscribed && !may_be_said_subscribed(c)) {
        resp_write_error(&p->text,
                         "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
                         "QUIT / RESET are allowed in this context",
                         c->name);
    } else {
        c->plan(p, request, c);
    }
    if (p->command_count == commands_before && buffer_size(&p->text) > text_before) {
        plan_text(p, text_before);
    }
}
