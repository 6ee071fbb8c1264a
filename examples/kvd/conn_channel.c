#include "conn_kit.h"
#include "hub.h"

#include "troupe/buf.h"
#include "troupe/call.h"
#include "troupe/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SUBSCRIPTIONS_MAX 1024u // each is looked at whenever something has come

static tr_str_t
name_of(const conn_subscription_t *s)
{
    return tr_str_n(s->name, s->name_size);
}

// ---- calls to the hub ---------------------------------------------------------------------------

// Only our own end is an error; that of the hub is a reply.
static tr_err_t
say_unavailable(conn *c, tr_err_t err)
{
    if (err != TR_ECANCELED) {
        resp_write_error(&c->output, "ERR hub unavailable: %s %s", tr_errname(err),
                         tr_strerror(err));
        return TR_OK;
    }
    return err;
}

tr_err_t
conn_publish(tr_self *self, conn *c)
{
    tr_str_t text = resp_arg(&c->plan.request, 2);
    tr_buf *payload = NULL;
    tr_err_t err = tr_buf_create(text.data, text.size, &payload);
    if (err != TR_OK) {
        return say_unavailable(c, err);
    }
    const tr_topic_published *answer = NULL;
    err = tr_call(self, c->hub,
                  TR_MSG(hub_news, .channel = resp_arg(&c->plan.request, 1), .payload = payload),
                  TR_REPLY(tr_topic_published, &answer), tr_seconds(CONN_TIMEOUT_S));
    tr_buf_unref(payload);
    if (err != TR_OK) {
        return say_unavailable(c, err);
    }
    resp_write_integer(&c->output, answer->readers);
    tr_release(self, answer);
    return TR_OK;
}

tr_err_t
conn_count_topics(tr_self *self, conn *c)
{
    const hub_counted *answer = NULL;
    tr_err_t err = tr_call(self, c->hub, TR_MSG(hub_count), TR_REPLY(hub_counted, &answer),
                           tr_seconds(CONN_TIMEOUT_S));
    if (err != TR_OK) {
        return say_unavailable(c, err);
    }
    resp_write_integer(&c->output, answer->topics);
    tr_release(self, answer);
    return TR_OK;
}

// A reader from the hub.
static tr_err_t
join(tr_self *self, conn *c, tr_str_t name, bool is_pattern, tr_broadcast_rx **out)
{
    const tr_message *answer = NULL;
    tr_err_t err = tr_call(self, c->hub, TR_MSG(hub_join, .is_pattern = is_pattern, .name = name),
                           TR_REPLY_ANY(&answer), tr_seconds(CONN_TIMEOUT_S));
    if (err != TR_OK) {
        return err;
    }
    tr_broadcast_rx *rx = tr_take(self, answer, tr_topic_reader, rx);
    tr_release(self, answer);
    if (rx == NULL) {
        return TR_ETYPE;
    }
    *out = rx;
    return TR_OK;
}

// ---- what is published --------------------------------------------------------------------------

static void
write_name(conn *c, tr_str_t name)
{
    resp_write_bulk(&c->output, name.data, name.size);
}

// Up to the payload.
static void
write_head(conn *c, const conn_subscription_t *s, tr_str_t channel)
{
    resp_write_array(&c->output, s->is_pattern ? 4 : 3);
    resp_write_text(&c->output, s->is_pattern ? "pmessage" : "message");
    if (s->is_pattern) {
        write_name(c, name_of(s));
    }
    write_name(c, channel);
}

// In the form of a message, which every client knows how to show. Of which channels those were that
// a pattern missed is not known: the pattern stands in for them.
static void
write_missed(conn *c, const conn_subscription_t *s)
{
    char text[64];
    snprintf(text, sizeof text, "(kvd: %" PRIu64 " messages missed)", tr_broadcast_missed(s->rx));
    write_head(c, s, name_of(s));
    resp_write_text(&c->output, text);
}

