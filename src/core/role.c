/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Role: another handler table for a while, and messages put aside until it suits.
 *
 * Purpose     become, unbecome: the next message is looked up in another table. A role is a behavior
 *             of the same state, without hooks, so the actor's own pointer can simply show it: no
 *             message pays for it. stash, unstash: a message in hand goes into a list, and comes
 *             back.
 * Owner       The actor's.
 * Invariants  ROL-1  what is put aside has its place in the mailbox: it is counted in `inbox_len`, as
 *                    what others have pushed is, under either bound (SND-3). So `len` is the length
 *                    of the queue, and short turns need not know of it.
 *             ROL-2  what is put aside is neither handled nor lost: no answer is due, a tick still
 *                    waits (TIM-3), a content is kept. It ends as what is queued does.
 * Why not     a handler's result for "not now": all who call handlers would look for it. To look
 *             again at all that was refused, after each message: it costs a walk for each of them.
 *             To fall back on the own behavior for what a role does not list: then no role could
 *             refuse a message by leaving it out. To stack in all cases: who goes round in a circle
 *             of roles comes to any limit. */
#include "role.h"

#include "policy.h"
#include "reply.h"
#include "send.h"
#include "system.h"

enum { ROLES_MAX = 8 };

struct nohi_roles {
    const noh_behavior *before[ROLES_MAX]; /* what unbecome goes back to; the own behavior first */
    uint32_t count;                        /* of `before`; 0: it is in no role */
    nohi_letter *oldest;                   /* put aside */
    nohi_letter *newest;
    uint32_t stashed;
};

/* The actor in whose handler this is, or NULL. Not in its last hook; nor in a filter, which looks at
 * the queue. */
static nohi_actor *acting(const noh_self *self)
{
    nohi_actor *a = self->in_handler && !self->bound ? self->actor : NULL;
    return a != NULL && load_relaxed(&a->life) == NOHI_LIVE ? a : NULL; /* private */
}

/* Made if need be; NULL: no memory. */
static nohi_roles *roles_of(nohi_worker *w, nohi_actor *a)
{
    nohi_extra *extra = nohi_actor_extra(w, a);
    if (extra != NULL && extra->roles == NULL) {
        extra->roles = nohi_alloc(&w->system->env, sizeof(nohi_roles));
        if (extra->roles != NULL) {
            *extra->roles = (nohi_roles){.count = 0};
        }
    }
    return extra == NULL ? NULL : extra->roles;
}

void nohi_role_done(nohi_worker *w, nohi_actor *a)
{
    nohi_roles *roles = a->extra->roles;
    if (roles != NULL) {
        nohi_free(&w->system->env, roles, sizeof *roles);
        a->extra->roles = NULL;
    }
}

/* ---- become ------------------------------------------------------------------------------- */

const noh_behavior *nohi_role_own(nohi_actor *a)
{
    const nohi_roles *roles = a->extra == NULL ? NULL : a->extra->roles;
    return roles == NULL || roles->count == 0 ? nohi_actor_behavior(a) : roles->before[0];
}

/* Made for the state of `own`? NOH_ROLE names it "own.role". */
static bool is_role_of(const noh_behavior *role, const noh_behavior *own)
{
    size_t length = strlen(own->name);
    return role->state_size == own->state_size && strncmp(role->name, own->name, length) == 0 &&
           role->name[length] == '.' && role->on_start == NULL &&
           nohi_behavior_hook(role, NOH_HOOK_STOP) == NULL &&
           nohi_behavior_hook(role, NOH_HOOK_FAILURE) == NULL;
}

/* From the next message on. */
static void change(nohi_actor *a, const noh_behavior *to)
{
    store_relaxed(&a->behavior, to);
    nohi_role_put_back(a);
}

noh_err noh_become_value(noh_self *self, const noh_behavior *role, bool stacked)
{
    if (self == NULL || role == NULL) {
        return NOH_E_INVAL;
    }
    nohi_actor *a = acting(self);
    if (a == NULL) {
        return NOH_E_CONTEXT;
    }
    nohi_worker *w = self->worker;
    if (nohi_policy_kind(w, role) == NULL || !is_role_of(role, nohi_role_own(a))) {
        return NOH_E_INVAL;
    }
    nohi_roles *roles = roles_of(w, a);
    if (roles == NULL) {
        return NOH_E_NOMEM;
    }
    if (roles->count == 0 || stacked) {
        if (roles->count == ROLES_MAX) {
            return NOH_E_LIMIT;
        }
        roles->before[roles->count++] = nohi_actor_behavior(a);
    }
    change(a, role);
    return NOH_OK;
}

