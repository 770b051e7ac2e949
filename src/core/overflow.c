/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Overflow: see overflow.h. */
#include "overflow.h"

#include "strand.h"
#include "system.h"

/* Where the reserve ends and the guard begins that is never opened. */
static char *reserve_of(const nohi_room *room)
{
    return room->low - NOHI_STACK_RESERVE;
}

static void set_failure(noh_self *self)
{
    self->failure =
        (noh_exit){.kind = NOH_EXIT_FAULT, .code = NOH_E_STACK, .text = "stack overflow"};
}

/* The frames that are left lie in shadow memory, too. */
static void forget_frames(const nohi_room *room)
{
    NOHI_UNPOISON(reserve_of(room), NOHI_STACK_RESERVE + room->size);
}

nohi_trap_answer nohi_overflow_ask(void *worker, void *address, jmp_buf **ret_to)
{
    nohi_worker *w = worker;
    noh_self *self = w->self;
    const noh_env *env = &w->system->env;
    if (self->strand == NULL || !self->in_handler) {
        return NOHI_TRAP_OTHERS;
    }
    const nohi_room *room = nohi_strand_room(self->strand);
    char *at = address;
    if (at >= room->low || at < room->low - NOHI_STACK_GUARD) {
        return NOHI_TRAP_OTHERS;
    }
    if (at >= reserve_of(room) && noh_ref_is_none(self->strained) &&
        env->pages_commit(env->world, reserve_of(room), NOHI_STACK_RESERVE) == NOH_OK) {
        self->strained = self->ref;
        w->slots_limit = 0; /* OVR-2 */
        return NOHI_TRAP_GO_ON;
    }
    self->strained = self->ref;
    set_failure(self);
    forget_frames(room);
    *ret_to = self->caught;
    return NOHI_TRAP_LEAVE;
}

/* OVR-1. Without memory for it the reserve stays open, and the rest of the guard has to do. */
void nohi_overflow_shut(noh_self *self)
{
    const noh_env *env = &self->system->env;
    char *reserve = reserve_of(nohi_strand_room(self->strand));
    if (env->pages_guard(env->world, reserve, NOHI_STACK_RESERVE) == NOH_OK) {
        self->strained = NOH_NO_REF;
    }
}

/* Is this frame in the upper part of the stack? */
static bool is_shallow(const nohi_room *room)
{
    const char *here = __builtin_frame_address(0);
    return here > room->low + room->size / 2 && here < room->low + room->size;
}

NOHI_COLD void nohi_overflow_seen(noh_self *self)
{
    if (self->in_handler && noh_ref_equal(self->strained, self->ref)) {
        set_failure(self);
        longjmp(*self->caught, 1);
    }
    if (is_shallow(
            nohi_strand_room(self->strand))) { /* it has returned, and another one has its turn */
        nohi_overflow_shut(self);
    }
}

/* What was below is not needed soon. */
void nohi_overflow_left(noh_self *self)
{
    nohi_worker *w = self->worker;
    if (noh_ref_is_none(self->strained)) {
        return;
    }
    const noh_env *env = &w->system->env;
    const nohi_room *room = nohi_strand_room(self->strand);
    const noh_behavior *behavior = nohi_actor_behavior(self->actor);
    if (self->failure.kind == NOH_EXIT_FAULT && behavior != NULL) {
        nohi_stacks_note(&w->system->stacks, w->deepest, behavior, room->size);
    }
    nohi_overflow_shut(self);
    env->pages_discard(env->world, room->low, room->size / 2);
}
