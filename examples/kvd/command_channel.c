#include "command_kit.h"

#include "hub.h"

// The connection has to ask the hub, so this is the last command of its plan.
static void
leave_to_conn(plan *p, const resp_request_t *r, plan_end_t end)
{
    p->end = end;
    p->request = *r;
}

void
plan_publish(plan *p, const resp_request_t *r, const command *c)
{
    (void)c;
    if (resp_arg(r, 1).size > HUB_NAME_MAX) {
        resp_write_error(&p->text, "ERR a channel's name may have %u bytes", HUB_NAME_MAX);
    } else if (resp_arg(r, 2).size > HUB_PAYLOAD_MAX) {
        resp_write_error(&p->text, "ERR a message may have %u bytes", HUB_PAYLOAD_MAX);
    } else {
        leave_to_conn(p, r, PLAN_PUBLISH);
    }
}

// SUBSCRIBE and PSUBSCRIBE; c->number says which.
void
plan_subscribe(plan *p, const resp_request_t *r, const command *c)
{
    for (size_t i = 1; i < r->count; i++) {
        if (resp_arg(r, i).size > HUB_NAME_MAX) {
            resp_write_error(&p->text, "ERR a channel's name may have %u bytes", HUB_NAME_MAX);
            return;
        }
    }
    p->are_patterns = c->number != 0;
    leave_to_conn(p, r, PLAN_SUBSCRIBE);
}

void
plan_unsubscribe(plan *p, const resp_request_t *r, const command *c)
{
    p->are_patterns = c->number != 0;
    leave_to_conn(p, r, PLAN_UNSUBSCRIBE);
}
