// main.c: kvd, a key-value server that speaks RESP2, made of supervised actors.
//
//     kvd --port 6380 --shards 4 &                 kvd --help: what else can be set, and where
//     redis-cli -p 6380 set greeting hello
//     redis-cli -p 6380 debug crash-shard 0        its supervisor starts it again; nobody else
//     notices troupe tree
//
// README.md shows the tree and says what each file is.
#include "cluster.h"
#include "hub.h"
#include "listener.h"
#include "store.h"

#include "troupe/main.h"
#include "troupe/supervisor.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#define SPARE_DESCRIPTORS 64u // for all that is not a client

// ---- settings -----------------------------------------------------------------------------------

static const tr_config_key_t keys[] = {
    {.name = "port",
     TR_CONFIG_U16(listener_arg_t, port),
     .fallback = "6380",
     .help = "listen on this port; 0: the system chooses"},
    {.name = "host",
     TR_CONFIG_STR(listener_arg_t, host),
     .fallback = "127.0.0.1",
     .min = "1",
     .help = "listen on this address"},
    {.name = "port-file",
     TR_CONFIG_STR(listener_arg_t, port_file),
     .fallback = "",
     .help = "write the port to this file when clients are accepted"},
    {.name = "shards",
     TR_CONFIG_U32(listener_arg_t, shards),
     .fallback = "4",
     .min = "1",
     .max = "32",
     .help = "actors that share the keys"},
    {.name = "max-clients",
     TR_CONFIG_U32(listener_arg_t, max_clients),
     .fallback = "20000",
     .min = "1",
     .max = "1000000",
     .help = "clients at a time"},
};
static_assert(CLUSTER_SHARDS_MAX == 32, "the key `shards` says so");

static const tr_config_spec_t settings = {
    .program = "kvd",
    .about = "A key-value server that speaks RESP2.",
    .keys = keys,
    .key_count = sizeof keys / sizeof *keys,
};

// ---- the tree -----------------------------------------------------------------------------------

// Filled in before the runtime starts and constant from then on.
static char shard_ids[CLUSTER_SHARDS_MAX][24];
static tr_child_t children[CLUSTER_SHARDS_MAX + 2];
static tr_supervisor_t root = {
    .name = "kvd",
    .children = children,
    // Anyone may crash a shard here, as often as they like. A service of yours gives up earlier.
    .max_restarts = 1000000,
    .within_ms = 5000,
};

static void
plant(const listener_arg_t *arg)
{
    for (uint32_t i = 0; i < arg->shards; i++) {
        snprintf(shard_ids[i], sizeof shard_ids[i], "shard-%" PRIu32, i);
        children[i] = (tr_child_t){
            .id = shard_ids[i],
            .behavior = &store_behavior,
            .mailbox_count = STORE_MAILBOX_COUNT,
            .mailbox_bytes = STORE_MAILBOX_BYTES,
        };
    }
    children[arg->shards] = (tr_child_t){
        .id = "hub",
        .behavior = &hub_behavior,
        .mailbox_count = HUB_MAILBOX_COUNT,
        .mailbox_bytes = HUB_MAILBOX_BYTES,
        .stop_order = TR_STOP_TOGETHER,
    };
    // Last, so that clients come when all the others are there, and leave before they go.
    children[arg->shards + 1] = (tr_child_t){
        .id = "listener",
        .behavior = &listener_behavior,
        .arg = arg,
        .arg_size = sizeof *arg,
        .stop_order = TR_STOP_TOGETHER,
    };
    root.child_count = arg->shards + 2;
}

// A descriptor for each client, as far as the system lets us.
static void
raise_descriptor_limit(uint32_t clients)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)clients + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// Every message is in exactly one of these states, so the balance of a correct runtime is zero.
static void
print_ledger(const tr_stats_t *stats, void *arg)
{
    (void)arg;
    const tr_ledger_t *l = &stats->ledger;
    uint64_t ended = l->handled + l->failed + l->expired + l->dropped + l->dead + l->returned +
                     l->discarded + l->queued;
    printf("ledger: accepted=%" PRIu64 " handled=%" PRIu64 " failed=%" PRIu64 " expired=%" PRIu64
           " dropped=%" PRIu64 " dead=%" PRIu64 " returned=%" PRIu64 " discarded=%" PRIu64
           " queued=%" PRIu64 " balance=%" PRId64 "\n",
           l->accepted, l->handled, l->failed, l->expired, l->dropped, l->dead, l->returned,
           l->discarded, l->queued, (int64_t)(l->accepted - ended));
    fflush(stdout);
}

static bool
configured(void *filled, void *unused)
{
    listener_arg_t *arg = filled;
    (void)unused;
    arg->seed = hash_seed_random();
    raise_descriptor_limit(arg->max_clients);
    plant(arg);
    return true;
}

int
main(int argc, char **argv)
{
    listener_arg_t listener;
    return tr_main_with(argc, argv,
                        &(tr_main_opts_t){
                            .runtime = {.name = "kvd"},
                            .config = &settings,
                            .settings = &listener,
                            .configured = configured,
                            .stopped = print_ledger,
                        },
                        &root);
}
