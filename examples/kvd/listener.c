#include "listener.h"

#include "cluster.h"
#include "conn.h"

#include "troupe/call.h"
#include "troupe/supervisor.h"
#include "troupe/tcp.h"

#include <stdio.h>

#define BACKLOG       4096u
#define ACCEPT_MS     100 // how long the ends of clients may go unnoticed while nobody comes
#define FULL_PAUSE_MS 50  // when the system has no descriptor left
#define REFUSE_MS     100
#define LOOKUP_S      5

// To myself. There is always exactly one of the two under way, until the port is closed: between
// two clients the mailbox gets its turn, and with it the ends of earlier ones.
TR_MESSAGE_EMPTY(listener_begin);
TR_MESSAGE_EMPTY(listener_accept);

typedef struct listener {
    listener_arg_t arg;
    tr_tcp_listener *tcp;
    cluster_t cluster;
    tr_ref_t hub;
    uint32_t clients;
} listener;

static tr_err_t
listener_start(tr_self *self, void *state, const void *arg)
{
    listener *l = state;
    l->arg = *(const listener_arg_t *)arg;
    tr_err_t err = tr_tcp_listen(self, l->arg.host, l->arg.port,
                                 &(tr_tcp_listen_opts_t){.backlog = BACKLOG}, &l->tcp);
    if (err != TR_OK) {
        tr_fail(self, err, "cannot listen on %s:%u", l->arg.host, l->arg.port);
    }
    // The supervisor waits for our start and could not tell us where they are.
    return tr_send(self, tr_self_ref(self), TR_MSG(listener_begin));
}

static tr_err_t
find_sibling(tr_self *self, const char *id, tr_ref_t *out)
{
    const tr_supervisor_child *answer = NULL;
    tr_err_t err =
        tr_call(self, tr_self_parent(self), TR_MSG(tr_supervisor_which, .id = tr_str(id)),
                TR_REPLY(tr_supervisor_child, &answer), tr_seconds(LOOKUP_S));
    if (err == TR_OK) {
        *out = answer->child;
    }
    return err;
}

static tr_err_t
find_siblings(tr_self *self, listener *l)
{
    l->cluster.count = l->arg.shards;
    l->cluster.seed = l->arg.seed;
    for (uint32_t i = 0; i < l->arg.shards; i++) {
        char id[24];
        snprintf(id, sizeof id, "shard-%u", i);
        tr_err_t err = find_sibling(self, id, &l->cluster.shards[i]);
        if (err != TR_OK) {
            return err;
        }
    }
    return find_sibling(self, "hub", &l->hub);
}

// Whoever finds the file finds the whole number in it.
static tr_err_t
write_port_file(const char *path, uint16_t port)
{
    char draft[4096];
    int size = snprintf(draft, sizeof draft, "%s.new", path);
    FILE *file = size > 0 && (size_t)size < sizeof draft ? fopen(draft, "w") : NULL;
    if (file == NULL) {
        return TR_EIO;
    }
    bool written = fprintf(file, "%u\n", port) > 0;
    written = fclose(file) == 0 && written;
    return written && rename(draft, path) == 0 ? TR_OK : TR_EIO;
}

static tr_err_t
begin(tr_self *self, listener *l)
{
    tr_err_t err = find_siblings(self, l);
    if (err != TR_OK) {
        return err;
    }
    uint16_t port = tr_tcp_listener_port(l->tcp);
    if (l->arg.port_file[0] != '\0') {
        err = write_port_file(l->arg.port_file, port);
        if (err != TR_OK) {
            tr_fail(self, err, "cannot write %s", l->arg.port_file);
        }
    }
    printf("kvd: ready on %s:%u, %u shards, %u workers\n", l->arg.host, port, l->cluster.count,
           tr_self_workers(self));
    fflush(stdout);
    return tr_send(self, tr_self_ref(self), TR_MSG(listener_accept));
}

// ---- clients ------------------------------------------------------------------------------------

static void
refuse(tr_self *self, tr_socket_t socket)
{
    static const char reason[] = "-ERR max number of clients reached\r\n";
    tr_tcp *tcp = NULL;
    if (tr_tcp_adopt(self, socket, &tcp) != TR_OK) {
        tr_socket_close(socket);
        return;
    }
    // It fits into the buffer of a fresh socket; a client that is gone already misses nothing.
    (void)!tr_tcp_write(self, tcp, reason, sizeof reason - 1, tr_ms(REFUSE_MS));
    tr_tcp_close(self, tcp);
}

static void
serve(tr_self *self, listener *l, tr_socket_t socket)
{
    conn_arg_t arg = {.cluster = l->cluster, .hub = l->hub};
    tr_ref_t child;
    tr_err_t err = tr_spawn(self,
                            &(tr_spawn_opts_t){
                                .behavior = &conn_behavior,
                                .arg = &arg,
                                .arg_size = sizeof arg,
                                .socket = &socket,
                                .mailbox_count = 8, // it writes to itself, once
                                .shutdown_ms = 1000,
                            },
                            &child);
    if (err == TR_OK) {
        l->clients++;
    } // otherwise the client sees a close, which says enough
}

static tr_err_t
accept_one(tr_self *self, listener *l)
{
    tr_socket_t socket = {-1};
    tr_err_t err = tr_tcp_accept(self, l->tcp, tr_ms(ACCEPT_MS), &socket);
    switch (err) {
    case TR_OK:
        if (l->clients < l->arg.max_clients) {
            serve(self, l, socket);
        } else {
            refuse(self, socket);
        }
        break;
    case TR_ETIMEOUT:
        break;
    case TR_ELIMIT:
        err = tr_sleep(self, tr_ms(FULL_PAUSE_MS));
        break;
    default:
        break;
    }
    if (tr_self_is_stopping(self)) {
        // New clients go elsewhere at once, while those that are there come to their end.
        tr_tcp_listener_close(self, l->tcp);
        l->tcp = NULL;
        return TR_OK;
    }
    if (err != TR_OK && err != TR_ETIMEOUT) {
        return err;
    }
    return tr_send(self, tr_self_ref(self), TR_MSG(listener_accept));
}

static tr_err_t
listener_receive(tr_self *self, void *state, const tr_message *msg)
{
    listener *l = state;
    if (tr_as(listener_accept, msg) != NULL) {
        return accept_one(self, l);
    }
    if (tr_as(tr_child_exit, msg) != NULL) {
        // How it ended is in the runtime's log, and no reason to do anything.
        l->clients -= l->clients > 0;
        return TR_OK;
    }
    if (tr_as(listener_begin, msg) != NULL) {
        return begin(self, l);
    }
    return TR_EUNHANDLED;
}

const tr_behavior_t listener_behavior = {
    .name = "listener",
    .state_size = sizeof(struct listener),
    .start = listener_start,
    .receive = listener_receive,
};
