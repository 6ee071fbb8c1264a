// actors.h: the list of actors, fetched page by page, and finding one of them.
#ifndef TROUPE_TOOL_ACTORS_H
#define TROUPE_TOOL_ACTORS_H

#include <stdbool.h>
#include <stdint.h>

#include <msgpack.h>

#include "client.h"
#include "exit.h"

typedef struct actors_query {
    uint32_t page;     // actors asked for at one time
    const char *name;  // NULL, or only those of this name
    const char *match; // NULL, or only those whose name is like this pattern
} actors_query;

// Called for each actor, a map that is borrowed. False: enough.
typedef bool (*actors_fn)(const msgpack_object *actor, void *arg);

// Fetch all actors that the query names. On failure the client's `why` says what was wrong.
tool_exit actors_each(client *c, const actors_query *query, actors_fn fn, void *arg);

// What the user wrote: an address, a name, or a pattern.
bool actors_is_address(const char *word, uint64_t *out);
bool actors_is_pattern(const char *word);

// The one actor that the user means. TOOL_NONE: nobody. TOOL_USAGE: several; `why` lists them.
tool_exit actors_find(client *c, const char *word, uint64_t *out);

// "waiting: call"; "3/256".
void actors_state(text *t, const msgpack_object *actor);
void actors_fill(text *t, const msgpack_object *actor);
uint64_t actors_restarts(const msgpack_object *actor);

#endif
