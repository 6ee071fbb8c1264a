// command_kit.h: what the commands are made with, for the files they are in: command.c those on
// keys and strings, command_list.c those on lists, command_channel.c those on channels,
// command_client.c the rest.
#ifndef KVD_COMMAND_KIT_H
#define KVD_COMMAND_KIT_H

#include "plan.h"
#include "resp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct command command;

// Says the operations, or appends the reply to p->text and begins nothing.
typedef void (*command_fn)(plan *p, const resp_request_t *r, const command *c);

struct command {
    const char *name;
    int arity; // with the name; negative: at least that many
    command_fn plan;
    store_verb verb; // for those that are one operation
    int64_t number;  // what the verb makes of it
};

// For "%.*s" of at most `limit` bytes.
#define SHOWN(text, limit) (int)((text).size < (limit) ? (text).size : (limit)), (text).data

// Words are the same in upper and lower case.
bool is_word(tr_str_t text, const char *word);

// Errors in place of a reply.
void say_wrong_arity(plan *p, const command *c);
void say_syntax(plan *p);
void say_unknown_subcommand(plan *p, const resp_request_t *r, const char *name);

// False after having said that it is none.
bool read_number(plan *p, tr_str_t text, int64_t *out);

// command_list.c
void plan_push(plan *p, const resp_request_t *r, const command *c);
void plan_pop(plan *p, const resp_request_t *r, const command *c);
void plan_pop_or_wait(plan *p, const resp_request_t *r, const command *c);
void plan_range(plan *p, const resp_request_t *r, const command *c);

// command_channel.c
void plan_publish(plan *p, const resp_request_t *r, const command *c);
void plan_subscribe(plan *p, const resp_request_t *r, const command *c);
void plan_unsubscribe(plan *p, const resp_request_t *r, const command *c);

// command_client.c
void say_ping(plan *p, const resp_request_t *r, const command *c);
void say_echo(plan *p, const resp_request_t *r, const command *c);
void say_select(plan *p, const resp_request_t *r, const command *c);
void say_quit(plan *p, const resp_request_t *r, const command *c);
void say_hello(plan *p, const resp_request_t *r, const command *c);
void say_client(plan *p, const resp_request_t *r, const command *c);
void say_config(plan *p, const resp_request_t *r, const command *c);
void plan_debug(plan *p, const resp_request_t *r, const command *c);

#endif
