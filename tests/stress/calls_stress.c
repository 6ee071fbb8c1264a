// calls_stress.c: a million calls between workers, each answer checked, memory flat.
#include <unistd.h>

#include "base/compat.h"

#include "troupe_test.h"

#ifndef CALLS
#if TRI_TSAN || TRI_ASAN
#define CALLS 100000
#else
#define CALLS 1000000
#endif
#endif
#define PAIRS 8

static size_t
resident_kib(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*s %lu", &pages) != 1) {
        pages = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static tr_err_t
answer(tr_self *self, void *arg, const tr_message *msg)
{
    (void)arg;
    const lump *l = tr_as(lump, msg);
    return l != NULL ? tr_reply(self, TR_MSG(lump, .data = l->data)) : TR_EUNHANDLED;
}

typedef struct pair {
    tr_ref_t callee;
    uint64_t random;
    tr_err_t err;
    int wrong;
    cue half, over;
} pair;

static tr_err_t
call_many(tr_self *self, void *arg)
{
    pair *p = arg;
    static const char filler[600];
    unsigned char data[600];
    memcpy(data, filler, sizeof data);
    for (int i = 0; i < CALLS / PAIRS && p->err == TR_OK; i++) {
        const lump *l;
        p->random = p->random * UINT64_C(6364136223846793005) + 1;
        size_t size = p->random >> 33;
        size = size % 5 == 0 ? size % 600 : size % 40;
        data[0] = (unsigned char)i;
        p->err = tr_call(self, p->callee, TR_MSG(lump, .data = tr_bytes(data, size)),
                         TR_REPLY(lump, &l), tr_seconds(60));
        if (p->err == TR_OK) {
            const unsigned char *back = l->data.data;
            p->wrong += l->data.size != size || (size > 0 && back[0] != data[0]);
            tr_release(self, l);
        }
        if (i == CALLS / PAIRS / 2) {
            cue_give(&p->half);
        }
    }
    cue_give(&p->over);
    return TR_OK;
}

Test(calls, by_the_million_across_workers_all_come_back_and_leave_memory_flat, .timeout = 300)
{
    tr_runtime *rt = troupe_begin(2);
    static pair p[PAIRS];
    part role = {.receive = answer};
    int64_t begin = troupe_now_ns();
    for (uint32_t i = 0; i < PAIRS; i++) {
        p[i] = (pair){.random = i + 1};
        cue_init(&p[i].half);
        cue_init(&p[i].over);
        tr_ref_t caller;
        assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(&role, .place = TR_PLACE_AT, .worker = i),
                                   &p[i].callee));
        assert_ok(tr_runtime_spawn(rt, PUPPET_WITH(NULL, .place = TR_PLACE_AT, .worker = i / 2 + 1),
                                   &caller));
        assert_ok(troupe_prompt(rt, caller, call_many, &p[i]));
    }
    for (int i = 0; i < PAIRS; i++) {
        while (!cue_take(&p[i].half)) {
        }
    }
    size_t half = resident_kib();
    for (int i = 0; i < PAIRS; i++) {
        while (!cue_take(&p[i].over)) {
        }
        assert_ok(p[i].err);
        cr_assert(eq(int, p[i].wrong, 0));
    }
    size_t end = resident_kib();
    fprintf(stderr, "%d calls in %.0f ms; resident %zu KiB half way, %zu KiB at the end\n", CALLS,
            (double)(troupe_now_ns() - begin) / 1e6, half, end);
    if (!TRI_ASAN && !TRI_TSAN) {
        cr_assert(lt(sz, end, half + 2048));
    }
    troupe_end(rt);
}
