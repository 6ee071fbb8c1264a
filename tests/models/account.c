// account.c: what an execution did, line by line, and the shortest one that failed.
#include "engine.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LINES_MAX   1000
#define NAMES_MAX   64
#define TEXT_MAX    200
#define PRINTED_MAX 80u

typedef enum line_kind { LINE_OPERATION, LINE_STEP, LINE_NOTE } line_kind_t;

typedef struct line {
    line_kind_t kind;
    uint8_t thread;
    const char *text; // the site of an operation, what a step is
    const volatile void *object;
    model_kind_t access;
    model_rmw_t how;
    memory_order order;
    outcome did;
    char note[72];
} line;

typedef struct account {
    unsigned count;
    unsigned steps; // of the search
    unsigned switches;
    char reason[TEXT_MAX];
    line lines[LINES_MAX];
} account;

static account now, best;
static bool has_best;

static struct {
    const volatile void *object;
    size_t size;
    const char *name;
    const char *const *flags;
} names[NAMES_MAX];
static unsigned name_count;

void
account_begin(void)
{
    now.count = 0;
    now.switches = 0;
    now.reason[0] = '\0';
    name_count = 0;
}

void
account_forget(void)
{
    has_best = false;
}

void
model_name(const volatile void *object, size_t size, const char *name)
{
    if (name_count == NAMES_MAX) {
        model_fail("more than %d names", NAMES_MAX);
    }
    names[name_count].object = object;
    names[name_count].size = size;
    names[name_count].flags = NULL;
    names[name_count++].name = name;
}

void
model_flags(const volatile void *object, const char *const flags[3])
{
    for (unsigned i = 0; i < name_count; i++) {
        if (names[i].object == object) {
            names[i].flags = flags;
        }
    }
}

const char *
account_name(const volatile void *object, char *out, size_t size)
{
    uintptr_t address = (uintptr_t)object;
    // The latest first: parts are named after the whole.
    for (unsigned i = name_count; i-- > 0;) {
        uintptr_t base = (uintptr_t)names[i].object;
        if (address >= base && address - base < names[i].size) {
            snprintf(out, size, address == base ? "%s" : "%s+%zu", names[i].name,
                     (size_t)(address - base));
            return out;
        }
    }
    snprintf(out, size, "memory at %p", (void *)address);
    return out;
}

const char *
account_thread_name(unsigned thread)
{
    return run.scenario->threads[thread];
}

static line *
add(line_kind_t kind, unsigned thread)
{
    if (now.count == LINES_MAX) {
        return &now.lines[LINES_MAX - 1];
    }
    line *added = &now.lines[now.count++];
    added->kind = kind;
    added->thread = (uint8_t)thread;
    added->note[0] = '\0';
    bool is_switch = now.count > 1 && now.lines[now.count - 2].thread != added->thread;
    now.switches += is_switch;
    return added;
}

void
account_operation(unsigned thread, const operation *op, outcome did)
{
    line *added = add(LINE_OPERATION, thread);
    added->text = op->site;
    added->object = op->access.object;
    added->access = op->access.kind;
    added->how = op->how;
    added->order = did.is_failed ? op->failure : op->access.order;
    added->did = did;
}

void
account_step(unsigned thread, const char *what, unsigned way)
{
    line *added = add(LINE_STEP, thread);
    added->text = what;
    if (way > 0) {
        snprintf(added->note, sizeof added->note, " (way %u)", way);
    }
}

void
model_note(const char *format, ...)
{
    view *running = run_view();
    if (running == NULL) {
        return;
    }
    line *added = add(LINE_NOTE, model_thread());
    va_list args;
    va_start(args, format);
    vsnprintf(added->note, sizeof added->note, format, args);
    va_end(args);
}

void
account_reason(const char *format, va_list args)
{
    vsnprintf(now.reason, sizeof now.reason, format, args);
}

void
account_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    account_reason(format, args);
    va_end(args);
}

unsigned
account_longest(void)
{
    return has_best ? best.steps : UINT_MAX;
}

void
account_finding(unsigned steps)
{
    bool is_shorter = steps < best.steps || (steps == best.steps && now.switches < best.switches);
    now.steps = steps;
    if (!has_best || is_shorter) {
        has_best = true;
        memcpy(&best, &now, sizeof now);
    }
}

bool
account_has_finding(void)
{
    return has_best;
}

// ---- printing

static const char *
value_name(const volatile void *object, uint64_t value, char *out, size_t size)
{
    const char *const *flags = NULL;
    for (unsigned i = 0; i < name_count; i++) {
        flags = names[i].object == object ? names[i].flags : flags;
    }
    if (flags == NULL) {
        snprintf(out, size, value < 1000 ? "%" PRIu64 : "%#" PRIx64, value);
        return out;
    }
    size_t at = 0;
    if (value >> 3 != 0) {
        account_name((const void *)(uintptr_t)(value & ~(uint64_t)7), out, size);
        at = strlen(out);
    }
    for (unsigned i = 0; i < 3; i++) {
        if ((value >> i & 1u) != 0 && at < size) {
            at += (size_t)snprintf(out + at, size - at, at == 0 ? "%s" : " %s", flags[i]);
        }
    }
    if (value == 0) {
        snprintf(out, size, "empty");
    }
    return out;
}

static void
print_operation(const line *it)
{
    static const char *const orders[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};
    static const char *const hows[] = {"exchange", "add", "sub", "or", "and", "xor"};
    static const char *const kinds[] = {"load", "store", "rmw", "cas"};
    char object[80], before[80], after[80];
    account_name(it->object, object, sizeof object);
    value_name(it->object, it->did.before, before, sizeof before);
    value_name(it->object, it->did.after, after, sizeof after);
    const char *kind = it->access == MODEL_RMW ? hows[it->how] : kinds[it->access];
    printf("%-22s %s %s ", it->text, kind, orders[it->order]);
    if (!it->did.is_written) {
        printf("%s: reads %s%s%s\n", object, before, it->did.is_stale ? ", an old one" : "",
               it->did.is_failed ? ", and fails" : "");
    } else {
        printf("%s: %s -> %s\n", object, before, after);
    }
}

void
account_print(void)
{
    for (unsigned i = 0; i < best.count; i++) {
        const line *it = &best.lines[i];
        if (best.count > PRINTED_MAX && i == PRINTED_MAX / 2) {
            printf("    ... and %u lines more ...\n", best.count - PRINTED_MAX);
            i = best.count - PRINTED_MAX / 2;
        }
        printf("    %-12s ", account_thread_name(it->thread));
        switch (it->kind) {
        case LINE_OPERATION:
            print_operation(it);
            break;
        case LINE_STEP:
            printf("%s%s\n", it->text, it->note);
            break;
        case LINE_NOTE:
            printf("  %s\n", it->note);
            break;
        }
    }
    printf("    => %s\n", best.reason);
}
