#include "conn.h"

#include "command.h"
#include "conn_kit.h"
#include "hub.h"
#include "reply.h"
#include "store.h"

#include "troupe/call.h"

#include <stdbool.h>

#define READ_MIN    512u         // room for a read: this is what an idle client holds,
#define READ_MAX    (16u * 1024) // and this what one holds that filled it each time
#define OUTPUT_KEPT (4u * 1024)
#define LINGER_MS   1000

// To myself, from start: begin to serve.
TR_MESSAGE_EMPTY(conn_serve);

static tr_err_t
conn_start(tr_self *self, void *state, const void *arg)
{
    conn *c = state;
    const conn_arg_t *a = arg;
    c->cluster = a->cluster;
    c->hub = a->hub;
    tr_err_t err = tr_tcp_take(self, &c->tcp);
    return err != TR_OK ? err : tr_send(self, tr_self_ref(self), TR_MSG(conn_serve));
}

// ---- replies ------------------------------------------------------------------------------------

tr_err_t
conn_flush(tr_self *self, conn *c)
{
    if (c->output.failed) {
        return TR_ENOMEM;
    }
    if (buffer_size(&c->output) == 0) {
        return TR_OK;
    }
    tr_err_t err =
        tr_tcp_write(self, c->tcp, buffer_bytes(&c->output), buffer_size(&c->output), TR_FOREVER);
    buffer_clear(&c->output);
    buffer_trim(&c->output, OUTPUT_KEPT);
    return err;
}

tr_err_t
conn_flush_if_full(tr_self *self, conn *c)
{
    return buffer_size(&c->output) >= CONN_OUTPUT_FULL || c->output.failed ? conn_flush(self, c)
                                                                           : TR_OK;
}

// Ask a shard for what its lane needs next. A shard that fails is an answer as well: the commands
// concerned get an error reply and the connection goes on. Only our own end is an error here.
static tr_err_t
ask_shard(tr_self *self, conn *c, uint32_t shard)
{
    plan_lane_t *lane = &c->plan.lanes[shard];
    size_t count = plan_lane_window(lane);
    const store_results *answer = NULL;
    tr_err_t err = tr_call(self, c->cluster.shards[shard],
                           TR_MSG(store_batch, .ops = {lane->ops + lane->answered, count}),
                           TR_REPLY(store_results, &answer), tr_seconds(CONN_TIMEOUT_S));
    if (err == TR_ECANCELED) {
        return err;
    }
    plan_lane_answered(lane, count, err, answer);
    return TR_OK;
}

static void
release_answer(tr_self *self, plan_lane_t *lane)
{
    tr_release(self, lane->answer);
    lane->answer = NULL;
}

// Each shard is asked at most once, and only when its previous answer is used up: that bounds what
// we hold.
static tr_err_t
ask_shards(tr_self *self, conn *c)
{
    for (uint32_t i = 0; i < c->cluster.count; i++) {
        plan_lane_t *lane = &c->plan.lanes[i];
        if (lane->taken < lane->answered || lane->answered == lane->count) {
            continue;
        }
        release_answer(self, lane);
        tr_err_t err = ask_shard(self, c, i);
        if (err != TR_OK) {
            return err;
        }
    }
    return TR_OK;
}

tr_err_t
conn_crash(tr_self *self, conn *c, tr_ref_t actor, const tr_type_t *type, const void *value)
{
    tr_err_t err = tr_call(self, actor, type, value, TR_REPLY_NONE, tr_seconds(CONN_TIMEOUT_S));
    if (err == TR_ECANCELED) {
        return err;
    }
    if (err == TR_ECRASHED) {
        resp_write_status(&c->output, "OK");
    } else {
        resp_write_error(&c->output, "ERR it did not crash: %s %s", tr_errname(err),
                         tr_strerror(err));
    }
    return TR_OK;
}

// The results of the shards, as replies.
static tr_err_t
answer_commands(tr_self *self, conn *c)
{
    tr_err_t err = TR_OK;
    reply_status_t status = REPLY_WAITS;
    reply_cursor_t cursor = {0};
    while (err == TR_OK && status != REPLY_DONE) {
        status = reply_write(&c->plan, &cursor, tr_self_workers(self), &c->output);
        if (status == REPLY_WAITS) {
            err = ask_shards(self, c);
        } else if (status == REPLY_FULL) {
            err = conn_flush(self, c);
        }
    }
    for (uint32_t i = 0; i < c->cluster.count; i++) {
        release_answer(self, &c->plan.lanes[i]);
    }
    return err;
}

// The last command of the plan, where it is one for us.
static tr_err_t
do_last(tr_self *self, conn *c)
{
    switch (c->plan.end) {
    case PLAN_GO_ON:
        return TR_OK;
    case PLAN_CLOSE:
        c->closing = true;
        return TR_OK;
    case PLAN_CRASH:
        return conn_crash(self, c, c->cluster.shards[c->plan.shard], TR_MSG(store_crash));
    case PLAN_CRASH_HUB:
        return conn_crash(self, c, c->hub, TR_MSG(hub_crash));
    case PLAN_COUNT_TOPICS:
        return conn_count_topics(self, c);
    case PLAN_PUBLISH:
        return conn_publish(self, c);
    case PLAN_SUBSCRIBE:
        return conn_subscribe(self, c);
    case PLAN_UNSUBSCRIBE:
        return conn_unsubscribe(self, c);
    case PLAN_POP:
        return conn_pop(self, c);
    }
    return TR_OK;
}

