#include "command_kit.h"

#include "number.h"

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

void
plan_range(plan *p, const resp_request_t *r, const command *c)
{
    store_op op = {.verb = c->verb, .key = resp_arg(r, 1)};
    if (read_number(p, resp_arg(r, 2), &op.number) && read_number(p, resp_arg(r, 3), &op.last)) {
        plan_begin(p, PLAN_ONE);
        plan_op(p, op);
    }
}
