// ping_pong.c: two actors, a thousand volleys, a clean goodbye.
//
//     build/examples/ping_pong
//
// Prints:
//     1000 volleys
#include <stdio.h>
#include <troupe/troupe.h>

#define BALL(F, T)  F(T, u32, volleys) F(T, ref, from)
#define SERVE(F, T) F(T, ref, partner)
TR_MESSAGE(ball, BALL);
TR_MESSAGE(serve, SERVE);
TR_MESSAGE_EMPTY(play); // from outside: play a game and answer when it is over

static tr_err_t
player_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const serve *first = tr_as(serve, msg);
    const ball *b = tr_as(ball, msg);
    if (first == NULL && b == NULL) {
        return TR_EUNHANDLED;
    }
    tr_ref_t to = first != NULL ? first->partner : b->from;
    uint32_t volleys = first != NULL ? 0 : b->volleys;
    if (volleys == 1000) {
        printf("%u volleys\n", volleys);
        tr_exit(self); // an orderly end; the parent hears of it
        return TR_OK;
    }
    return tr_send(self, to, TR_MSG(ball, .volleys = volleys + 1, .from = tr_self_ref(self)));
}

static const tr_behavior_t player = {.name = "player", .receive = player_receive};

struct game {
    tr_token *waiting; // who asked for the game
};

static tr_err_t
game_receive(tr_self *self, void *state, const tr_message *msg)
{
    struct game *g = state;
    if (tr_as(play, msg) != NULL) {
        tr_ref_t left;
        tr_ref_t right;
        tr_err_t err = tr_defer(self, &g->waiting);
        if (err == TR_OK) {
            err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &player, .name = "left"}, &left);
        }
        if (err == TR_OK) {
            err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &player, .name = "right"}, &right);
        }
        return err != TR_OK ? err : tr_send(self, left, TR_MSG(serve, .partner = right));
    }
    if (tr_as(tr_child_exit, msg) != NULL) {
        tr_exit(self); // the other player ends with its parent
        return tr_token_reply(self, g->waiting, TR_MSG(play));
    }
    return TR_EUNHANDLED;
}

static const tr_behavior_t game = {
    .name = "game",
    .state_size = sizeof(struct game),
    .receive = game_receive,
};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &game}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(play), TR_REPLY_NONE, tr_seconds(5));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
