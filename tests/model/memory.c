/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Memory: what an operation may do, under each of three memory models.
 *
 * SC   every operation acts on memory at once.
 * TSO  a store goes into the thread's buffer and from there to memory, in order, at any time (a
 *      transition of its own). Read-modify-writes, seq_cst stores, locks and system calls wait until
 *      the buffer is empty.
 * RA   each location has a list of messages in modification order, and each thread a view: the oldest
 *      message it may still read there. A load reads any message from there on; a store goes into any
 *      gap behind it, but never between a read-modify-write and what that read. A release puts the
 *      thread's view into its message, an acquire joins that to its own; read-modify-writes hand on
 *      what they read (release sequences). A seq_cst load reads nothing older than the last seq_cst
 *      write there in the order of execution, and a seq_cst write goes behind it. */
#include "world.h"

typedef struct choice {
    uint8_t at;    /* RA: the message read, or the place of the new one */
    bool succeeds; /* CAS */
} choice;

static bool acquires(unsigned order)
{
    return order == NOHI_MODEL_ACQUIRE || order >= NOHI_MODEL_ACQ_REL;
}

static bool releases(unsigned order)
{
    return order >= NOHI_MODEL_RELEASE;
}

static bool is_cas(const operation *op)
{
    return op->kind == NOHI_MODEL_CAS || op->kind == NOHI_MODEL_CAS_WEAK;
}

static bool is_change(const operation *op)
{
    return op->kind >= NOHI_MODEL_XCHG && op->kind <= NOHI_MODEL_CAS_WEAK;
}

uint64_t memory_read(const void *address, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, address, size); /* little-endian, like all we run on */
    return value;
}

void memory_write(void *address, size_t size, uint64_t value)
{
    memcpy(address, &value, size);
}

unsigned memory_location(void *address, size_t size)
{
    for (unsigned i = 0; i < current.location_count; i++) {
        if (current.addresses[i] == address) {
            if (current.sizes[i] != size) {
                fail("access", "%s is used with two sizes", trace_name(address));
            }
            return i;
        }
    }
    if (current.location_count == LOCATIONS_MAX) {
        fail("limit", "more than %d atomic locations", LOCATIONS_MAX);
    }
    current.addresses[current.location_count] = address;
    current.sizes[current.location_count] = (uint8_t)size;
    return current.location_count++;
}

