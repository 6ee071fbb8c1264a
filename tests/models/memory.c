// memory.c: what atomic operations do to memory that is weaker than the machine's.
//
// Each location has its modification order, all writes so far; each thread has a view: for every
// location the earliest write that it may still read. A load reads any write from there on, and
// with it moves the view; nothing but that ties a thread to what others did most recently. A write
// with release keeps the writer's view, a read with acquire joins the view that is kept in what it
// reads. A read-modify-write reads the last write and hands on what that released: a release
// sequence. The views also count what each thread has done, which is what race.c asks for.
//
// This is C11 with three things less. Reads from the future do not happen (the order of a program
// and "reads from" have no cycle, as in RC11). Stores go to the end of the modification order, so
// two unordered plain stores to one location are refused. A store does not continue a release
// sequence of its own thread, which C20 withdrew: weaker, so nothing is missed.
// seq_cst and fences are refused: nothing in the runtime uses them.
#include "engine.h"

static location locations[LOCATIONS_MAX];
static write_record writes[LOCATIONS_MAX][WRITES_MAX];
static unsigned location_count;
static unsigned generation;

void
memory_forget(void)
{
    location_count = 0;
}

void
memory_begin(void)
{
    generation++;
}

static uint64_t
peek(const volatile void *object, size_t size)
{
    switch (size) {
    case 1:
        return *(const volatile uint8_t *)object;
    case 2:
        return *(const volatile uint16_t *)object;
    case 4:
        return *(const volatile uint32_t *)object;
    default:
        return *(const volatile uint64_t *)object;
    }
}

static void
poke(volatile void *object, size_t size, uint64_t value)
{
    switch (size) {
    case 1:
        *(volatile uint8_t *)object = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)object = (uint16_t)value;
        break;
    case 4:
        *(volatile uint32_t *)object = (uint32_t)value;
        break;
    default:
        *(volatile uint64_t *)object = value;
        break;
    }
}

static uint64_t
narrow(uint64_t value, size_t size)
{
    return size >= sizeof value ? value : value & (((uint64_t)1 << (8 * size)) - 1);
}

location *
memory_location(const volatile void *object, size_t size)
{
    location *at = locations;
    while (at < locations + location_count && at->object != object) {
        at++;
    }
    if (at == locations + location_count) {
        if (location_count == LOCATIONS_MAX) {
            model_fail("more than %d atomic objects", LOCATIONS_MAX);
        }
        *at = (location){.object = object, .size = size, .user = -1, .number = location_count};
        at->writes = writes[location_count++];
    }
    if (at->generation != generation) {
        at->generation = generation;
        at->count = 1;
        at->writes[0] = (write_record){.value = peek(object, size), .step = -1};
    }
    return at;
}

void
model_atomic_init(volatile void *object, size_t size, uint64_t value)
{
    poke(object, size, value);
    for (unsigned i = 0; i < location_count; i++) {
        if (locations[i].object == object) {
            locations[i].generation = 0;
        }
    }
}

unsigned
memory_latest(const location *at)
{
    return at->count - 1;
}

void
memory_join(view *into, const view *from)
{
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        into->clock[i] = into->clock[i] > from->clock[i] ? into->clock[i] : from->clock[i];
    }
    for (unsigned i = 0; i < location_count; i++) {
        into->seen[i] = into->seen[i] > from->seen[i] ? into->seen[i] : from->seen[i];
    }
}

static bool
acquires(memory_order order)
{
    return order == memory_order_acquire || order == memory_order_acq_rel;
}

static bool
releases(memory_order order)
{
    return order == memory_order_release || order == memory_order_acq_rel;
}

bool
memory_may_write(const operation *op)
{
    return op->access.kind != MODEL_LOAD || op->is_guess;
}

static bool
would_succeed(const operation *op)
{
    const location *at = op->location;
    return op->access.is_blind || at->writes[memory_latest(at)].value == op->access.expected;
}

