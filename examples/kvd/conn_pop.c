#include "conn_kit.h"
#include "reply.h"
#include "store.h"

#include "troupe/call.h"
#include "troupe/oneshot.h"

// ---- waiting ------------------------------------------------------------------------------------

static tr_duration_t
until(tr_self *self, int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - tr_now_ns(self);
    return deadline_ns == INT64_MAX ? TR_FOREVER : tr_us(left_ns > 0 ? (left_ns + 999) / 1000 : 0);
}

// TR_OK when the shard has answered; TR_ETIMEOUT; or that the client is gone, or we are. What the
// client sends meanwhile is read, for behind it may be its end, and answered when its turn comes.
static tr_err_t
wait_for_answer(tr_self *self, conn *c, tr_oneshot *rx, int64_t deadline_ns)
{
    tr_branch_t branches[] = {tr_when_readable(c->tcp), tr_when_oneshot(rx)};
    size_t which = 1;
    // What was there when we asked is for a client that has said all it had to say as well.
    tr_err_t err = tr_select(self, branches + 1, 1, tr_ms(0), &which);
    if (err != TR_ETIMEOUT) {
        return err;
    }
    for (;;) {
        size_t skip = buffer_size(&c->input) < RESP_REQUEST_MAX ? 0 : 1;
        // The client first: one that is gone gets nothing that has just come.
        err = tr_select_biased(self, branches + skip, 2 - skip, until(self, deadline_ns), &which);
        if (err != TR_OK || skip + which == 1) {
            return err;
        }
        err = conn_read(self, c, tr_ms(0));
        if (err != TR_OK && err != TR_ETIMEOUT) {
            return err;
        }
    }
}

// ---- asking -------------------------------------------------------------------------------------

static tr_err_t
ask(tr_self *self, conn *c, tr_token *token)
{
    size_t count = c->plan.request.count - 2;
    tr_bytes_t *keys = plan_items(&c->plan, count);
    tr_err_t err = TR_ENOMEM;
    for (size_t i = 0; keys != NULL && i < count; i++) {
        tr_str_t key = resp_arg(&c->plan.request, 1 + i);
        keys[i] = tr_bytes(key.data, key.size);
    }
    if (keys != NULL) {
        err = tr_send(
            self, c->cluster.shards[c->plan.shard],
            TR_MSG(store_await, .flags = c->plan.flags, .keys = {keys, count}, .token = token));
    }
    if (err != TR_OK) {
        tr_token_reply_error(self, token, err);
    }
    return err;
}

// What we sent comes before what we call with: when this is answered, the shard has looked.
static tr_err_t
await_first_look(tr_self *self, conn *c)
{
    return tr_call(self, c->cluster.shards[c->plan.shard], TR_MSG(store_batch), TR_REPLY_NONE,
                   tr_seconds(CONN_TIMEOUT_S));
}

// Nobody is left to take it: back to where it was, or to who waits next. Without memory, or when
// all is being stopped, it is lost.
static void
give_back(tr_self *self, conn *c, const store_item *item)
{
    store_op op = {.verb = STORE_PUSH,
                   .flags = c->plan.flags,
                   .key = tr_str_n(item->key.data, item->key.size),
                   .items = {&item->value, 1}};
    (void)!tr_send(self, c->cluster.shards[c->plan.shard], TR_MSG(store_batch, .ops = {&op, 1}));
}

static void
say_item(conn *c, const store_item *item)
{
    if (item->outcome != STORE_VALUE) {
        reply_failure(TR_OK, item->outcome, &c->output);
        return;
    }
    resp_write_array(&c->output, 2);
    resp_write_bulk(&c->output, item->key.data, item->key.size);
    resp_write_bulk(&c->output, item->value.data, item->value.size);
}

// `asked` is how asking went, `waited` how waiting did. From the shut on nothing is sent to us any
// more; what was before is here.
static tr_err_t
reply(tr_self *self, conn *c, tr_oneshot *rx, tr_err_t asked, tr_err_t waited)
{
    tr_oneshot_shut(rx);
    const store_item *item = NULL;
    tr_err_t got = tr_oneshot_recv(self, rx, TR_REPLY(store_item, &item), tr_ms(0));
    bool is_gone = asked == TR_ECANCELED || (waited != TR_OK && waited != TR_ETIMEOUT);
    if (got == TR_OK) {
        if (!is_gone) {
            say_item(c, item);
        } else if (item->outcome == STORE_VALUE) {
            give_back(self, c, item);
        }
        tr_release(self, item);
    } else if (!is_gone) {
        bool is_late = got == TR_ECLOSED && asked == TR_OK;
        is_late ? resp_write_null_array(&c->output)
                : reply_failure(asked != TR_OK ? asked : got, STORE_DONE, &c->output);
    }
    return !is_gone ? TR_OK : asked == TR_ECANCELED ? asked : waited;
}

tr_err_t
conn_pop(tr_self *self, conn *c)
{
    int64_t deadline_ns =
        c->plan.timeout_us == 0 ? INT64_MAX : tr_now_ns(self) + c->plan.timeout_us * INT64_C(1000);
    tr_err_t err = conn_flush(self, c); // what was before this should not wait with us
    if (err != TR_OK) {
        return err;
    }
    tr_token *tx = NULL;
    tr_oneshot *rx = NULL;
    err = tr_oneshot_create(self, &tx, &rx);
    if (err != TR_OK) {
        reply_failure(err, STORE_DONE, &c->output);
        return TR_OK;
    }
    tr_err_t asked = ask(self, c, tx);
    if (asked == TR_OK) {
        asked = await_first_look(self, c);
    }
    tr_err_t waited = asked == TR_OK ? wait_for_answer(self, c, rx, deadline_ns) : TR_OK;
    err = reply(self, c, rx, asked, waited);
    tr_oneshot_close(rx);
    return err;
}
