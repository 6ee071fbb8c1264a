// supervisor_matrix_test.c: every strategy, restart type, way to end and place in the order, with
// mail in every mailbox: what happens in which order, what is left, and who hears what.
#include "company.h"

TestSuite(supervisor_matrix, .timeout = 60);

// ---- ways to end

static tr_err_t
return_an_error(tr_self *self, void *arg)
{
    (void)self;
    (void)arg;
    return TR_EIO;
}

static tr_err_t
kill_myself_and_wait(tr_self *self, void *arg)
{
    expect_ok(kill_myself(self, arg));
    return tr_sleep(self, TR_FOREVER);
}

static tr_ref_t friend; // an actor of nobody's, whom a child may be linked to

// Its news comes while this waits.
static tr_err_t
end_with_a_friend(tr_self *self, void *arg)
{
    (void)arg;
    expect_ok(tr_link(self, friend));
    expect_ok(tr_send(self, friend, ACT_MSG(fail, NULL)));
    return tr_sleep(self, TR_FOREVER);
}

static tr_err_t
fail_at_a_wait(tr_self *self, void *arg)
{
    (void)arg;
    return tr_call(self, TR_REF_NONE, ACT_MSG(nothing, NULL), TR_REPLY_NONE, tr_seconds(1));
}

typedef struct way_t {
    const char *what;
    act_fn end;
    bool is_orderly;
    bool is_killed;     // its stop handler does not run
    tr_err_t in_hand;   // what the caller hears whose request it had in hand
    const char *reason; // in the log
} way_t;

static const way_t ways[] = {
    {"leaves", leave, .is_orderly = true, .in_hand = TR_OK},
    {"stops itself", stop_myself, .is_orderly = true, .in_hand = TR_OK},
    {"returns an error", return_an_error, .in_hand = TR_ECRASHED, .reason = "TR_EIO"},
    {"fails", fail, .in_hand = TR_ECRASHED, .reason = "TR_EFAULT \"on purpose\""},
    {"fails at a wait", fail_at_a_wait, .in_hand = TR_ECRASHED, .reason = "TR_EDEAD"},
    {"kills itself", kill_myself_and_wait, .is_killed = true, .in_hand = TR_EDEAD},
    {"ends with a friend", end_with_a_friend, .in_hand = TR_EDEAD, .reason = "TR_ELINKED"},
};
#define WAYS (sizeof ways / sizeof *ways)

// ---- what must follow

static const char *const strategy_names[] = {"one_for_one", "one_for_all", "rest_for_one"};
static const char *const type_names[] = {"permanent", "transient", "temporary"};

// Whether a failure and an orderly end are followed by another life.
static const bool is_restarted[3][2] = {
    [TR_PERMANENT] = {true, true},
    [TR_TRANSIENT] = {true, false},
    [TR_TEMPORARY] = {false, false},
};

// After the end of the first, the middle, the last.
static const char *const what_follows[3][3] = {
    [TR_ONE_FOR_ONE] = {"+a", "+b", "+c"},
    [TR_ONE_FOR_ALL] = {"-c -b +a +b +c", "-c -a +a +b +c", "-b -a +a +b +c"},
    [TR_REST_FOR_ONE] = {"-c -b +a +b +c", "-c +b +c", "+c"},
};

// Who begins again, as bits.
static const unsigned who_begins[3][3] = {
    [TR_ONE_FOR_ONE] = {1, 2, 4},
    [TR_ONE_FOR_ALL] = {7, 7, 7},
    [TR_REST_FOR_ONE] = {7, 6, 4},
};

static const char *const end_of_all[] = {"-c -b -a", "-c -b", "-c -a", "-b -a"}; // 1: a is gone

// ---- one cell

typedef struct cell_t {
    tr_strategy_t strategy;
    tr_restart_type_t type;
    const way_t *way;
    uint32_t place;
} cell_t;

static role_t *const roles[] = {&a, &b, &c};

// Two callers wait for the one that ends, one of them in its mailbox; three numbers for each.
static void
fill_mailboxes(company_t *co, const cell_t *cell, caller_t *in_hand, caller_t *queued)
{
    tr_ref_t victim = roles[cell->place]->seen;
    for (uint32_t i = 0; i < 3; i++) {
        if (i == cell->place) {
            caller_begin(co, in_hand, victim, perform, roles[i]);
        } else {
            assert_ok(troupe_prompt(co->rt, roles[i]->seen, perform, roles[i]));
        }
        CUE_AWAIT(&roles[i]->hung);
        for (uint64_t n = 1; n <= 3; n++) {
            tr_ref_t to = roles[i]->seen;
            assert_ok(tr_runtime_send(co->rt, to, TR_MSG(number, .value = n), tr_seconds(1)));
        }
    }
    caller_begin(co, queued, victim, nothing, NULL);
    TROUPE_EVENTUALLY(has_queued(co, 3 * 3 + 1));
}