static void
write_message(conn *c, const conn_subscription_t *s, const tr_message *msg)
{
    const hub_news *news = tr_as(hub_news, msg);
    if (news != NULL) {
        tr_bytes_t payload = tr_buf_bytes(news->payload);
        write_head(c, s, news->channel);
        resp_write_bulk(&c->output, payload.data, payload.size);
    }
}

// The topic has ended, and what it would have sent we do not know: only a new beginning is honest.
static void
write_lost(conn *c, const conn_subscription_t *s)
{
    resp_write_error(&c->output, "ERR subscription lost: '%.*s' restarted, subscribe again",
                     (int)s->name_size, s->name);
    c->closing = true;
}

// Pass on what one subscription has for us, until there is no more of it or as much as a topic
// keeps. While we wait for a slow client the topic keeps what it can for us, and no more.
static tr_err_t
pass_on(tr_self *self, conn *c, const conn_subscription_t *s)
{
    for (size_t i = 0; i <= HUB_KEPT_COUNT && !c->closing; i++) {
        const tr_message *msg = NULL;
        tr_err_t err = tr_broadcast_recv(self, s->rx, &msg, tr_ms(0));
        if (err == TR_ETIMEOUT) {
            return TR_OK;
        }
        if (err == TR_ELAGGED) {
            write_missed(c, s);
        } else if (err == TR_ECLOSED) {
            write_lost(c, s);
        } else if (err == TR_OK) {
            write_message(c, s, msg);
            tr_release(self, msg);
        } else {
            return err;
        }
        err = conn_flush_if_full(self, c);
        if (err != TR_OK) {
            return err;
        }
    }
    return TR_OK;
}

tr_err_t
conn_listen(tr_self *self, conn *c)
{
    while (c->subscription_count > 0 && !c->closing) {
        size_t which = 0;
        tr_err_t err = tr_select(self, c->branches, 1 + c->subscription_count, TR_FOREVER, &which);
        if (err != TR_OK || which == 0) {
            return err;
        }
        err = pass_on(self, c, &c->subscriptions[which - 1]);
        if (err == TR_OK) {
            err = conn_flush(self, c);
        }
        if (err != TR_OK) {
            return err;
        }
    }
    return TR_OK;
}

// ---- subscriptions ------------------------------------------------------------------------------

// How many there are if it is not there.
static size_t
find(const conn *c, tr_str_t name, bool is_pattern)
{
    size_t at = 0;
    while (at < c->subscription_count && (c->subscriptions[at].is_pattern != is_pattern ||
                                          !tr_str_equal(name_of(&c->subscriptions[at]), name))) {
        at++;
    }
    return at;
}

static void
say_changed(conn *c, bool is_pattern, bool is_new, const tr_str_t *name)
{
    static const char *const words[2][2] = {{"unsubscribe", "subscribe"},
                                            {"punsubscribe", "psubscribe"}};
    resp_write_array(&c->output, 3);
    resp_write_text(&c->output, words[is_pattern][is_new]);
    if (name != NULL) {
        write_name(c, *name);
    } else {
        resp_write_null(&c->output);
    }
    resp_write_integer(&c->output, (int64_t)c->subscription_count);
}

// Room for one more.
static tr_err_t
grow(conn *c)
{
    conn_subscription_t *subscriptions =
        heap_grow(&c->heap, c->subscriptions, &c->subscription_capacity, c->subscription_count,
                  sizeof *subscriptions);
    if (subscriptions == NULL) {
        return TR_ENOMEM;
    }
    c->subscriptions = subscriptions;
    tr_branch_t *branches = heap_grow(&c->heap, c->branches, &c->branch_capacity,
                                      1 + c->subscription_count, sizeof *branches);
    if (branches == NULL) {
        return TR_ENOMEM;
    }
    c->branches = branches;
    c->branches[0] = tr_when_readable(c->tcp);
    return TR_OK;
}