noh_err noh_unbecome(noh_self *self)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    nohi_actor *a = acting(self);
    if (a == NULL) {
        return NOH_E_CONTEXT;
    }
    nohi_roles *roles = a->extra == NULL ? NULL : a->extra->roles;
    if (roles == NULL || roles->count == 0) {
        return NOH_E_SPENT;
    }
    change(a, roles->before[--roles->count]);
    return NOH_OK;
}

/* ---- stash -------------------------------------------------------------------------------- */

/* A place in the mailbox again; false: others have filled it meanwhile. */
static bool take_place(nohi_actor *a, nohi_message *message)
{
    if (nohi_actor_is_exact(a)) {
        return nohi_send_take_place(a, message, false);
    }
    uint32_t waiting = load_relaxed(&a->len) + load_relaxed(&a->gate.inbox_len); /* counter */
    if (waiting >= nohi_actor_bound(a)) {
        return false;
    }
    add_relaxed(&a->gate.inbox_len, 1); /* ROL-1 */
    return true;
}

static void put_aside(nohi_roles *roles, nohi_message *message)
{
    message->letter.next = NULL;
    if (roles->oldest == NULL) {
        roles->oldest = &message->letter;
    } else {
        roles->newest->next = &message->letter;
    }
    roles->newest = &message->letter;
    roles->stashed++;
}

noh_err noh_stash(noh_self *self)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    nohi_actor *a = acting(self);
    noh_err err = a == NULL || self->has_outer ? NOH_E_CONTEXT : nohi_send_may_part(self);
    if (err != NOH_OK) {
        return err;
    }
    nohi_roles *roles = roles_of(self->worker, a);
    if (roles == NULL) {
        return NOH_E_NOMEM;
    }
    nohi_message *message = self->message;
    if (!take_place(a, message)) {
        return NOH_E_FULL;
    }
    if (nohi_message_is_answer(message)) {
        message->kind = NOHI_TELL; /* its ask is closed */
    }
    put_aside(roles, message);
    if (a->flags & NOHI_TIMED) {
        a->extra->last_active_ns = nohi_now(self->system); /* it came, though nothing is handled */
    }
    self->message = NULL;
    self->answer_state = NOHI_UNANSWERED;
    self->stashed = true;
    return NOH_OK;
}

noh_err noh_unstash(noh_self *self)
{
    if (self == NULL) {
        return NOH_E_INVAL;
    }
    nohi_actor *a = acting(self);
    if (a == NULL) {
        return NOH_E_CONTEXT;
    }
    nohi_role_put_back(a);
    return NOH_OK;
}

void nohi_role_put_back(nohi_actor *a)
{
    if (nohi_role_stashed(a) == 0) {
        return;
    }
    nohi_roles *roles = a->extra->roles;
    roles->newest->next = a->head;
    a->tail = a->head == NULL ? roles->newest : a->tail;
    a->head = roles->oldest;
    bump_by(&a->len, roles->stashed);
    if (!nohi_actor_is_exact(a)) { /* ROL-1; first here, then out there: never too few */
        store_relaxed(&a->gate.local_len, load_relaxed(&a->len));
        sub_relaxed(&a->gate.inbox_len, roles->stashed);
    }
    roles->oldest = NULL;
    roles->stashed = 0;
}

uint32_t nohi_role_stashed(const nohi_actor *a)
{
    return a->extra == NULL || a->extra->roles == NULL ? 0 : a->extra->roles->stashed;
}

static nohi_letter *oldest(const nohi_actor *a)
{
    return nohi_role_stashed(a) == 0 ? NULL : a->extra->roles->oldest;
}

bool nohi_role_holds(const nohi_actor *a, noh_ref from, uint32_t number)
{
    const nohi_letter *at = oldest(a);
    while (at != NULL && !nohi_message_is_ask((const nohi_message *)at, from, number)) {
        at = at->next;
    }
    return at != NULL;
}

nohi_message *nohi_role_withdraw(nohi_actor *a, noh_ref from, uint32_t number)
{
    nohi_letter *before = NULL;
    nohi_letter *at = oldest(a);
    while (at != NULL && !nohi_message_is_ask((nohi_message *)at, from, number)) {
        before = at;
        at = at->next;
    }
    if (at == NULL) {
        return NULL;
    }
    nohi_roles *roles = a->extra->roles;
    *(before == NULL ? &roles->oldest : &before->next) = at->next;
    roles->newest = roles->newest == at ? before : roles->newest;
    roles->stashed--;
    nohi_actor_leave_inbox(a, (nohi_message *)at); /* ROL-1 */
    return (nohi_message *)at;
}
