/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Sim: one run of a program, what is noted of it, and how it ended. */
#include "world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS_MAX_DEFAULT = 10000000,
    WAITS_MAX = 8,
    INDEX_BITS = 27, /* of a ref: the logs print <index.generation> */
};

/* ---- what has happened -------------------------------------------------------------------- */

static void mix(uint64_t *trace, uint64_t value)
{
    uint64_t state = *trace ^ value;
    *trace = sim_next(&state);
}

/* Its content, since its address is another one in each process. */
static void mix_text(uint64_t *trace, const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; text != NULL && *text != 0; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    mix(trace, hash);
}

/* Systems have the numbers of their first turns. */
static unsigned number_of(noh_sim *sim, const struct noh_system *system)
{
    unsigned unknown = SYSTEMS_MAX;
    for (unsigned i = SYSTEMS_MAX; i-- > 0;) {
        if (sim->systems[i] == system) {
            return i;
        }
        unknown = sim->systems[i] == NULL ? i : unknown;
    }
    if (unknown < SYSTEMS_MAX) {
        sim->systems[unknown] = system;
    }
    return unknown;
}

static void copy(char *to, size_t size, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    length = length < size ? length : size - 1;
    memcpy(to, text == NULL ? "" : text, length);
    to[length] = 0;
}

static sim_note *next_note(noh_sim *sim)
{
    sim_note *note = &sim->notes[sim->note_count++ % NOTES_MAX];
    note->time_ns = sim->now_ns;
    note->is_log = false;
    return note;
}

void sim_note_turn(noh_sim *sim, const noh_turn *turn)
{
    sim_note *note = next_note(sim);
    note->system = number_of(sim, turn->system);
    note->worker = turn->worker;
    note->actor = turn->actor;
    note->sender = turn->sender;
    copy(note->behavior, sizeof note->behavior, turn->behavior);
    copy(note->text, sizeof note->text, turn->message);
    sim->turns++;
    mix(&sim->trace, (uint64_t)note->system << 32 | turn->worker);
    mix(&sim->trace, turn->actor);
    mix(&sim->trace, turn->sender);
    mix(&sim->trace, (uint64_t)sim->now_ns);
    mix_text(&sim->trace, turn->behavior);
    mix_text(&sim->trace, turn->message);
}

static void log_line(void *world, const noh_log_record *record)
{
    noh_sim *sim = world;
    if (sim->options.log != NULL) {
        sim->options.log(sim->options.log_ctx, record);
        return;
    }
    sim_note *note = next_note(sim);
    note->is_log = true;
    note->actor = record->actor;
    copy(note->behavior, sizeof note->behavior, record->behavior);
    copy(note->text, sizeof note->text, record->text);
}

static unsigned index_of(uint64_t bits)
{
    return (unsigned)(bits & ((1U << INDEX_BITS) - 1));
}

static void print_ref(FILE *to, uint64_t bits)
{
    if (bits == 0) {
        fprintf(to, "nobody");
        return;
    }
    fprintf(to, "<%u.%u>", index_of(bits), (unsigned)(bits >> INDEX_BITS));
}

static void print_note(FILE *to, const sim_note *note)
{
    fprintf(to, "%14.6f ms  ", (double)(note->time_ns - NOH_SECOND) / 1e6);
    if (note->is_log) {
        fprintf(to, "log %s: %s\n", note->behavior, note->text);
        return;
    }
    fprintf(to, "noh-%u ", note->worker);
    if (note->system > 0) {
        fprintf(to, "of system %u ", note->system);
    }
    fprintf(to, " %s", note->behavior[0] == 0 ? "(ended)" : note->behavior);
    print_ref(to, note->actor);
    fprintf(to, " %s", note->text[0] == 0 ? "(notice)" : note->text);
    fprintf(to, " from ");
    print_ref(to, note->sender);
    fprintf(to, "\n");
}

void noh_sim_print(const noh_sim *sim, FILE *to)
{
    uint64_t first = sim->note_count > NOTES_MAX ? sim->note_count - NOTES_MAX : 0;
    for (uint64_t i = first; i < sim->note_count; i++) {
        print_note(to, &sim->notes[i % NOTES_MAX]);
    }
}

/* ---- how it ended ------------------------------------------------------------------------- */

void sim_fail(noh_sim *sim, noh_err err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sim->text, sizeof sim->text, format, arguments);
    va_end(arguments);
    sim->err = err;
}

