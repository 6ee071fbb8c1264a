// bounded_mpsc.c: three typists, one printer, and a tray that holds four pages.
//
//     build/examples/patterns/bounded_mpsc
//
// A channel has a bound, so a slow receiver slows its senders down instead of filling the memory: a
// send that finds no room waits its turn. Each typist holds a sending end; the last to close its
// own closes the channel, and the printer, after the last page, hears of it as TR_ECLOSED. A page
// is never lost on the way, and those of one typist stay in order.
//
// Prints:
//     the tray holds 4 pages, then TR_ETIMEOUT
//     printed 4 of the printer's own, and 30 of the typists, in order
//     never more than 4 in the tray
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define BOUND   4
#define TYPISTS 3
#define PAGES   10

#define PAGE(F, T) F(T, u32, typist) F(T, u32, number)
#define TYPE(F, T) F(T, u32, typist) F(T, local(tr_mpsc_tx), tray)
TR_MESSAGE(page, PAGE);
TR_MESSAGE(type, TYPE);
TR_MESSAGE_EMPTY(print_all);

static tr_err_t
typist_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    const type *t = tr_as(type, msg);
    if (t == NULL) {
        return TR_EUNHANDLED;
    }
    tr_mpsc_tx *tray = tr_take(self, msg, type, tray); // mine, and closed with me at the latest
    tr_err_t err = TR_OK;
    for (uint32_t i = 0; i < PAGES && err == TR_OK; i++) {
        err = tr_mpsc_send(self, tray, TR_MSG(page, .typist = t->typist, .number = i), TR_FOREVER);
    }
    tr_mpsc_tx_close(tray);
    return err;
}

static const tr_behavior_t typist = {.name = "typist", .receive = typist_receive};

// As many as there is room for, without waiting.
static tr_err_t
fill(tr_self *self, tr_mpsc_tx *tray)
{
    uint32_t count = 0;
    tr_err_t err;
    while ((err = tr_mpsc_send(self, tray, TR_MSG(page, .typist = TYPISTS, .number = count),
                               tr_ms(0))) == TR_OK) {
        count++;
    }
    printf("the tray holds %" PRIu32 " pages, then %s\n", count, tr_errname(err));
    return err == TR_ETIMEOUT ? TR_OK : err;
}

// Each typist gets a sending end of its own: what is sent in a message moves.
static tr_err_t
hire(tr_self *self, tr_mpsc_tx *tray)
{
    tr_err_t err = TR_OK;
    for (uint32_t i = 0; i < TYPISTS && err == TR_OK; i++) {
        tr_ref_t ref;
        tr_mpsc_tx *own;
        err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &typist}, &ref);
        if (err == TR_OK) {
            err = tr_mpsc_tx_open(self, tr_mpsc_ref(tray), &own);
        }
        if (err == TR_OK) {
            err = tr_send(self, ref, TR_MSG(type, .typist = i, .tray = own));
        }
    }
    tr_mpsc_tx_close(tray); // mine would keep the channel open for ever
    return err;
}

static tr_err_t
print_out(tr_self *self, tr_mpsc_rx *tray)
{
    uint32_t printed[TYPISTS + 1] = {0}; // the last is the printer
    uint32_t most = 0;
    bool is_in_order = true;
    const tr_message *msg;
    tr_err_t err;
    while ((err = tr_mpsc_recv(self, tray, &msg, TR_FOREVER)) == TR_OK) {
        const page *p = tr_as(page, msg);
        is_in_order = is_in_order && p->number == printed[p->typist]++;
        most = tr_mpsc_count(tray) > most ? tr_mpsc_count(tray) : most;
        tr_release(self, msg);
    }
    printf("printed %" PRIu32 " of the printer's own, and %" PRIu32 " of the typists, %s\n",
           printed[TYPISTS], printed[0] + printed[1] + printed[2],
           is_in_order ? "in order" : "out of order");
    puts(most <= BOUND ? "never more than 4 in the tray" : "the tray overflowed");
    return err == TR_ECLOSED ? TR_OK : err;
}

static tr_err_t
printer_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    tr_mpsc_tx *tx;
    tr_mpsc_rx *rx;
    if (tr_as(print_all, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_mpsc_create(self, &(tr_mpsc_opts_t){.count = BOUND}, &tx, &rx);
    err = err == TR_OK ? fill(self, tx) : err;
    err = err == TR_OK ? hire(self, tx) : err;
    err = err == TR_OK ? print_out(self, rx) : err;
    return err != TR_OK ? err : tr_reply(self, TR_MSG(tr_done)); // what is open ends with this life
}

static const tr_behavior_t printer = {.name = "printer", .receive = printer_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &printer}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(print_all), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
