// main.c: kvd, a key-value server that speaks RESP2, made of supervised actors.
//
//     kvd --port 6380 --shards 4 &
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

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define SPARE_DESCRIPTORS 64u // for all that is not a client

typedef struct options {
    listener_arg_t listener;
    uint32_t workers;
} options_t;

static const char usage[] = "usage: kvd [options]\n"
                            "  --port N         listen on this port; 0: the system chooses (6380)\n"
                            "  --host ADDR      listen on this address (127.0.0.1)\n"
                            "  --workers N      worker threads; 0: one per core (0)\n"
                            "  --shards N       actors that share the keys, 1 to 32 (4)\n"
                            "  --port-file FILE write the port there when clients are accepted\n"
                            "  --max-clients N  clients at a time (20000)\n"
                            "  --help           this text\n";

// ---- options ------------------------------------------------------------------------------------

static bool
read_number(const char *name, const char *text, long min, long max, long *out)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < min || number > max) {
        fprintf(stderr, "kvd: --%s takes a number from %ld to %ld, not '%s'\n%s", name, min, max,
                text, usage);
        return false;
    }
    *out = number;
    return true;
}

enum {
    OPTION_PORT = 256, // no option is a single letter
    OPTION_HOST,
    OPTION_WORKERS,
    OPTION_SHARDS,
    OPTION_PORT_FILE,
    OPTION_MAX_CLIENTS,
    OPTION_HELP,
};

// False after having said what is wrong. --help ends the program.
static bool
read_options(int argc, char **argv, options_t *out)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, OPTION_PORT},
        {"host", required_argument, NULL, OPTION_HOST},
        {"workers", required_argument, NULL, OPTION_WORKERS},
        {"shards", required_argument, NULL, OPTION_SHARDS},
        {"port-file", required_argument, NULL, OPTION_PORT_FILE},
        {"max-clients", required_argument, NULL, OPTION_MAX_CLIENTS},
        {"help", no_argument, NULL, OPTION_HELP},
        {0},
    };
    opterr = 0; // the messages are ours
    long number = 0;
    bool valid = true;
    while (valid) {
        int at = optind;
        switch (getopt_long(argc, argv, "+:", names, NULL)) {
        case OPTION_PORT:
            valid = read_number("port", optarg, 0, 65535, &number);
            out->listener.port = (uint16_t)number;
            break;
        case OPTION_HOST:
            out->listener.host = optarg;
            break;
        case OPTION_WORKERS:
            valid = read_number("workers", optarg, 0, 256, &number);
            out->workers = (uint32_t)number;
            break;
        case OPTION_SHARDS:
            valid = read_number("shards", optarg, 1, (long)CLUSTER_SHARDS_MAX, &number);
            out->listener.shards = (uint32_t)number;
            break;
        case OPTION_PORT_FILE:
            out->listener.port_file = optarg;
            break;
        case OPTION_MAX_CLIENTS:
            valid = read_number("max-clients", optarg, 1, 1000000, &number);
            out->listener.max_clients = (uint32_t)number;
            break;
        case OPTION_HELP:
            fputs(usage, stdout);
            exit(TR_EXIT_OK);
        case ':':
            fprintf(stderr, "kvd: %s needs a value\n%s", argv[at], usage);
            return false;
        case -1:
            if (optind == argc) {
                return true;
            }
            fprintf(stderr, "kvd: unexpected argument '%s'\n%s", argv[optind], usage);
            return false;
        default:
            fprintf(stderr, "kvd: unknown option '%s'\n%s", argv[at], usage);
            return false;
        }
    }
    return false;
}

// ---- the tree -----------------------------------------------------------------------------------

// Filled in before the runtime starts and constant from then on.
static char shard_ids[CLUSTER_SHARDS_MAX][24];
static tr_child_t children[CLUSTER_SHARDS_MAX + 2];

static const tr_supervisor_t *
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
    static tr_supervisor_t root;
    root = (tr_supervisor_t){
        .name = "kvd",
        .children = children,
        .child_count = arg->shards + 2,
        // Anyone may crash a shard here, as often as they like. A service of yours gives up
        // earlier.
        .max_restarts = 1000000,
        .within_ms = 5000,
    };
    return &root;
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

int
main(int argc, char **argv)
{
    options_t options = {
        .listener = {.host = "127.0.0.1", .port = 6380, .max_clients = 20000, .shards = 4},
    };
    if (!read_options(argc, argv, &options)) {
        return TR_EXIT_USAGE;
    }
    options.listener.seed = hash_seed_random();
    raise_descriptor_limit(options.listener.max_clients);
    return tr_main_run(
        &(tr_main_opts_t){
            .runtime = {.name = "kvd", .workers = options.workers},
            .stopped = print_ledger,
        },
        plant(&options.listener));
}