static uint64_t masked(uint64_t value, unsigned size)
{
    return size == 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

/* What a read-modify-write makes of `old`. */
static uint64_t changed(const operation *op, uint64_t old)
{
    switch ((nohi_model_kind)op->kind) {
    case NOHI_MODEL_ADD:
        return masked(old + op->operand, op->size);
    case NOHI_MODEL_SUB:
        return masked(old - op->operand, op->size);
    case NOHI_MODEL_AND:
        return old & op->operand;
    case NOHI_MODEL_OR:
        return old | op->operand;
    default:
        return op->operand;
    }
}

/* ---- RA: views and messages --------------------------------------------------------------- */

static void join(view *into, const view *from)
{
    for (unsigned i = 0; i < LOCATIONS_MAX; i++) {
        into->at[i] = from->at[i] > into->at[i] ? from->at[i] : into->at[i];
    }
}

static unsigned first_of(unsigned l)
{
    unsigned first = 0;
    for (unsigned i = 0; i < l; i++) {
        first += now.locations[i].count;
    }
    return first;
}

static message *open_gap(unsigned index)
{
    if (now.message_count == MESSAGES_MAX) {
        fail("limit", "more than %d messages", MESSAGES_MAX);
    }
    memmove(&now.messages[index + 1], &now.messages[index],
            (now.message_count - index) * sizeof(message));
    now.message_count++;
    now.messages[index] = (message){.value = 0};
    return &now.messages[index];
}

/* The messages of a location, at least one. */
static message *messages_of(unsigned l)
{
    unsigned first = first_of(l);
    if (now.locations[l].count == 0) {
        open_gap(first)->value = memory_read(current.addresses[l], current.sizes[l]);
        now.locations[l].count = 1;
    }
    return &now.messages[first];
}

static void shift(uint8_t *at, unsigned from)
{
    *at = (uint8_t)(*at + (*at >= from));
}

/* A new message of location `l` at place `at`; all views move along. */
static message *insert(unsigned l, unsigned at)
{
    unsigned first = first_of(l);
    for (unsigned i = 0; i < now.message_count; i++) {
        shift(&now.messages[i].sees.at[l], at);
    }
    for (unsigned t = 0; t < current.threads; t++) {
        shift(&now.threads[t].sees.at[l], at);
    }
    shift(&now.fence.at[l], at);
    shift(&now.locations[l].strict, at);
    if (now.locations[l].count == UINT8_MAX) {
        fail("limit", "too many messages at %s", trace_name(current.addresses[l]));
    }
    now.locations[l].count++;
    return open_gap(first + at);
}

/* The oldest message that the operation may read. */
static unsigned oldest_for(const thread *t)
{
    unsigned l = t->next.location - 1u;
    unsigned oldest = t->sees.at[l];
    unsigned strict = now.locations[l].strict;
    return t->next.order == NOHI_MODEL_SEQ_CST && strict > oldest ? strict : oldest;
}

static unsigned load_choices(const thread *t, choice *choices)
{
    unsigned l = t->next.location - 1u;
    unsigned count = 0;
    (void)messages_of(l);
    for (unsigned at = now.locations[l].count; at-- > oldest_for(t);) {
        choices[count++] = (choice){.at = (uint8_t)at};
    }
    return count;
}

static unsigned store_choices(const thread *t, choice *choices)
{
    unsigned l = t->next.location - 1u;
    unsigned count = 0;
    const message *messages = messages_of(l);
    unsigned end = now.locations[l].count;
    for (unsigned at = end; at > oldest_for(t); at--) {
        if (at == end || !messages[at].glued) {
            choices[count++] = (choice){.at = (uint8_t)at};
        }
    }
    return count;
}

static unsigned change_choices(const thread *t, choice *choices)
{
    const operation *op = &t->next;
    unsigned l = op->location - 1u;
    unsigned count = 0;
    const message *messages = messages_of(l);
    unsigned end = now.locations[l].count;
    for (unsigned at = end; at-- > t->sees.at[l];) { /* one that fails is relaxed */
        bool equal = !is_cas(op) || messages[at].value == op->expected;
        if (equal && at >= oldest_for(t) && (at + 1 == end || !messages[at + 1].glued)) {
            choices[count++] = (choice){.at = (uint8_t)at, .succeeds = true};
        }
        if (!equal || op->kind == NOHI_MODEL_CAS_WEAK) {
            choices[count++] = (choice){.at = (uint8_t)at};
        }
    }
    return count;
}

static unsigned choices_of(const thread *t, choice *choices)
{
    if (t->next.kind == NOHI_MODEL_LOAD) {
        return load_choices(t, choices);
    }
    return t->next.kind == NOHI_MODEL_STORE ? store_choices(t, choices)
                                            : change_choices(t, choices);
}

static void read_message(unsigned number, unsigned l, unsigned at, bool acquire)
{
    thread *t = &now.threads[number];
    const message *m = &messages_of(l)[at];
    t->sees.at[l] = t->sees.at[l] > at ? t->sees.at[l] : (uint8_t)at;
    if (acquire) {
        join(&t->sees, &m->sees);
        race_learn(number, &m->knows);
    }
}

/* Writes at place `at`; `read` is what a read-modify-write has read, or NULL. */
static void write_message(unsigned number, unsigned l, unsigned at, uint64_t value,
                          const message *read)
{
    thread *t = &now.threads[number];
    message inherited = read == NULL ? (message){.value = 0} : *read;
    message *m = insert(l, at);
    *m = inherited;
    m->value = value;
    m->glued = read != NULL;
    t->sees.at[l] = (uint8_t)at;
    m->sees.at[l] = (uint8_t)at;
    if (releases(t->next.order)) {
        join(&m->sees, &t->sees);
        epochs told = race_tell(number);
        for (unsigned i = 0; i < MODEL_THREADS_MAX; i++) {
            m->knows.of[i] = m->knows.of[i] > told.of[i] ? m->knows.of[i] : told.of[i];
        }
    }
    if (t->next.order == NOHI_MODEL_SEQ_CST) {
        now.locations[l].strict = (uint8_t)at;
    }
    if (at + 1u == now.locations[l].count) {
        memory_write(current.addresses[l], current.sizes[l], value);
    }
}

static void trace_read(unsigned number, unsigned l, unsigned at)
{
    if (current.tracing && at + 1u < now.locations[l].count) {
        trace_line(number, "    (old: %u newer)", now.locations[l].count - at - 1u);
    }
}

static void perform_ra(unsigned number, unsigned outcome)
{
    thread *t = &now.threads[number];
    const operation *op = &t->next;
    unsigned l = op->location - 1u;
    choice choices[CHOICES_MAX];
    (void)choices_of(t, choices);
    choice chosen = choices[outcome];
    if (op->kind == NOHI_MODEL_STORE) {
        if (current.tracing && chosen.at < now.locations[l].count) {
            trace_line(number, "    (placed before %u others)", now.locations[l].count - chosen.at);
        }
        write_message(number, l, chosen.at, op->operand, NULL);
        return;
    }
    message read = messages_of(l)[chosen.at];
    trace_read(number, l, chosen.at);
    t->result = read.value;
    t->done = chosen.succeeds;
    bool writes = is_change(op) && chosen.succeeds;
    read_message(number, l, chosen.at, acquires(op->order) && (writes || !is_cas(op)));
    if (writes) {
        /* The message that was read has its own place in its view: the new one is behind it. */
        write_message(number, l, chosen.at + 1u, changed(op, read.value), &read);
    }
}

/* ---- SC and TSO --------------------------------------------------------------------------- */

/* A store reaches memory, with what its release tells. */
static void arrive(unsigned l, uint64_t value, const epochs *told)
{
    memory_write(current.addresses[l], current.sizes[l], value);
    now.locations[l].knows = *told;
    current.races_changed = true;
}

static bool in_buffer(const thread *t, unsigned number, uint64_t *ret_value)
{
    for (unsigned i = t->buffered; i-- > 0;) {
        if (now.buffers[number][i].location == t->next.location) {
            *ret_value = now.buffers[number][i].value;
            return true;
        }
    }
    return false;
}

void memory_flush(unsigned number)
{
    thread *t = &now.threads[number];
    buffered *buffer = now.buffers[number];
    unsigned l = buffer[0].location - 1u;
    if (current.tracing) {
        trace_line(number, "  buffer -> %s = %#llx", trace_name(current.addresses[l]),
                   (unsigned long long)buffer[0].value);
    }
    arrive(l, buffer[0].value, &buffer[0].knows);
    t->buffered--;
    memmove(&buffer[0], &buffer[1], t->buffered * sizeof(buffered));
    memset(&buffer[t->buffered], 0, sizeof(buffered));
}

static void store_in_memory(unsigned number, unsigned l)
{
    thread *t = &now.threads[number];
    epochs told = {{0}};
    if (releases(t->next.order)) {
        told = race_tell(number);
    }
    if (current.memory_model == TSO && t->next.order != NOHI_MODEL_SEQ_CST) {
        now.buffers[number][t->buffered++] =
            (buffered){.value = t->next.operand, .knows = told, .location = (uint8_t)(l + 1)};
    } else {
        arrive(l, t->next.operand, &told);
    }
}

static void change_in_memory(unsigned number, unsigned l)
{
    thread *t = &now.threads[number];
    const operation *op = &t->next;
    epochs *at = &now.locations[l].knows;
    if (acquires(op->order)) {
        race_learn(number, at);
    }
    memory_write(current.addresses[l], current.sizes[l], changed(op, t->result));
    if (releases(op->order)) {
        epochs told = race_tell(number);
        for (unsigned i = 0; i < MODEL_THREADS_MAX; i++) {
            at->of[i] = at->of[i] > told.of[i] ? at->of[i] : told.of[i];
        }
    }
}

static void perform_in_order(unsigned number, unsigned outcome)
{
    thread *t = &now.threads[number];
    const operation *op = &t->next;
    unsigned l = op->location - 1u;
    if (op->kind == NOHI_MODEL_STORE) {
        store_in_memory(number, l);
        return;
    }
    if (op->kind == NOHI_MODEL_LOAD && in_buffer(t, number, &t->result)) {
        return;
    }
    t->result = memory_read(current.addresses[l], current.sizes[l]);
    t->done = is_change(op) && (!is_cas(op) || t->result == op->expected) && outcome == 0;
    if (t->done) {
        change_in_memory(number, l);
    } else if (acquires(op->order) && !is_cas(op)) {
        race_learn(number, &now.locations[l].knows);
    }
}

/* A weak one may fail though the value is the expected one. */
static unsigned outcomes_in_order(const thread *t)
{
    const operation *op = &t->next;
    unsigned l = op->location - 1u;
    return op->kind == NOHI_MODEL_CAS_WEAK &&
                   memory_read(current.addresses[l], current.sizes[l]) == op->expected
               ? 2
               : 1;
}

/* ---- what is no atomic object ------------------------------------------------------------- */

/* A lock is a location that always shows its newest value: 0, or its holder + 1. */
static void perform_lock(unsigned number, bool takes)
{
    thread *t = &now.threads[number];
    unsigned l = t->next.location - 1u;
    t->next.operand = takes ? number + 1 : 0;
    if (current.memory_model == RA) {
        unsigned newest = (unsigned)(messages_of(l), now.locations[l].count) - 1;
        read_message(number, l, newest, takes);
        write_message(number, l, newest + 1, t->next.operand, NULL);
        return;
    }
    if (takes) {
        race_learn(number, &now.locations[l].knows);
    }
    epochs told = {{0}};
    if (!takes) {
        told = race_tell(number);
    }
    arrive(l, t->next.operand, &told);
}

static void perform_wait(unsigned number)
{
    thread *t = &now.threads[number];
    if (memory_read(t->next.address, t->next.size) == t->next.expected) {
        t->status = ASLEEP;
    }
}

static void perform_wake(unsigned number)
{
    for (unsigned i = 0; i < current.threads; i++) {
        thread *other = &now.threads[i];
        if (other->status == ASLEEP && other->next.address == now.threads[number].next.address) {
            other->status = READY;
            other->next.kind = NOHI_MODEL_CHOOSE; /* the sleep is over: nothing is left to do */
            other->next.operand = 1;
        }
    }
}

void memory_fence(unsigned number)
{
    if (current.memory_model == RA) {
        join(&now.threads[number].sees, &now.fence);
        join(&now.fence, &now.threads[number].sees);
    }
}

static void perform_membarrier(unsigned number)
{
    thread *t = &now.threads[number];
    memory_fence(number);
    if (t->status == FENCING) {
        t->status = READY;
        return;
    }
    t->status = FENCING;
    for (unsigned i = 0; i < current.threads; i++) {
        thread *other = &now.threads[i];
        if (i != number && (other->status != DONE || other->buffered > 0)) {
            other->fences_due |= (uint8_t)(1u << number);
        }
    }
}

static bool fences_are_done(unsigned caller)
{
    for (unsigned i = 0; i < current.threads; i++) {
        if (now.threads[i].fences_due & 1u << caller) {
            return false;
        }
    }
    return true;
}

bool memory_can_fence(unsigned number)
{
    return now.threads[number].buffered == 0;
}

/* ---- all of them -------------------------------------------------------------------------- */

static bool waits_for_buffer(const thread *t)
{
    const operation *op = &t->next;
    if (op->kind == NOHI_MODEL_STORE) {
        return op->order == NOHI_MODEL_SEQ_CST ? t->buffered > 0 : t->buffered == BUFFER_MAX;
    }
    return op->kind != NOHI_MODEL_LOAD && op->kind != NOHI_MODEL_CHOOSE && t->buffered > 0;
}

unsigned memory_outcomes(unsigned number)
{
    const thread *t = &now.threads[number];
    choice choices[CHOICES_MAX];
    if (t->status == DONE || waits_for_buffer(t)) {
        return 0;
    }
    if (t->status == ASLEEP) {
        return t->next.timed || (current.model->spurious & current.memory_model) != 0;
    }
    switch ((nohi_model_kind)t->next.kind) {
    case NOHI_MODEL_LOCK:
        return memory_read(t->next.address, t->next.size) == 0;
    case NOHI_MODEL_CHOOSE:
        return (unsigned)t->next.operand;
    case NOHI_MODEL_UNLOCK:
    case NOHI_MODEL_WAIT:
    case NOHI_MODEL_WAKE:
        return 1;
    case NOHI_MODEL_MEMBARRIER:
        return t->status != FENCING || fences_are_done(number);
    default:
        return current.memory_model == RA ? choices_of(t, choices) : outcomes_in_order(t);
    }
}

void memory_perform(unsigned number, unsigned outcome)
{
    thread *t = &now.threads[number];
    t->result = 0;
    switch ((nohi_model_kind)t->next.kind) {
    case NOHI_MODEL_LOCK:
    case NOHI_MODEL_UNLOCK:
        perform_lock(number, t->next.kind == NOHI_MODEL_LOCK);
        break;
    case NOHI_MODEL_CHOOSE:
        t->result = outcome;
        break;
    case NOHI_MODEL_WAIT:
        if (t->status == ASLEEP) {
            t->status = READY; /* its time is over, or for no reason */
        } else {
            perform_wait(number);
        }
        break;
    case NOHI_MODEL_WAKE:
        perform_wake(number);
        break;
    case NOHI_MODEL_MEMBARRIER:
        perform_membarrier(number);
        break;
    default:
        if (current.memory_model == RA) {
            perform_ra(number, outcome);
        } else {
            perform_in_order(number, outcome);
        }
    }
}

/* ---- one form for states that can do the same --------------------------------------------- */

/* The oldest message of `l` that a thread may still read, or place another before. */
static unsigned oldest_needed(unsigned l)
{
    unsigned oldest = now.locations[l].count - 1u;
    for (unsigned t = 0; t < current.threads; t++) {
        if (now.threads[t].status != DONE && now.threads[t].sees.at[l] < oldest) {
            oldest = now.threads[t].sees.at[l];
        }
    }
    return oldest;
}

static void lower(uint8_t *at, unsigned by)
{
    *at = (uint8_t)(*at > by ? *at - by : 0);
}

static void drop_oldest(unsigned l, unsigned count)
{
    unsigned first = first_of(l);
    memmove(&now.messages[first], &now.messages[first + count],
            (now.message_count - first - count) * sizeof(message));
    now.message_count -= count;
    now.locations[l].count = (uint8_t)(now.locations[l].count - count);
    now.messages[first].glued = false;
    for (unsigned i = 0; i < now.message_count; i++) {
        lower(&now.messages[i].sees.at[l], count);
    }
    for (unsigned t = 0; t < current.threads; t++) {
        lower(&now.threads[t].sees.at[l], count);
    }
    lower(&now.fence.at[l], count);
    lower(&now.locations[l].strict, count);
}

/* The only message of a location, known to all, and with nothing to tell, is plain memory. */
static void forget_if_plain(unsigned l)
{
    static const view nothing;
    static const epochs nobody;
    unsigned first = first_of(l);
    message *m = &now.messages[first];
    if (memcmp(&m->sees, &nothing, sizeof nothing) == 0 &&
        memcmp(&m->knows, &nobody, sizeof nobody) == 0) {
        memmove(m, m + 1, (now.message_count - first - 1) * sizeof(message));
        now.message_count--;
        now.locations[l].count = 0;
    }
}

static void normalize_messages(void)
{
    for (unsigned t = 0; t < current.threads; t++) {
        if (now.threads[t].status == DONE) {
            if (current.model->membarriers) {
                join(&now.fence, &now.threads[t].sees); /* its end was a fence */
            }
            now.threads[t].sees = (view){{0}};
        }
    }
    for (unsigned l = 0; l < current.location_count; l++) {
        unsigned needed = now.locations[l].count == 0 ? 0 : oldest_needed(l);
        if (needed > 0) {
            drop_oldest(l, needed);
        }
    }
    for (unsigned l = 0; l < current.location_count; l++) {
        if (now.locations[l].count == 1) {
            forget_if_plain(l);
        }
    }
}

void memory_normalize(void)
{
    if (current.races_changed) {
        race_normalize();
        current.races_changed = false;
    }
    if (current.memory_model == RA) {
        normalize_messages();
    }
}
