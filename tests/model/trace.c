/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Trace: names of objects, and the steps of a thread as lines of text. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>

enum { NAMES_MAX = 64 };

static struct {
    const char *start;
    size_t size;
    const char *text;
} names[NAMES_MAX];
static unsigned name_count;

void trace_clear_names(void)
{
    name_count = 0;
}

void nohi_model_name(const void *start, size_t size, const char *text)
{
    if (name_count < NAMES_MAX) {
        names[name_count].start = start;
        names[name_count].size = size;
        names[name_count++].text = text;
    }
}

/* The smallest named object around the address. */
const char *trace_name(const void *address)
{
    static char texts[4][64]; /* several names may stand in one line */
    static unsigned turn;
    char *text = texts[turn++ % 4];
    const char *at = address;
    int best = -1;
    for (unsigned i = 0; i < name_count; i++) {
        if (at >= names[i].start && at < names[i].start + names[i].size &&
            (best < 0 || names[i].size < names[best].size)) {
            best = (int)i;
        }
    }
    if (best >= 0) {
        long offset = (long)(at - names[best].start);
        snprintf(text, sizeof texts[0], offset == 0 ? "%.50s" : "%.50s+%ld", names[best].text,
                 offset);
    } else if (at >= nohi_model_shared && at < nohi_model_shared + MODEL_SHARED_BYTES) {
        snprintf(text, sizeof texts[0], "shared+%ld", (long)(at - nohi_model_shared));
    } else {
        snprintf(text, sizeof texts[0], "%p", address);
    }
    return text;
}

static const char *value_text(uint64_t value)
{
    static char texts[4][64];
    static unsigned turn;
    const char *at = (const char *)(uintptr_t)value;
    if (at >= nohi_model_shared && at < nohi_model_shared + MODEL_SHARED_BYTES) {
        return trace_name(at);
    }
    char *text = texts[turn++ % 4];
    snprintf(text, sizeof texts[0], value < 10 ? "%llu" : "%#llx", (unsigned long long)value);
    return text;
}

void trace_line(unsigned number, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("  %-9s %*s%s\n", current.model->thread_names[number], (int)number * 3, "", text);
}

void trace_operation(unsigned number)
{
    const operation *op = &now.threads[number].next;
    static const char *const others[] = {"lock",      "unlock", "park_wait",
                                         "park_wake", "choose", "membarrier"};
    if (op->site == NULL) {
        trace_line(number, "%s %s", others[op->kind - NOHI_MODEL_LOCK],
                   op->address == NULL ? "" : trace_name(op->address));
        return;
    }
    trace_line(number, "%s: %s%s%s %s", op->site->function, op->site->operation,
               op->order == op->site->order ? "" : " WEAKENED TO ",
               op->order == op->site->order ? "" : order_names[op->order], trace_name(op->address));
}

void trace_result(unsigned number, const operation *op)
{
    const thread *t = &now.threads[number];
    if (op->kind == NOHI_MODEL_STORE) {
        trace_line(number, "    := %s", value_text(op->operand));
    } else if (op->kind == NOHI_MODEL_CAS || op->kind == NOHI_MODEL_CAS_WEAK) {
        trace_line(number, "    found %s, %s %s", value_text(t->result), t->done ? "now" : "not",
                   value_text(op->operand));
    } else if (op->kind < NOHI_MODEL_CAS && op->kind != NOHI_MODEL_LOAD) {
        trace_line(number, "    found %s, with %s", value_text(t->result), value_text(op->operand));
    } else if (op->kind == NOHI_MODEL_LOAD || op->kind == NOHI_MODEL_CHOOSE) {
        trace_line(number, "    = %s", value_text(t->result));
    } else if (t->status == ASLEEP) {
        trace_line(number, "    sleeps");
    }
}
