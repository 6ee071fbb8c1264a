// search.c: run a scenario again and again, each time with other choices, until none is left.
//
// A node of the search is a point where every thread waits with its next operation in hand; the
// choice is which thread goes on, and for a load which write it reads. Executions are not saved and
// restored but run again from the beginning, up to the last node that has a choice left.
//
// Executions that differ only in the order of independent steps are the same, and one of them is
// enough. Steps depend on one another when both write the same object, when one reads what the
// other wrote, or when both are steps at the same object (model_step). That a load comes after a
// write that it does not read changes nothing: it could read the older one there as well.
//   Source sets (Abdulla, Aronis, Jonsson and Sagonas 2014). A node tries one thread. When later a
//     step turns out to be in a race with the one that was done at the node, not ordered after it
//     by what they depend on in between, then the node is to try a thread as well that begins what
//     leads to the later one first. A load followed by a write to the same object is such a race:
//     the other way round it could have read that.
//   Sleep sets (Godefroid 1996). Once all that follows a step has been seen, the thread sleeps in
//     the nodes beside, until something is done that its step depends on. A load sleeps for the
//     writes that it could have read, and is awake for those that come after.
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 64
#define AFTER_FINDING  3000 // executions, in the hope of a shorter one

typedef struct node {
    // What could be done, ways of one thread side by side.
    struct {
        uint8_t thread, way;
    } candidates[CANDIDATES_MAX];
    unsigned count, chosen;
    uint8_t able; // threads, a bit for each, that could move, asleep or not
    uint8_t todo; // that are to be tried
    uint8_t tried;
    // What sleeps here: the operation of a thread, but for its reads; its reads up to a write.
    bool is_asleep[THREADS_MAX];
    int reads_asleep[THREADS_MAX];
    int latest[THREADS_MAX]; // that its operation could read; -1: it reads nothing
    // What was done.
    effects did;
    int before[THREADS_MAX]; // of each thread the latest step that this one depends on; -1: none
} node;

static struct {
    node nodes[STEPS_MAX];
    unsigned depth; // of this execution
    unsigned kept;  // nodes whose choice is made already
    search_mode_t mode;
    search_result result;
} search;

static unsigned
thread_of(const node *at)
{
    return at->candidates[at->chosen].thread;
}

// ---- what depends on what

static bool
share_object(const effects *a, const effects *b)
{
    for (unsigned i = 0; i < a->touched_count; i++) {
        for (unsigned j = 0; j < b->touched_count; j++) {
            if (a->touched[i] == b->touched[j]) {
                return true;
            }
        }
    }
    return false;
}

// Whether a pending operation depends on what was done at `before`, its reads aside.
static bool
is_woken(const node *before, const operation *op)
{
    if (op->kind == OP_STEP) {
        const effects pending = {.touched = {op->object}, .touched_count = 1};
        return share_object(&before->did, &pending);
    }
    return memory_may_write(op) && (before->did.wrote >> op->location->number & 1u) != 0;
}

// ---- races

static void
join(int into[THREADS_MAX], const node *from, unsigned step)
{
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        into[i] = from->before[i] > into[i] ? from->before[i] : into[i];
    }
    unsigned thread = thread_of(from);
    into[thread] = (int)step > into[thread] ? (int)step : into[thread];
}

// Whether a step, of which `before` is known, comes first among those from `begin` to `end` that do
// not depend on the one at `race`.
static bool
is_initial(const int before[THREADS_MAX], unsigned race, unsigned end)
{
    unsigned racer = thread_of(&search.nodes[race]);
    for (unsigned i = race + 1; i < end; i++) {
        const node *at = &search.nodes[i];
        unsigned thread = thread_of(at);
        bool is_apart = thread != racer && at->before[racer] < (int)race;
        if (is_apart && before[thread] >= (int)i) {
            return false;
        }
    }
    return true;
}

// The threads that could begin, at the node of a race, what leads to its later step without the
// earlier one: a bit for each.
static uint8_t
find_initials(unsigned race, unsigned thread, unsigned end, const int before[THREADS_MAX])
{
    unsigned racer = thread_of(&search.nodes[race]);
    uint8_t seen = 0, initials = 0;
    for (unsigned i = race + 1; i < end; i++) {
        const node *at = &search.nodes[i];
        unsigned other = thread_of(at);
        uint8_t bit = (uint8_t)(1u << other);
        if (other == racer || at->before[racer] >= (int)race || (seen & bit) != 0) {
            continue;
        }
        seen |= bit;
        initials |= is_initial(at->before, race, i) ? bit : 0;
    }
    uint8_t bit = (uint8_t)(1u << thread);
    if ((seen & bit) == 0 && is_initial(before, race, end)) {
        initials |= bit;
    }
    return initials;
}