static tr_err_t
add(tr_self *self, conn *c, tr_str_t name, bool is_pattern)
{
    tr_err_t err = grow(c);
    if (err != TR_OK) {
        return err;
    }
    char *copy = heap_alloc(&c->heap, name.size + 1);
    if (copy == NULL) {
        return TR_ENOMEM;
    }
    memcpy(copy, name.data, name.size);
    conn_subscription_t new = {.is_pattern = is_pattern, .name = copy, .name_size = name.size};
    err = join(self, c, name, is_pattern, &new.rx);
    if (err != TR_OK) {
        heap_free(&c->heap, copy);
        return err;
    }
    c->subscriptions[c->subscription_count++] = new;
    c->branches[c->subscription_count] = tr_when_broadcast(new.rx);
    return TR_OK;
}

// What was published before is passed on before.
static tr_err_t
remove_at(tr_self *self, conn *c, size_t at)
{
    conn_subscription_t old = c->subscriptions[at];
    tr_err_t err = pass_on(self, c, &old);
    if (err != TR_OK || c->closing) {
        return err;
    }
    c->subscriptions[at] = c->subscriptions[--c->subscription_count];
    if (at < c->subscription_count) {
        c->branches[1 + at] = tr_when_broadcast(c->subscriptions[at].rx);
    }
    tr_broadcast_rx_close(old.rx);
    err = tr_send(self, c->hub,
                  TR_MSG(hub_leave, .is_pattern = old.is_pattern, .name = name_of(&old)));
    tr_str_t name = name_of(&old);
    say_changed(c, old.is_pattern, false, &name);
    heap_free(&c->heap, old.name);
    // Otherwise the seat stays ours until we end.
    return err == TR_ECANCELED ? err : conn_flush_if_full(self, c);
}

// A hub that does not answer may yet have given us a seat, so we do not stay.
static tr_err_t
subscribe_to(tr_self *self, conn *c, tr_str_t name, bool is_pattern)
{
    if (find(c, name, is_pattern) == c->subscription_count) {
        if (c->subscription_count == SUBSCRIPTIONS_MAX) {
            resp_write_error(&c->output, "ERR a connection may have %u subscriptions",
                             SUBSCRIPTIONS_MAX);
            return conn_flush_if_full(self, c);
        }
        tr_err_t err = add(self, c, name, is_pattern);
        if (err != TR_OK) {
            c->closing = true;
            return say_unavailable(c, err);
        }
    }
    say_changed(c, is_pattern, true, &name);
    return conn_flush_if_full(self, c);
}

tr_err_t
conn_subscribe(tr_self *self, conn *c)
{
    tr_err_t err = TR_OK;
    for (size_t i = 1; err == TR_OK && !c->closing && i < c->plan.request.count; i++) {
        err = subscribe_to(self, c, resp_arg(&c->plan.request, i), c->plan.are_patterns);
    }
    c->plan.subscribed = c->subscription_count > 0;
    return err;
}

static tr_err_t
unsubscribe_from(tr_self *self, conn *c, tr_str_t name, bool is_pattern)
{
    size_t at = find(c, name, is_pattern);
    if (at < c->subscription_count) {
        return remove_at(self, c, at);
    }
    say_changed(c, is_pattern, false, &name);
    return conn_flush_if_full(self, c);
}

static tr_err_t
unsubscribe_from_all(tr_self *self, conn *c, bool are_patterns)
{
    bool had_one = false;
    tr_err_t err = TR_OK;
    for (size_t at = c->subscription_count; err == TR_OK && !c->closing && at-- > 0;) {
        if (c->subscriptions[at].is_pattern == are_patterns) {
            had_one = true;
            err = remove_at(self, c, at);
        }
    }
    if (!had_one) {
        say_changed(c, are_patterns, false, NULL);
    }
    return err;
}

tr_err_t
conn_unsubscribe(tr_self *self, conn *c)
{
    const resp_request_t *r = &c->plan.request;
    bool are_patterns = c->plan.are_patterns;
    tr_err_t err = r->count == 1 ? unsubscribe_from_all(self, c, are_patterns) : TR_OK;
    for (size_t i = 1; err == TR_OK && !c->closing && i < r->count; i++) {
        err = unsubscribe_from(self, c, resp_arg(r, i), are_patterns);
    }
    c->plan.subscribed = c->subscription_count > 0;
    return err;
}