static void
expect_child(company_t *co, const cell_t *cell, uint32_t i, bool has_begun, const char *what)
{
    news_t news = look(co, roles[i]->id);
    bool is_gone = i == cell->place && !has_begun;
    if (is_gone && cell->type == TR_TEMPORARY) {
        cr_expect(news.err == TR_ENOTFOUND, "%s: found: %s", what, tr_errname(news.err));
    } else if (is_gone) {
        cr_expect(news.err == TR_OK && news.state == TR_CHILD_STOPPED, "%s: state %d", what,
                  (int)news.state);
        cr_expect(tr_ref_equal(news.child, TR_REF_NONE), "%s: has an address", what);
    } else {
        bool begins = has_begun && (who_begins[cell->strategy][cell->place] >> i & 1) != 0;
        cr_expect(news.err == TR_OK && news.state == TR_CHILD_UP, "%s: %s: state %d", what,
                  roles[i]->id, (int)news.state);
        cr_expect(news.restarts == begins, "%s: %s: %d restarts", what, roles[i]->id,
                  (int)news.restarts);
        cr_expect(tr_ref_equal(news.child, roles[i]->seen), "%s: another address", what);
        tr_err_t err = troupe_act(co->rt, news.child, nothing, NULL); // behind the numbers
        cr_expect(err == TR_OK, "%s: %s: %s", what, roles[i]->id, tr_errname(err));
        cr_expect(roles[i]->starts == 1u + begins, "%s: %s: %u starts", what, roles[i]->id,
                  roles[i]->starts);
    }
    cr_expect(roles[i]->heard == (is_gone ? 0 : 123), "%s: %s heard %d", what, roles[i]->id,
              (int)roles[i]->heard);
    cr_expect(is_gone == troupe_is_gone(co->rt, roles[i]->seen), "%s: %s", what, roles[i]->id);
}

static void
expect_cell(const cell_t *cell)
{
    tr_child_t children[] = {CHILD(&part_a, "a"), CHILD(&part_b, "b"), CHILD(&part_c, "c")};
    children[cell->place].restart = cell->type;
    tr_supervisor_t spec = {
        .name = "s", .strategy = cell->strategy, .children = children, .child_count = 3};
    bool begins = is_restarted[cell->type][cell->way->is_orderly];
    const char *id = roles[cell->place]->id;
    char what[96];
    char expected[96];
    company_t co;
    caller_t in_hand, queued;
    snprintf(what, sizeof what, "%s, %s, %s %s", strategy_names[cell->strategy],
             type_names[cell->type], id, cell->way->what);
    roles_forget();
    log_lines[0] = '\0';
    company_begin(&co, &spec);
    friend = troupe_puppet(co.rt, NULL);
    fill_mailboxes(&co, cell, &in_hand, &queued);
    forget_chronicle();
    roles[cell->place]->end = cell->way->end;
    cue_give(&roles[cell->place]->let_go);

    tr_err_t err = caller_end(&in_hand);
    cr_expect(err == cell->way->in_hand, "%s: in hand: %s", what, tr_errname(err));
    err = caller_end(&queued);
    cr_expect(err == (begins ? TR_OK : TR_EDEAD), "%s: queued: %s", what, tr_errname(err));
    snprintf(expected, sizeof expected, "%s%s%s%s", cell->way->is_killed ? "" : "-",
             cell->way->is_killed ? "" : id, begins && !cell->way->is_killed ? " " : "",
             begins ? what_follows[cell->strategy][cell->place] : "");
    await_chronicle(expected);
    for (uint32_t i = 0; i < 3; i++) {
        cue_give(&roles[i]->let_go); // who has not ended is busy still
        expect_child(&co, cell, i, begins, what);
    }
    expect_chronicle(expected);
    cr_expect(cell->way->reason == NULL || contains(log_lines, cell->way->reason), "%s: \"%s\"",
              what, log_lines);
    forget_chronicle();
    company_dismiss(&co);
    cr_expect(co.reason == TR_OK, "%s: %s", what, tr_errname(co.reason));
    expect_chronicle(end_of_all[begins ? 0 : cell->place + 1]);
    troupe_end(co.rt);
}

static void
expect_row(tr_strategy_t strategy, tr_restart_type_t type)
{
    for (uint32_t place = 0; place < 3; place++) {
        for (size_t i = 0; i < WAYS; i++) {
            expect_cell(&(cell_t){strategy, type, &ways[i], place});
        }
    }
}

// ---- the rows

Test(supervisor_matrix, one_for_one_permanent)
{
    expect_row(TR_ONE_FOR_ONE, TR_PERMANENT);
}

Test(supervisor_matrix, one_for_one_transient)
{
    expect_row(TR_ONE_FOR_ONE, TR_TRANSIENT);
}

Test(supervisor_matrix, one_for_one_temporary)
{
    expect_row(TR_ONE_FOR_ONE, TR_TEMPORARY);
}

Test(supervisor_matrix, one_for_all_permanent)
{
    expect_row(TR_ONE_FOR_ALL, TR_PERMANENT);
}

Test(supervisor_matrix, one_for_all_transient)
{
    expect_row(TR_ONE_FOR_ALL, TR_TRANSIENT);
}

Test(supervisor_matrix, one_for_all_temporary)
{
    expect_row(TR_ONE_FOR_ALL, TR_TEMPORARY);
}

Test(supervisor_matrix, rest_for_one_permanent)
{
    expect_row(TR_REST_FOR_ONE, TR_PERMANENT);
}

Test(supervisor_matrix, rest_for_one_transient)
{
    expect_row(TR_REST_FOR_ONE, TR_TRANSIENT);
}

Test(supervisor_matrix, rest_for_one_temporary)
{
    expect_row(TR_REST_FOR_ONE, TR_TEMPORARY);
}