// What is replied is written out when there is much of it, and behind the last plan.
static tr_err_t
answer_plan(tr_self *self, conn *c, bool is_last)
{
    if (c->plan.failed || c->plan.text.failed) {
        return TR_ENOMEM;
    }
    tr_err_t err = answer_commands(self, c);
    if (err == TR_OK) {
        err = do_last(self, c);
    }
    plan_reset(&c->plan);
    if (err != TR_OK) {
        return err;
    }
    return is_last || c->closing ? conn_flush(self, c) : conn_flush_if_full(self, c);
}

// ---- requests -----------------------------------------------------------------------------------

// Plan the requests that are complete, as many as make a batch. *used is what they took of the
// input: the plan borrows those bytes, so they are taken when it has been answered.
static tr_err_t
plan_requests(conn *c, size_t *used)
{
    while (!plan_is_full(&c->plan)) {
        resp_request_t request;
        resp_status_t status = resp_parse(&c->parser, buffer_bytes(&c->input) + *used,
                                          buffer_size(&c->input) - *used, &request);
        if (status == RESP_NO_MEMORY) {
            return TR_ENOMEM;
        }
        if (status == RESP_ERROR) {
            size_t before = buffer_size(&c->plan.text);
            resp_write_error(&c->plan.text, "ERR Protocol error: %s", c->parser.error);
            plan_text(&c->plan, before);
            c->plan.end = PLAN_CLOSE;
        }
        if (status != RESP_REQUEST) {
            return TR_OK;
        }
        *used += request.size;
        if (request.count > 0) {
            command_plan(&c->plan, &request);
        }
    }
    return TR_OK;
}

// Answer all requests that are complete.
static tr_err_t
answer_requests(tr_self *self, conn *c)
{
    bool more = true;
    while (more && !c->closing) {
        size_t used = 0;
        tr_err_t err = plan_requests(c, &used);
        more = plan_is_full(&c->plan);
        if (err == TR_OK) {
            err = answer_plan(self, c, !more);
        }
        if (err != TR_OK) {
            return err;
        }
        buffer_take(&c->input, used);
    }
    buffer_trim(&c->input, READ_MAX);
    resp_parser_trim(&c->parser);
    return TR_OK;
}

tr_err_t
conn_read(tr_self *self, conn *c, tr_duration_t timeout)
{
    char *bytes = buffer_reserve(&c->input, c->read_size);
    if (bytes == NULL) {
        return TR_ENOMEM;
    }
    size_t room = buffer_room(&c->input);
    size_t size = 0;
    tr_err_t err = tr_tcp_read(self, c->tcp, bytes, room, timeout, &size);
    if (err == TR_OK) {
        buffer_added(&c->input, size);
        if (size == room && c->read_size < READ_MAX) {
            c->read_size *= 2;
        }
    }
    return err;
}

// Closing while the client still sends would reset the connection, and the reset may overtake our
// last word. So say that it was the last, and listen for a while.
static tr_err_t
linger(tr_self *self, conn *c)
{
    tr_err_t err = tr_tcp_shutdown(self, c->tcp);
    int64_t until_ns = tr_now_ns(self) + LINGER_MS * INT64_C(1000000);
    while (err == TR_OK && tr_now_ns(self) < until_ns) {
        buffer_clear(&c->input);
        char *bytes = buffer_reserve(&c->input, READ_MAX);
        size_t size = 0;
        err = bytes == NULL ? TR_ENOMEM
                            : tr_tcp_read(self, c->tcp, bytes, buffer_room(&c->input),
                                          tr_us((until_ns - tr_now_ns(self)) / 1000), &size);
    }
    return err == TR_OK || err == TR_ETIMEOUT ? TR_EEOF : err;
}

static tr_err_t
converse(tr_self *self, conn *c)
{
    c->heap = heap_of_life(self);
    c->input.heap = &c->heap;
    c->output.heap = &c->heap;
    resp_parser_init(&c->parser, &c->heap);
    c->read_size = READ_MIN;
    tr_err_t err = plan_init(&c->plan, &c->heap, &c->cluster);
    while (err == TR_OK && !c->closing) {
        err = conn_listen(self, c);
        if (err == TR_OK && !c->closing) {
            err = conn_read(self, c, TR_FOREVER);
        }
        if (err == TR_OK && !c->closing) {
            err = answer_requests(self, c);
        }
    }
    return err == TR_OK ? linger(self, c) : err;
}

static tr_err_t
conn_receive(tr_self *self, void *state, const tr_message *msg)
{
    if (tr_as(conn_serve, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = converse(self, state);
    switch (err) {
    case TR_EEOF: // the client is done, and so are we; memory and socket end with this life
    case TR_ERESET:
    case TR_EIO:
        tr_exit(self);
        return TR_OK;
    case TR_ECANCELED: // being stopped
        return TR_OK;
    default: // no memory, say: it costs this client, and nobody else
        return err;
    }
}

const tr_behavior_t conn_behavior = {
    .name = "conn",
    .state_size = sizeof(struct conn),
    .start = conn_start,
    .receive = conn_receive,
};