// See to it that the node of a race tries one of those threads. False: none can move there, so what
// holds them up was done before; all threads are tried to be sure.
static bool
turn_around(unsigned race, unsigned thread, unsigned end, const int before[THREADS_MAX])
{
    node *at = &search.nodes[race];
    uint8_t initials = find_initials(race, thread, end, before);
    if ((at->todo & initials) == 0) {
        initials &= at->able;
        at->todo |= initials != 0 ? (uint8_t)(initials & -initials) : at->able; // the lowest
    }
    return (at->able & initials) != 0;
}

// The races of a step of `thread` with those before `end`; `before` is what its last step depends
// on, and in the end what this one does.
static void
find_races(unsigned thread, const effects *did, unsigned end, int before[THREADS_MAX])
{
    // What is ordered before it even if a race is turned around.
    int ordered[THREADS_MAX];
    memcpy(ordered, before, sizeof ordered);
    for (unsigned i = end; i-- > 0;) {
        node *earlier = &search.nodes[i];
        unsigned other = thread_of(earlier);
        bool is_same = share_object(did, &earlier->did) || (did->might & earlier->did.might) != 0;
        bool is_read = (did->might & earlier->did.read) != 0;
        if (other == thread || (!is_same && !is_read)) {
            continue;
        }
        bool is_possible = ordered[other] >= (int)i || turn_around(i, thread, end, before);
        if (is_same) {
            join(before, earlier, i);
        }
        if (is_same && is_possible) {
            join(ordered, earlier, i);
        }
    }
    for (unsigned i = 0; i < did->read_count; i++) {
        unsigned from = (unsigned)did->read_from[i];
        if (from < end) {
            join(before, &search.nodes[from], from);
        }
    }
}

static void
copy_order(int into[THREADS_MAX], unsigned thread, unsigned end)
{
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        into[i] = -1;
    }
    for (unsigned i = end; i-- > 0;) {
        if (thread_of(&search.nodes[i]) == thread) {
            join(into, &search.nodes[i], i);
            return;
        }
    }
}

static void
find_races_of_step(unsigned step)
{
    node *here = &search.nodes[step];
    unsigned thread = thread_of(here);
    copy_order(here->before, thread, step);
    find_races(thread, &here->did, step, here->before);
}

// What threads were about to do may never be done after this.
static void
find_races_of_pending(void)
{
    for (unsigned i = 0; i < run.thread_count; i++) {
        const thread_state *it = &run.threads[i];
        const operation *op = it->pending;
        if (it->has_ended || op == NULL) {
            continue;
        }
        effects would = {.wrote = 0};
        if (op->kind == OP_STEP) {
            would.touched[would.touched_count++] = op->object;
        } else if (memory_may_write(op)) {
            would.might = (uint64_t)1 << op->location->number;
        }
        int before[THREADS_MAX];
        copy_order(before, i, search.depth);
        find_races(i, &would, search.depth, before);
    }
}

// ---- nodes

static void
inherit_sleep(node *here, const node *before)
{
    for (unsigned i = 0; i < run.thread_count; i++) {
        const operation *op = run.threads[i].pending;
        here->is_asleep[i] = false;
        here->reads_asleep[i] = -1;
        if (before != NULL && i != thread_of(before) && op != NULL) {
            here->is_asleep[i] = before->is_asleep[i] && !is_woken(before, op);
            here->reads_asleep[i] = before->reads_asleep[i];
        }
    }
}

