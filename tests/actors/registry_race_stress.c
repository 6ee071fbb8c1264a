// registry_race_stress.c: many actors on several workers want the same few names, and come to all
// sorts of ends while they have them. Each keeps its own account of what it has; in the end all
// accounts agree, and the registry has forgotten everybody.
#include "names.h"

#include "property.h" // its random numbers

#ifndef RACE_PLAYERS
#if defined(__SANITIZE_THREAD__)
#define RACE_PLAYERS 100u
#define RACE_ROUNDS  100u
#else
#define RACE_PLAYERS 1000u
#define RACE_ROUNDS  500u
#endif
#endif

#define RACE_NAMES 6u
#define IDLE_MAX   8u // yields while a name is held

TestSuite(registry_race, .timeout = 280);

static const char *const prizes[RACE_NAMES] = {"a", "b", "c", "d", "e", "f"};

typedef enum game_t {
    GAME_HOLD, // nobody takes a name from another: it has one owner from OK to its release
    GAME_ROB,  // all do
    GAME_KILL, // and are killed meanwhile
} game_t;

// What a player did, written by its handlers; and what others say of it.
typedef struct player_t {
    uint32_t index;
    uint64_t random;
    _Atomic uint64_t ref;
    uint32_t won;            // names that it was given
    uint32_t ceded;          // of these, given back
    uint32_t lost;           // and not found any more when it wanted to give them back
    bool has_one;            // at its end
    _Atomic uint32_t robbed; // others were told that it had been the owner
} player_t;

static struct {
    game_t game;
    uint64_t seed;
    player_t players[RACE_PLAYERS];
    tr_ref_t arena;
    _Atomic uint64_t owners[RACE_NAMES]; // by the owner's own account; in GAME_HOLD
    _Atomic uint32_t clashes;            // two believed to have the same name
    _Atomic uint32_t surprises;          // errors that should not be
    _Atomic uint32_t ended;              // heard by the arena
    cue over;
} race;

static void
surprise(const char *what, tr_err_t err)
{
    race.surprises++;
    cr_log_error("%s: %s", what, tr_errname(err));
}

// ---- a player's part

static void
believe(tr_self *self, uint32_t prize, bool has_it)
{
    uint64_t me = tr_self_ref(self).raw;
    uint64_t before = has_it ? 0 : me;
    if (race.game == GAME_HOLD &&
        !atomic_compare_exchange_strong(&race.owners[prize], &before, has_it ? me : 0)) {
        race.clashes++;
    }
}

static void
note_former(tr_ref_t former)
{
    for (uint32_t i = 0; i < RACE_PLAYERS && !tr_ref_is_none(former); i++) {
        if (race.players[i].ref == former.raw) {
            race.players[i].robbed++;
            return;
        }
    }
}

static bool
win(tr_self *self, player_t *p, uint32_t prize)
{
    tr_str_t name = tr_str(prizes[prize]);
    tr_ref_t former = TR_REF_NONE;
    bool robs = race.game != GAME_HOLD && property_below(&p->random, 2) == 0;
    tr_err_t err = robs ? tr_registry_take_over(self, names, name, tr_self_ref(self), SOON, &former)
                        : tr_registry_register(self, names, name, tr_self_ref(self), SOON);
    if (err != TR_OK) {
        if (err != TR_EALREADY || robs) {
            surprise("register", err);
        }
        return false;
    }
    p->won++;
    note_former(former);
    believe(self, prize, true);
    return true;
}

static void
cede(tr_self *self, player_t *p, uint32_t prize)
{
    believe(self, prize, false);
    tr_err_t err =
        tr_registry_unregister(self, names, tr_str(prizes[prize]), tr_self_ref(self), SOON);
    p->ceded += err == TR_OK;
    p->lost += err == TR_ENOTFOUND;
    if (err != TR_OK && (err != TR_ENOTFOUND || race.game == GAME_HOLD)) {
        surprise("unregister", err);
    }
}

// Those who only look are in the way of the others.
static void
look_around(tr_self *self, player_t *p, uint32_t prize)
{
    tr_str_t name = tr_str(prizes[prize]);
    tr_ref_t found = TR_REF_NONE;
    tr_watch_rx *rx = NULL;
    tr_err_t err = TR_OK;
    switch (property_below(&p->random, 4)) {
    case 0:
        err = tr_registry_lookup(self, names, name, SOON, &found);
        break;
    case 1:
        err = tr_registry_await(self, names, name, tr_us(50), &found);
        break;
    case 2:
        err = tr_registry_watch(self, names, name, SOON, &rx);
        if (err == TR_OK && property_below(&p->random, 2) == 0) {
            tr_watch_rx_close(rx); // or it stays, until this life ends
        }
        break;
    default:
        break;
    }
    if (err != TR_OK && err != TR_ENOTFOUND && err != TR_ETIMEOUT) {
        surprise("look", err);
    }
}

static tr_err_t
end_of(tr_self *self, player_t *p, uint32_t prize)
{
    p->has_one = true;
    believe(self, prize, false); // from here on it does nothing any more as the owner
    if (property_below(&p->random, 2) == 0) {
        tr_fail(self, TR_EFAULT, "with a name");
    }
    tr_exit(self);
    return TR_OK;
}

TR_MESSAGE_EMPTY(race_begin);