unsigned
memory_ways(const operation *op, const view *now, bool may_retry, unsigned out[WAYS_MAX])
{
    const location *at = op->location;
    unsigned oldest = now->seen[at->number];
    unsigned newest = memory_latest(at);
    unsigned count = 0;
    if (op->access.kind == MODEL_STORE || op->access.kind == MODEL_RMW) {
        out[count++] = WAY_WRITE;
        return count;
    }
    if (op->access.kind == MODEL_CAS) {
        if (would_succeed(op)) {
            out[count++] = WAY_WRITE;
        }
        if (op->access.is_blind || (op->is_weak && !may_retry)) {
            return count;
        }
    }
    if (op->is_guess) {
        out[count++] = WAY_WRITE;
        newest--;
    }
    for (unsigned i = newest + 1; i-- > oldest && count < WAYS_MAX;) {
        bool differs = at->writes[i].value != op->access.expected;
        if (op->access.kind == MODEL_LOAD || differs) {
            out[count++] = WAY_READ + i;
        }
    }
    return count;
}

static uint64_t
modified(const operation *op, uint64_t old)
{
    uint64_t operand = op->access.operand;
    switch (op->how) {
    case MODEL_EXCHANGE:
        return operand;
    case MODEL_ADD:
        return narrow(old + operand, op->size);
    case MODEL_SUB:
        return narrow(old - operand, op->size);
    case MODEL_OR:
        return old | operand;
    case MODEL_AND:
        return old & operand;
    case MODEL_XOR:
        return old ^ operand;
    }
    return old;
}

static void
read_record(location *at, view *now, unsigned index, memory_order order)
{
    now->seen[at->number] = (uint8_t)index;
    if (acquires(order)) {
        memory_join(now, &at->writes[index].released);
    }
}

static void
append(const operation *op, view *now, unsigned thread, uint64_t value, bool is_rmw)
{
    location *at = op->location;
    unsigned last = memory_latest(at);
    if (!is_rmw && now->seen[at->number] != last && !at->is_count) {
        model_fail("%s stores, unordered with another store to the same object: not modelled",
                   op->site);
    }
    if (at->count == WRITES_MAX) {
        model_fail("more than %d writes to one atomic object", WRITES_MAX);
    }
    write_record *record = &at->writes[at->count++];
    *record = (write_record){.value = value, .step = -1};
    now->seen[at->number] = (uint8_t)(at->count - 1);
    if (is_rmw) {
        record->released = at->writes[last].released;
    }
    if (releases(op->access.order)) {
        memory_join(&record->released, now);
        now->clock[thread]++;
    }
    poke((volatile void *)at->object, op->size, value);
}

static outcome
read_only(operation *op, view *now, unsigned index, memory_order order)
{
    location *at = op->location;
    read_record(at, now, index, order);
    return (outcome){.before = at->writes[index].value,
                     .after = at->writes[index].value,
                     .index = index,
                     .is_stale = index != memory_latest(at),
                     .is_failed = op->access.kind == MODEL_CAS};
}

outcome
memory_perform(operation *op, view *now, unsigned thread, unsigned way)
{
    location *at = op->location;
    unsigned last = memory_latest(at);
    const model_access *access = &op->access;
    if (access->order == memory_order_seq_cst) {
        model_fail("%s: seq_cst is not modelled", op->site);
    }
    if (way != WAY_WRITE) {
        memory_order order = access->kind == MODEL_CAS ? op->failure : access->order;
        return read_only(op, now, way - WAY_READ, order);
    }
    if (access->kind == MODEL_LOAD) {
        return read_only(op, now, last, access->order);
    }
    uint64_t old = at->writes[last].value;
    uint64_t new = narrow(access->operand, op->size);
    if (access->kind == MODEL_RMW) {
        new = modified(op, old);
    }
    if (access->kind != MODEL_STORE) {
        read_record(at, now, last, access->order);
    }
    if (!access->is_dropped) {
        append(op, now, thread, new, access->kind != MODEL_STORE);
    }
    return (outcome){
        .before = old, .after = access->is_dropped ? old : new, .index = last, .is_written = true};
}