static void
add_candidates(node *here, unsigned thread)
{
    unsigned ways[WAYS_MAX];
    unsigned count = run_ways(thread, ways);
    here->latest[thread] = -1;
    if (count == 0) {
        return;
    }
    here->able |= (uint8_t)(1u << thread);
    const operation *op = run.threads[thread].pending;
    bool reads =
        op->kind == OP_ATOMIC && (op->access.kind == MODEL_LOAD || op->access.kind == MODEL_CAS);
    if (reads) {
        here->latest[thread] = (int)memory_latest(op->location);
    }
    for (unsigned i = 0; i < count; i++) {
        bool is_read = reads && ways[i] != WAY_WRITE;
        bool sleeps = is_read ? (int)(ways[i] - WAY_READ) <= here->reads_asleep[thread]
                              : here->is_asleep[thread];
        if (sleeps) {
            continue;
        }
        if (here->count == CANDIDATES_MAX) {
            fprintf(stderr, "models: more than %d choices at once\n", CANDIDATES_MAX);
            abort();
        }
        here->candidates[here->count].thread = (uint8_t)thread;
        here->candidates[here->count++].way = (uint8_t)ways[i];
    }
}

// The thread that ran last comes first.
static void
open_node(node *here, const node *before)
{
    unsigned last = before == NULL ? 0 : thread_of(before);
    inherit_sleep(here, before);
    here->count = 0;
    here->chosen = 0;
    here->able = 0;
    here->tried = 0;
    add_candidates(here, last);
    for (unsigned i = 0; i < run.thread_count; i++) {
        if (i != last) {
            add_candidates(here, i);
        }
    }
    here->todo = search.mode == SEARCH_ALL ? here->able
                 : here->count == 0        ? 0
                                           : (uint8_t)(1u << thread_of(here));
}

// Choose what is left; false: nothing is.
static bool
choose_next(node *here)
{
    unsigned thread = thread_of(here);
    if (here->chosen + 1 < here->count && here->candidates[here->chosen + 1].thread == thread) {
        here->chosen++;
        return true;
    }
    here->tried |= (uint8_t)(1u << thread);
    here->is_asleep[thread] = true;
    here->reads_asleep[thread] = here->latest[thread];
    for (unsigned i = 0; i < here->count; i++) {
        if (((here->todo & ~here->tried) >> here->candidates[i].thread & 1u) != 0) {
            here->chosen = i;
            return true;
        }
    }
    return false;
}

// ---- executions

static void
has_no_end(void)
{
    account_fail("%d steps, and no end", STEPS_MAX);
    run.has_failed = true;
}

// A node where no choice has been made. False: the execution ends here.
static bool
go_beyond(void)
{
    node *here = &search.nodes[search.depth];
    if (search.depth >= account_longest()) {
        run.is_cut = true;
        return false;
    }
    if (search.depth == STEPS_MAX - 1) {
        has_no_end();
        return false;
    }
    open_node(here, search.depth == 0 ? NULL : here - 1);
    if (here->able == 0) {
        run_finish();
        return false;
    }
    if (here->count == 0) {
        run.is_cut = true;
        return false;
    }
    search.kept++;
    return true;
}

static void
execute(void)
{
    search.depth = 0;
    run_begin();
    unsigned known = search.kept > 0 ? search.kept - 1 : 0;
    while (!run_is_over()) {
        if (search.depth == search.kept && !go_beyond()) {
            break;
        }
        node *here = &search.nodes[search.depth];
        run_resume(thread_of(here), here->candidates[here->chosen].way, &here->did,
                   (int)search.depth);
        search.result.steps++;
        if (search.depth >= known) {
            find_races_of_step(search.depth);
        }
        search.depth++;
    }
    find_races_of_pending();
}

// To the next choice; false: there is none.
static bool
advance(void)
{
    while (search.kept > 0 && !choose_next(&search.nodes[search.kept - 1])) {
        search.kept--;
    }
    return search.kept > 0;
}

static void
count_execution(void)
{
    if (run.is_cut) {
        search.result.cut++;
    } else {
        search.result.executions++;
    }
    if (run.has_failed) {
        account_finding(search.depth);
    }
}

static void
begin_anew(void)
{
    run.has_learned = false;
    search.kept = 0;
    search.result = (search_result){.executions = 0};
    account_forget();
}

search_result
search_run(const model_scenario *scenario, const model_mutant *mutant, search_mode_t mode)
{
    search.mode = mode;
    memory_forget();
    run_reset(scenario, mutant);
    begin_anew();
    uint64_t until = UINT64_MAX;
    for (;;) {
        execute();
        if (run.has_learned) {
            begin_anew();
            until = UINT64_MAX;
            continue;
        }
        count_execution();
        uint64_t count = search.result.executions + search.result.cut;
        if (until == UINT64_MAX && account_has_finding()) {
            until = count + AFTER_FINDING;
        }
        if (count >= until || !advance()) {
            return search.result;
        }
    }
}