static tr_err_t
player_receive(tr_self *self, void *state, const tr_message *msg)
{
    player_t *p = *(player_t **)state;
    (void)msg;
    p->ref = tr_self_ref(self).raw;
    for (uint32_t i = 0; i < RACE_ROUNDS; i++) {
        uint32_t prize = property_below(&p->random, RACE_NAMES);
        look_around(self, p, property_below(&p->random, RACE_NAMES));
        if (!win(self, p, prize)) {
            continue;
        }
        for (uint32_t idle = property_below(&p->random, IDLE_MAX); idle > 0; idle--) {
            if (tr_yield(self) != TR_OK) {
                break;
            }
        }
        if (property_below(&p->random, RACE_ROUNDS) < 2) {
            return end_of(self, p, prize);
        }
        cede(self, p, prize);
    }
    tr_exit(self);
    return TR_OK;
}

static tr_err_t
player_start(tr_self *self, void *state, const void *arg)
{
    (void)self;
    memcpy(state, arg, sizeof(player_t *));
    return TR_OK;
}

static const tr_behavior_t contestant = {
    .name = "contestant",
    .state_size = sizeof(player_t *),
    .start = player_start,
    .receive = player_receive,
};

// ---- the arena: their parent

static tr_err_t
hear_ends(tr_self *self, void *arg, const tr_message *msg)
{
    (void)self;
    (void)arg;
    if (tr_as(tr_child_exit, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    if (++race.ended == RACE_PLAYERS) {
        cue_give(&race.over);
    }
    return TR_OK;
}

static tr_err_t
begin_all(tr_self *self, void *arg)
{
    (void)arg;
    tr_err_t err = TR_OK;
    tr_ref_t refs[RACE_PLAYERS];
    for (uint32_t i = 0; err == TR_OK && i < RACE_PLAYERS; i++) {
        player_t *p = &race.players[i];
        *p = (player_t){.index = i, .random = race.seed + i};
        err = tr_spawn(self,
                       &(tr_spawn_opts_t){.behavior = &contestant, .arg = &p, .arg_size = sizeof p},
                       &refs[i]);
        if (err == TR_OK) {
            err = tr_send(self, refs[i], TR_MSG(race_begin));
        }
    }
    uint64_t random = race.seed;
    for (uint32_t i = 0; err == TR_OK && race.game == GAME_KILL && i < RACE_PLAYERS; i++) {
        err = tr_yield(self);
        if (err == TR_OK && property_below(&random, 2) == 0) {
            err = tr_kill(self, refs[i]);
            err = err == TR_EDEAD ? TR_OK : err;
        }
    }
    return err;
}

// ---- what holds in the end

static void
expect_accounts_agree(void)
{
    for (uint32_t i = 0; i < RACE_PLAYERS; i++) {
        const player_t *p = &race.players[i];
        uint32_t open = p->won - p->ceded - p->lost; // at its end: whether it lost that too
        cr_assert(open == (p->has_one ? 1 : 0), "player %u, seed %" PRIu64, i, race.seed);
        cr_assert(p->robbed >= p->lost && p->robbed <= p->lost + open,
                  "player %u missed %u names, and others had %u from it, seed %" PRIu64, i, p->lost,
                  p->robbed, race.seed);
    }
}

static size_t
listed(void)
{
    const tr_registry_page *page;
    assert_ok(
        tr_runtime_registry_names(rt, names, TR_STR(""), TR_STR(""), RACE_NAMES, SOON, &page));
    size_t count = page->entries.count;
    tr_runtime_release(rt, page);
    return count;
}

// There is room for as many names as before the first one, and for other ones to be watched.
static void
expect_nothing_left(void)
{
    char name[8];
    tr_watch_rx *rx[RACE_NAMES];
    cr_assert(eq(sz, listed(), 0));
    tr_ref_t a = troupe_puppet(rt, NULL);
    for (uint32_t i = 0; i < RACE_NAMES; i++) {
        snprintf(name, sizeof name, "new %u", i);
        TROUPE_EVENTUALLY(reg(name, a) == TR_OK);
        TROUPE_EVENTUALLY(tr_runtime_registry_watch(rt, names, tr_str(name), SOON, &rx[i]) ==
                          TR_OK);
    }
    for (uint32_t i = 0; i < RACE_NAMES; i++) {
        tr_watch_rx_close(rx[i]);
    }
}

// Long games take longer than anything else that a test waits for.
static void
await_end(void)
{
    bool is_over = false;
    for (int i = 0; i < 8 && !is_over; i++) {
        is_over = cue_take(&race.over);
    }
    cr_assert(is_over, "%u have ended, seed %" PRIu64, race.ended, race.seed);
}

static void
play(game_t game)
{
    race.game = game;
    race.seed = property_number("TR_SEED", (uint64_t)time(NULL));
    cue_init(&race.over);
    names_begin(4, (tr_registry_opts_t){.max_names = RACE_NAMES, .max_watched = RACE_NAMES});
    race.arena = troupe_puppet(rt, &(part){.receive = hear_ends});
    assert_ok(troupe_prompt(rt, race.arena, begin_all, NULL));
    await_end();
    cr_assert(eq(u32, race.clashes, 0), "seed %" PRIu64, race.seed);
    cr_assert(eq(u32, race.surprises, 0), "seed %" PRIu64, race.seed);
}

static void
play_to_the_end(game_t game)
{
    play(game);
    if (game != GAME_KILL) {
        expect_accounts_agree(); // who is killed has nobody to keep its account
    }
    expect_nothing_left();
    troupe_end(rt);
}

Test(registry_race, has_one_owner_at_most_who_believes_to_have_a_name)
{
    play_to_the_end(GAME_HOLD);
}

Test(registry_race, takes_a_name_from_exactly_the_one_who_had_it)
{
    play_to_the_end(GAME_ROB);
}

Test(registry_race, forgets_those_who_are_killed_wherever_they_are)
{
    play_to_the_end(GAME_KILL);
}
