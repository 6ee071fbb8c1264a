#include "command_kit.h"

#include "number.h"

void
say_ping(plan *p, const resp_request_t *r, const command *c)
{
    if (r->count > 2) {
        say_wrong_arity(p, c);
    } else if (p->subscribed) {
        resp_write_array(&p->text, 2); // so that clients need not tell it from a message
        resp_write_text(&p->text, "pong");
        tr_str_t text = r->count == 2 ? resp_arg(r, 1) : TR_STR("");
        resp_write_bulk(&p->text, text.data, text.size);
    } else if (r->count == 2) {
        resp_write_bulk(&p->text, resp_arg(r, 1).data, resp_arg(r, 1).size);
    } else {
        resp_write_status(&p->text, "PONG");
    }
}

void
say_echo(plan *p, const resp_request_t *r, const command *c)
{
    (void)c;
    resp_write_bulk(&p->text, resp_arg(r, 1).data, resp_arg(r, 1).size);
}

void
say_select(plan *p, const resp_request_t *r, const command *c)
{
    (void)c;
    int64_t number = 0;
    if (!read_number(p, resp_arg(r, 1), &number)) {
        return;
    }
    if (number != 0) {
        resp_write_error(&p->text, "ERR DB index is out of range");
        return;
    }
    resp_write_status(&p->text, "OK");
}

void
say_quit(plan *p, const resp_request_t *r, const command *c)
{
    (void)r;
    (void)c;
    resp_write_status(&p->text, "OK");
    p->end = PLAN_CLOSE;
}

void
say_hello(plan *p, const resp_request_t *r, const command *c)
{
    (void)c;
    int64_t version = 2;
    if (r->count > 1 && !number_parse(resp_arg(r, 1), &version)) {
        resp_write_error(&p->text, "ERR Protocol version is not an integer or out of range");
        return;
    }
    if (version != 2) {
        resp_write_error(&p->text, "NOPROTO unsupported protocol version");
        return;
    }
    if (r->count > 2) {
        say_syntax(p); // neither AUTH nor SETNAME here
        return;
    }
    resp_write_array(&p->text, 10);
    resp_write_text(&p->text, "server");
    resp_write_text(&p->text, "kvd");
    resp_write_text(&p->text, "version");
    resp_write_text(&p->text, "0.1.0");
    resp_write_text(&p->text, "proto");
    resp_write_integer(&p->text, 2);
    resp_write_text(&p->text, "mode");
    resp_write_text(&p->text, "standalone");
    resp_write_text(&p->text, "role");
    resp_write_text(&p->text, "master");
}

void
say_client(plan *p, const resp_request_t *r, const command *c)
{
    (void)c;
    bool known = (is_word(resp_arg(r, 1), "setname") && r->count == 3) ||
                 (is_word(resp_arg(r, 1), "setinfo") && r->count == 4);
    if (known) {
        resp_write_status(&p->text, "OK"); // heard, and of no use here
    } else {
        say_unknown_subcommand(p, r, "CLIENT");
    }
}

// What redis-benchmark and other tools ask for.
void
say_config(plan *p, const resp_request_t *r, const command *c)
{
    (void)c;
    if (!is_word(resp_arg(r, 1), "get")) {
        say_unknown_subcommand(p, r, "CONFIG");
        return;
    }
    if (r->count != 3) {
        resp_write_error(&p->text, "ERR wrong number of arguments for 'config|get' command");
        return;
    }
    static const char *const settings[][2] = {{"save", ""}, {"appendonly", "no"}};
    const size_t setting_count = sizeof settings / sizeof settings[0];
    size_t matches = 0;
    for (size_t i = 0; i < setting_count; i++) {
        matches += is_word(resp_arg(r, 2), settings[i][0]) || is_word(resp_arg(r, 2), "*");
    }
    resp_write_array(&p->text, 2 * matches);
    for (size_t i = 0; i < setting_count; i++) {
        if (is_word(resp_arg(r, 2), settings[i][0]) || is_word(resp_arg(r, 2), "*")) {
            resp_write_text(&p->text, settings[i][0]);
            resp_write_text(&p->text, settings[i][1]);
        }
    }
}

void
plan_debug(plan *p, const resp_request_t *r, const command *c)
{
    (void)c;
    if (is_word(resp_arg(r, 1), "crash-hub") && r->count == 2) {
        p->end = PLAN_CRASH_HUB;
        return;
    }
    if (is_word(resp_arg(r, 1), "topics") && r->count == 2) {
        p->end = PLAN_COUNT_TOPICS;
        return;
    }
    if (is_word(resp_arg(r, 1), "waiting") && r->count == 2) {
        plan_begin(p, PLAN_SUM);
        plan_op_everywhere(p, (store_op){.verb = STORE_WAITING});
        return;
    }
    if (!is_word(resp_arg(r, 1), "crash-shard") || r->count != 3) {
        say_unknown_subcommand(p, r, "DEBUG");
        return;
    }
    int64_t shard = 0;
    if (!read_number(p, resp_arg(r, 2), &shard)) {
        return;
    }
    if (shard < 0 || shard >= p->cluster->count) {
        resp_write_error(&p->text, "ERR no such shard");
        return;
    }
    p->end = PLAN_CRASH; // the connection does it, and replies
    p->shard = (uint32_t)shard;
}
