#include "command_kit.h"

#include "number.h"

#define TIMEOUT_MAX_S 9e9 // as many as fit into nanoseconds

// LPUSH and RPUSH; c->number is the flag of the end.
void
plan_push(plan *p, const resp_request_t *r, const command *c)
{
    size_t count = r->count - 2;
    tr_bytes_t *items = plan_items(p, count);
    if (items == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        tr_str_t item = resp_arg(r, 2 + i);
        items[i] = tr_bytes(item.data, item.size);
    }
    plan_begin(p, PLAN_ONE);
    plan_op(p, (store_op){.verb = c->verb,
                          .flags = (uint32_t)c->number,
                          .key = resp_arg(r, 1),
                          .items = {items, count}});
}

// LPOP and RPOP, of one item or of as many as are asked for; c->number is the flag of the end.
void
plan_pop(plan *p, const resp_request_t *r, const command *c)
{
    store_op op = {.verb = c->verb, .flags = (uint32_t)c->number, .key = resp_arg(r, 1)};
    if (r->count == 2) {
        plan_begin(p, PLAN_ONE);
        plan_op(p, op);
        return;
    }
    if (r->count > 3) {
        say_wrong_arity(p, c);
        return;
    }
    if (!number_parse(resp_arg(r, 2), &op.number) || op.number < 0) {
        resp_write_error(&p->text, "ERR value is out of range, must be positive");
        return;
    }
    op.verb = STORE_TAKE;
    plan_begin(p, PLAN_LIST);
    plan_op(p, op);
}

// False after having said what is wrong.
static bool
read_timeout(plan *p, tr_str_t text, int64_t *out_us)
{
    double seconds = 0;
    if (!number_parse_real(text, &seconds)) {
        resp_write_error(&p->text, "ERR timeout is not a float or out of range");
    } else if (seconds < 0) {
        resp_write_error(&p->text, "ERR timeout is negative");
    } else if (seconds > TIMEOUT_MAX_S) {
        resp_write_error(&p->text, "ERR timeout is out of range");
    } else {
        // Never down to 0, which is for ever.
        *out_us = (int64_t)(seconds * 1e6);
        *out_us += (double)*out_us < seconds * 1e6;
        return true;
    }
    return false;
}

// BLPOP and BRPOP; c->number is the flag of the end. Who waits, waits at one shard.
void
plan_pop_or_wait(plan *p, const resp_request_t *r, const command *c)
{
    if (!read_timeout(p, resp_arg(r, r->count - 1), &p->timeout_us)) {
        return;
    }
    p->shard = cluster_shard_of(p->cluster, resp_arg(r, 1));
    for (size_t i = 2; i + 1 < r->count; i++) {
        if (cluster_shard_of(p->cluster, resp_arg(r, i)) != p->shard) {
            resp_write_error(&p->text, "CROSSSLOT Keys in request don't hash to the same slot");
            return;
        }
    }
    p->flags = (uint32_t)c->number;
    p->end = PLAN_POP;
    p->request = *r;
}

void
plan_range(plan *p, const resp_request_t *r, const command *c)
{
    store_op op = {.verb = c->verb, .key = resp_arg(r, 1)};
    if (read_number(p, resp_arg(r, 2), &op.number) && read_number(p, resp_arg(r, 3), &op.last)) {
        plan_begin(p, PLAN_ONE);
        plan_op(p, op);
    }
}
