// cancel_by_select.c: a worker that waits for its work or for the end of it, whichever comes first.
//
//     build/examples/patterns/cancel_by_select
//
// The loop has two branches: the word to stop, which is a oneshot, and the jobs. The biased select
// looks at the word first, however many jobs there are, so the worker ends between two jobs and
// never in one. What is to end in the middle of a wait is a scope that is canceled: every wait in
// it returns TR_ECANCELED, wherever it is.
//
// Prints:
//     polished 1
//     polished 2
//     stopped between two jobs
//     stopped in the middle of a nap: TR_ECANCELED
#include <inttypes.h>
#include <stdio.h>
#include <troupe/troupe.h>

#define WORK(F, T)    F(T, local(tr_mpsc_rx), jobs) F(T, local(tr_oneshot), stop)
#define JOB(F, T)     F(T, u32, number)
#define NAPPING(F, T) F(T, ref, actor) F(T, u64, scope)
TR_MESSAGE(work, WORK);
TR_MESSAGE(job, JOB);
TR_MESSAGE(napping, NAPPING); // the two parts of a tr_cancel_t
TR_MESSAGE_EMPTY(nap);
TR_MESSAGE_EMPTY(are_you_there);
TR_MESSAGE_EMPTY(direct);

// ---- the worker

static tr_err_t
polish(tr_self *self, tr_mpsc_rx *jobs, tr_oneshot *stop)
{
    tr_branch_t branches[] = {tr_when_oneshot(stop), tr_when_mpsc(jobs)};
    size_t which;
    const tr_message *msg;
    tr_err_t err;
    while ((err = tr_select_biased(self, branches, 2, TR_FOREVER, &which)) == TR_OK && which == 1) {
        err = tr_mpsc_recv(self, jobs, &msg, tr_ms(0)); // it is there, or TR_ECLOSED
        if (err != TR_OK) {
            return err;
        }
        printf("polished %" PRIu32 "\n", tr_as(job, msg)->number);
        err = tr_reply_to(self, msg, TR_MSG(tr_done));
        tr_release(self, msg);
        if (err != TR_OK) {
            return err;
        }
    }
    return err;
}

static tr_err_t
take_nap(tr_self *self)
{
    tr_scope *scope;
    tr_err_t err = tr_scope_begin(self, TR_FOREVER, &scope);
    if (err != TR_OK) {
        return err;
    }
    tr_cancel_t cancel = tr_scope_cancel_of(self, scope);
    // The answer says how to wake me, and the handler goes on.
    err = tr_reply(self, TR_MSG(napping, .actor = cancel.actor, .scope = cancel.scope));
    if (err == TR_OK) {
        err = tr_sleep(self, tr_seconds(60)); // any wait, and any number of them
    }
    err = tr_scope_end(self, scope, err);
    printf("stopped in the middle of a nap: %s\n", tr_errname(err));
    return err == TR_ECANCELED ? TR_OK : err;
}

static tr_err_t
polisher_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    if (tr_as(work, msg) != NULL) {
        tr_mpsc_rx *jobs = tr_take(self, msg, work, jobs);
        tr_oneshot *stop = tr_take(self, msg, work, stop);
        tr_err_t err = polish(self, jobs, stop);
        if (err == TR_OK) {
            puts("stopped between two jobs");
        }
        tr_mpsc_rx_close(jobs);
        tr_oneshot_close(stop);
        return err;
    }
    if (tr_as(are_you_there, msg) != NULL) {
        return tr_reply(self, TR_MSG(tr_done));
    }
    return tr_as(nap, msg) != NULL ? take_nap(self) : TR_EUNHANDLED;
}

static const tr_behavior_t polisher = {.name = "polisher", .receive = polisher_receive};

// ---- who gives it work

static tr_err_t
let_work(tr_self *self, tr_ref_t who)
{
    tr_mpsc_tx *jobs_tx;
    tr_mpsc_rx *jobs;
    tr_token *word;
    tr_oneshot *stop;
    tr_err_t err = tr_mpsc_create(self, NULL, &jobs_tx, &jobs);
    err = err == TR_OK ? tr_oneshot_create(self, &word, &stop) : err;
    err = err == TR_OK ? tr_send(self, who, TR_MSG(work, .jobs = jobs, .stop = stop)) : err;
    for (uint32_t i = 1; i <= 2 && err == TR_OK; i++) {
        err = tr_call(self, tr_mpsc_ref(jobs_tx), TR_MSG(job, .number = i), TR_REPLY_NONE,
                      tr_seconds(5));
    }
    return err == TR_OK ? tr_token_reply(self, word, TR_MSG(tr_done)) : err;
}

static tr_err_t
let_sleep(tr_self *self, tr_ref_t who)
{
    const napping *n;
    tr_err_t err = tr_call(self, who, TR_MSG(nap), TR_REPLY(napping, &n), tr_seconds(5));
    if (err == TR_OK) {
        err = tr_cancel(self, (tr_cancel_t){.actor = n->actor, .scope = n->scope});
    }
    return err == TR_OK ? tr_call(self, who, TR_MSG(are_you_there), TR_REPLY_NONE, tr_seconds(5))
                        : err;
}

static tr_err_t
foreman_receive(tr_self *self, void *state, const tr_message *msg)
{
    (void)state;
    tr_ref_t who;
    if (tr_as(direct, msg) == NULL) {
        return TR_EUNHANDLED;
    }
    tr_err_t err = tr_spawn(self, &(tr_spawn_opts_t){.behavior = &polisher}, &who);
    err = err == TR_OK ? let_work(self, who) : err;
    err = err == TR_OK ? let_sleep(self, who) : err;
    return err == TR_OK ? tr_reply(self, TR_MSG(tr_done)) : err;
}

static const tr_behavior_t foreman = {.name = "foreman", .receive = foreman_receive};

int
main(void)
{
    tr_runtime *rt = NULL;
    tr_ref_t ref;
    tr_err_t err = tr_runtime_create(NULL, &rt);
    if (err == TR_OK) {
        err = tr_runtime_spawn(rt, &(tr_spawn_opts_t){.behavior = &foreman}, &ref);
    }
    if (err == TR_OK) {
        err = tr_runtime_call(rt, ref, TR_MSG(direct), TR_REPLY_NONE, tr_seconds(10));
    }
    tr_runtime_destroy(rt);
    return err == TR_OK ? 0 : 1;
}
