// set_over_a_batch.c: five pages to count the words of, two at a time.
//
//     build/examples/patterns/set_over_a_batch
//
// A tr_set holds any number of tasks or calls and lets only so many of them be under way. They are
// done in any order; each comes with its index, so that its result finds its place. One that fails
// fails alone.
//
// Prints:
//     page 0: 4 words
//     page 1: 2 words
//     page 2: TR_EFORMAT
//     page 3: 6 words
//     page 4: 3 words
//     2 at a time at most
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define PAGES 5
#define LIMIT 2

#define WORDS(F, T) F(T, u32, count)
TR_MESSAGE(words, WORDS);
TR_MESSAGE_EMPTY(count_pages);

static const char *const pages[PAGES] = {
    "All the world's a", "stage and", "", "all the men and women merely", "players; they have",
};

// There is one worker, and one thread: two plain variables are enough to count them.
static int under_way;
static int most;

// A task: it runs as a child of the actor that began it, on any worker. `arg` is a copy.
static tr_err_t
count_words(tr_self *self, void *arg)
{
    const char *page = *(const char **)arg;
    uint32_t count = 0;
    most = ++under_way > most ? under_way : most;
    tr_err_t err = tr_sleep(self, tr_ms(5)); // the page comes from far away
    under_way--;
    if (err != TR_OK) {
        return err;
    }
    for (const char *at = page; *at != '\0'; at++) {
        count += !isspace((unsigned char)at[0]) && (at[1] == '\0' || at[1] == ' ');
    }
    return count == 0 ? TR_EFORMAT : tr_reply(self, TR_MSG(words, .count = count));
}

struct batch {
    tr_err_t errors[PAGES];
    uint32_t counts[PAGES];
};

static tr_err_t
take_next(tr_self *self, tr_set *set, struct batch *b)
{
    tr_future *done;
    size_t i;
    tr_err_t err = tr_set_next(self, set, &done, &i);
    if (err == TR_OK) {
        const words *w;
        b->errors[i] = tr_future_await(self, done, TR_REPLY(words, &w));
        b->counts[i] = b->errors[i] == TR_OK ? w->count : 0;
    }
    return err; // TR_ENOTFOUND: that was all
}

static tr_err_t
count_all(tr_self *self, struct batch *b)
{
    tr_set *set;
    tr_err_t err = tr_set_create(self, LIMIT, &set);
    if (err != TR_OK) {
        return err;
    }
    // Where LIMIT are under way, this waits for one of them.
    for (size_t i = 0; i < PAGES && err == TR_OK; i++) {
        err = tr_set_task(self, set, count_words, &pages[i], sizeof pages[i], tr_seconds(5));
    }
    while (err == TR_OK) {
        err = take_next(self, set, b);
    }
    tr_set_destroy(self, set); // cancels what is left, if something went wrong
    return err == TR_ENOTFOUND ? TR_OK : err;
}

static tr_err_t
reader_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    if (tr_as(count_pages, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    struct batch b = {.errors = {TR_OK}};
    tr_err_t err = count_all(self, &b);
    for (size_t i = 0; i < PAGES && err == TR_OK; i++) {
        if (b.errors[i] == TR_OK) {
            printf("page %zu: %" PRIu32 " words\n", i, b.counts[i]);
        } else {
            printf("page %zu: %s\n", i, tr_errname(b.errors[i]));
        }
    }
    printf("%d at a time at most\n", most);
    return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done));
}

static const tr_behavior_t reader = {.name = "reader", .receive = reader_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(&(tr_runtime_opts_t){.workers = 1}, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &reader}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(count_pages), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
