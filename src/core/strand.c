/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Strand: see strand.h. */
#include "strand.h"

#include "fiber.h"
#include "receive.h"
#include "send.h"
#include "system.h"

enum {
    STACK_BYTES = 256 * 1024, /* of address space */
    SPARE_MAX = NOHI_LIMIT(64, 1),
};

/* Lies on its own stack. */
struct nohi_strand {
    nohi_fiber *fiber;
    noh_self self;
    nohi_strand *next; /* spare */
};

typedef struct birth {
    nohi_worker *w;
    nohi_fiber *fiber;
    nohi_strand *strand;
} birth;

static void live(void *arg);

static nohi_strand *make(nohi_worker *w)
{
    birth b = {.w = w};
    b.fiber = nohi_fiber_new(&w->system->env, STACK_BYTES, live, &b);
    if (b.fiber == NULL) {
        return NULL;
    }
    nohi_fiber_switch(w->base, b.fiber);
    return b.strand;
}

/* Apart, so that its frame lives when noh_fail jumps. */
static NOHI_NOINLINE void run_turns(nohi_strand *strand)
{
    jmp_buf caught;
    strand->self.caught = &caught;
    if (_setjmp(caught) != 0) {
        nohi_receive_after_failure(strand->self.worker);
    } else {
        nohi_receive_turns(&strand->self);
    }
}

static void live(void *arg)
{
    birth *b = arg;
    nohi_strand strand = {.fiber = b->fiber};
    strand.self = (noh_self){.worker = b->w, .system = b->w->system, .strand = &strand};
    b->strand = &strand;
    for (;;) {
        nohi_fiber_switch(strand.fiber, strand.self.worker->base);
        run_turns(&strand);
    }
}

static nohi_strand *take(nohi_worker *w)
{
    nohi_strand *strand = w->spare;
    if (NOHI_UNLIKELY(strand == NULL)) {
        return make(w);
    }
    w->spare = strand->next;
    w->spares--;
    return strand;
}

static void give(nohi_worker *w, nohi_strand *strand)
{
    if (NOHI_UNLIKELY(w->spares >= SPARE_MAX)) {
        nohi_fiber_free(&w->system->env, strand->fiber);
        return;
    }
    strand->next = w->spare;
    w->spare = strand;
    w->spares++;
}

void nohi_strand_done(nohi_worker *w)
{
    while (w->spare != NULL) {
        nohi_strand *strand = take(w);
        nohi_fiber_free(&w->system->env, strand->fiber);
    }
}

void nohi_strand_run(nohi_worker *w)
{
    nohi_strand *strand = take(w);
    if (NOHI_UNLIKELY(strand == NULL)) { /* no memory: then nobody may wait */
        nohi_receive_turns(&w->own_self);
        return;
    }
    do {
        strand->self.worker = w; /* STR-2 */
        w->self = &strand->self;
        nohi_fiber_switch(w->base, strand->fiber);
        w->self = &w->own_self;
        if (w->waits != NULL) {
            nohi_actor *a = w->waits;
            w->waits = NULL;
            nohi_receive_left(w, a); /* STR-1 */
            return;
        }
        give(w, strand);
        strand = w->goes_on;
        w->goes_on = NULL;
    } while (strand != NULL);
}

/* Does this letter end the wait? */
static bool ends(const nohi_wait *wait, const nohi_message *message)
{
    switch (wait->kind) {
    case NOHI_WAIT_ANSWER:
        return (message->kind == NOHI_ANSWER || message->kind == NOHI_ERROR ||
                message->kind == NOHI_EXITED) &&
               message->number == wait->number;
    case NOHI_WAIT_MESSAGE:
        return message->kind <= NOHI_REQUEST;
    }
    return false;
}

bool nohi_strand_look(nohi_actor *a, nohi_wait *wait)
{
    nohi_letter **link = wait->seen == NULL ? &a->head : &wait->seen->next;
    while (*link != NULL) {
        nohi_message *message = (nohi_message *)*link;
        if (ends(wait, message)) {
            *link = message->letter.next;
            if (a->tail == &message->letter) {
                a->tail = wait->seen;
            }
            nohi_actor_taken(a, message);
            wait->got = message;
            return true;
        }
        wait->seen = *link;
        link = &wait->seen->next;
    }
    return false;
}

noh_err nohi_strand_wait(noh_self *self, nohi_wait *wait)
{
    nohi_worker *w = self->worker;
    nohi_actor *a = self->actor;
    if (!self->in_handler || load_relaxed(&a->life) != NOHI_LIVE) { /* private */
        return NOH_E_CONTEXT;
    }
    if (nohi_strand_look(a, wait)) {
        return NOH_OK;
    }
    nohi_extra *extra = nohi_actor_extra(w, a);
    if (self->strand == NULL || extra == NULL) {
        return NOH_E_NOMEM;
    }
    nohi_send_flush(w); /* SND-2 */
    wait->strand = self->strand;
    extra->wait = wait;
    self->waits++;
    w->waits = a;
    nohi_fiber_switch(self->strand->fiber, w->base);
    extra->wait = NULL;
    return wait->err;
}