static void add(noh_sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(noh_sim *sim, const char *format, ...)
{
    size_t used = strlen(sim->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sim->text + used, sizeof sim->text - used, format, arguments);
    va_end(arguments);
}

static void add_ref(noh_sim *sim, noh_ref ref)
{
    add(sim, "<%u.%u>", index_of(ref.bits), (unsigned)(ref.bits >> INDEX_BITS));
}

static void add_wait(noh_sim *sim, const noh_wait *wait)
{
    static const char *const whys[] = {[NOH_WAIT_FOR_ANSWER] = "an answer to",
                                       [NOH_WAIT_FOR_MESSAGE] = "a message",
                                       [NOH_WAIT_FOR_WORK] = "blocking work",
                                       [NOH_WAIT_FOR_TIME] = "its turn",
                                       [NOH_WAIT_FOR_END] = "an end"};
    add(sim, "; %s", wait->behavior[0] == 0 ? "a thread " : wait->behavior);
    add_ref(sim, wait->actor);
    add(sim, " waits for %s", whys[wait->why]);
    if (wait->message[0] != 0) {
        add(sim, " %s", wait->message);
    }
    if (!noh_ref_is_none(wait->on)) {
        add(sim, " of ");
        add_ref(sim, wait->on);
    }
}

/* Those of systems that had a turn; of others nothing is known. */
static void add_waits(noh_sim *sim)
{
    for (unsigned i = 0; i < SYSTEMS_MAX; i++) {
        noh_wait waits[WAITS_MAX];
        size_t count = 0;
        /* Only read, whatever the type says. */
        noh_system *system = (noh_system *)(uintptr_t)sim->systems[i];
        if (system != NULL) {
            (void)noh_stuck(system, 0, waits, WAITS_MAX, &count);
        }
        for (size_t k = 0; k < count && k < WAITS_MAX; k++) {
            add_wait(sim, &waits[k]);
        }
    }
}

void sim_stuck(noh_sim *sim)
{
    if (sim->returned) {
        sim_fail(sim, NOH_E_HELD_UP, "the program has returned, and left threads behind:");
    } else {
        sim_fail(sim, NOH_E_CYCLE, "a deadlock: nobody can run, and nobody waits for a time:");
    }
    for (uint32_t i = 0; i < sim->thread_count; i++) {
        add(sim, "%s %s", i == 0 ? "" : ",", sim->threads[i]->name);
    }
    add_waits(sim);
}

/* ---- a run -------------------------------------------------------------------------------- */

noh_err noh_sim_new(noh_sim **ret_sim)
{
    if (ret_sim == NULL) {
        return NOH_E_INVAL;
    }
    noh_sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL) {
        return NOH_E_NOMEM;
    }
    sim->real = noh_env_default();
    sim->env = sim->real;
    sim->env.world = sim;
    sim->env.log = log_line;
    sim_world_env(&sim->env);
    sim_memory_env(&sim->env);
    *ret_sim = sim;
    return NOH_OK;
}

void noh_sim_free(noh_sim *sim)
{
    if (sim != NULL) {
        sim_world_free(sim);
        sim_memory_free(sim);
        free(sim);
    }
}

static void run_program(void *arg)
{
    noh_sim *sim = arg;
    noh_err err = sim->program(&sim->env, sim->arg);
    sim->returned = true;
    if (err != NOH_OK) {
        sim_fail(sim, err, "the program returned %s: %s", noh_err_name(err), noh_err_text(err));
        sim_world_leave(sim);
    }
}

static void begin(noh_sim *sim, const noh_sim_options *options)
{
    sim->options = options == NULL ? (noh_sim_options){.seed = 0} : *options;
    if (sim->options.steps_max == 0) {
        sim->options.steps_max = STEPS_MAX_DEFAULT;
    }
    uint64_t state = sim->options.seed;
    sim->order = sim_next(&state);
    sim->numbers = sim_next(&state);
    memset(sim->systems, 0, sizeof sim->systems);
    sim->trace = 0;
    sim->turns = 0;
    sim->steps = 0;
    sim->note_count = 0;
    sim->returned = false;
    sim->err = NOH_OK;
    sim->text[0] = 0;
}

static bool is_sound(const noh_sim_options *o)
{
    return o == NULL || ((o->size == 0 || o->size >= sizeof *o) && o->policy >= NOH_SIM_UNIFORM &&
                         o->policy <= NOH_SIM_ROBIN);
}

noh_err noh_sim_run(noh_sim *sim, const noh_sim_options *options, noh_sim_program *program,
                    void *arg, noh_sim_result *ret_result)
{
    if (sim == NULL || program == NULL || !is_sound(options) || sim->current != NULL) {
        return NOH_E_INVAL;
    }
    begin(sim, options);
    sim->program = program;
    sim->arg = arg;
    noh_err err = sim_world_run(sim, run_program, sim);
    if (err != NOH_OK) {
        return err;
    }
    mix(&sim->trace, (uint64_t)sim->now_ns);
    if (ret_result != NULL) {
        *ret_result = (noh_sim_result){.err = sim->err,
                                       .trace = sim->trace,
                                       .turns = sim->turns,
                                       .steps = sim->steps,
                                       .blocks = sim->block_count,
                                       .time_ns = sim->now_ns - NOH_SECOND};
        copy(ret_result->text, sizeof ret_result->text, sim->text);
    }
    sim_memory_abandon(sim);
    return sim->err;
}
