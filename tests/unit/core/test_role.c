/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: a role is who handles the next message, and nothing else of an actor; what is put aside comes
 * back once, in order, and is neither lost nor counted twice, whatever ends it.
 * Method: a door that tells its watcher in which role it got what. Shut, it puts aside all but orders.
 * At the end of each case the ledger balances and the whole system is checked. */
#include "core.h"
#include "system.h"

NOH_MESSAGE(note, (int64_t, value));
NOH_MESSAGE(wide, (noh_text, text), (noh_box, box));
NOH_MESSAGE(heard, (int64_t, role), (int64_t, value));
NOH_REQUEST(query, heard, (int64_t, value));
NOH_MESSAGE(order, (int64_t, what), (int64_t, value));
NOH_MESSAGE(ask_for, (noh_ref, whom), (int64_t, value));
NOH_MESSAGE(call_it, (noh_ref, whom), (int64_t, value));
NOH_MESSAGE(ask_it, (noh_ref, whom), (int64_t, value));
NOH_MESSAGE(await_it);
NOH_MESSAGE(ended, (int64_t, role), (int64_t, kind));
NOH_MESSAGE(door_start, (noh_ref, watcher), (int64_t, what));

enum { OWN, OPEN, SHUT, DEAF, CALLED }; /* roles; and what a call came to */

enum { /* orders, also for the start */
       NOTHING,
       OPEN_IT,
       SHUT_IT,
       OPEN_STACKED,
       SHUT_STACKED,
       DEAFEN,
       GO_BACK,
       LET_IN, /* noh_unstash */
       BLOCK,
       FAIL,
       EXIT,
       WRONG_ROLES,
       TO_THE_LIMIT,
       TICK_EVERY_SECOND,
       CANCEL_TICKS,
       IDLE_AFTER_A_SECOND,
       NO_STASH, /* in a start hook there is no message */
       FILL,     /* tells itself notes until its mailbox is full; tells how many */
};

enum { /* values of notes and queries that do something */
       ANSWER_FIRST = 1000,
       FORWARD_FIRST,
       PROMISE_FIRST,
       TWICE,
       STASH_AND_FAIL,
       STASH_AND_LET_IN,
       STASH_AND_OPEN,
       OPEN_AND_STASH,
       FILL_AND_STASH, /* others fill the mailbox meanwhile */
       WAIT_AND_STASH,
       RECEIVE_AND_STASH,
       STASH_AND_RECEIVE,
       STASH_AND_SLEEP,
       CALL_BACK, /* calls the asker first */
};

static core_gate gate = CORE_GATE;

typedef struct door {
    noh_ref watcher;
    noh_ref helper;
    noh_timer timer;
    noh_future future;
    char large[100]; /* so that the state lies in a block of its own */
} door;

NOH_ROLE_DECLARE(door, open);
NOH_ROLE_DECLARE(door, shut);
NOH_ROLE_DECLARE(door, deaf);

static noh_err tell_heard(noh_self *self, const door *me, int64_t role, int64_t value)
{
    return noh_tell(self, me->watcher, heard, .role = role, .value = value);
}

/* ---- wrong roles -------------------------------------------------------------------------- */

typedef struct door_frame {
    char large[sizeof(door)];
} door_frame;

typedef struct doo {
    char large[sizeof(door)];
} doo;

static noh_err frame_note(noh_self *self, door_frame *me, const note *m)
{
    return NOH_OK;
}

static noh_err doo_note(noh_self *self, doo *me, const note *m)
{
    return NOH_OK;
}

NOH_ROLE(door_frame, open, NOH_ON(note, frame_note));
NOH_ROLE(doo, r, NOH_ON(note, doo_note));

/* By hand, like NOH_ROLE's but for one thing. */
static noh_err refused_roles(noh_self *self)
{
    noh_behavior role = noh_role_door_open;
    noh_handler handlers[2] = {role.handlers[0], role.handlers[1]};
    role.handlers = handlers;
    role.handler_count = 2;
    CHECK_ERR(noh_become_value(self, NULL, false), NOH_E_INVAL);
    CHECK_ERR(noh_become(self, door_frame, open), NOH_E_INVAL);
    CHECK_ERR(noh_become_stacked(self, doo, r), NOH_E_INVAL);
    CHECK_ERR(noh_become_value(self, noh_behavior_find("door"), false), NOH_E_INVAL);
    noh_behavior wrong = role;
    wrong.name = "doop.open";
    CHECK_ERR(noh_become_value(self, &wrong, false), NOH_E_INVAL);
    noh_behavior other = role;
    other.state_size--;
    CHECK_ERR(noh_become_value(self, &other, false), NOH_E_INVAL);
    noh_behavior starting = role;
    starting.on_start = handlers[0].fn;
    CHECK_ERR(noh_become_value(self, &starting, false), NOH_E_INVAL);
    noh_behavior hooked = role;
    noh_handler hooks[] = {handlers[0], {NOH_HOOK_STOP, NULL, handlers[0].fn}};
    hooked.handlers = hooks;
    CHECK_ERR(noh_become_value(self, &hooked, false), NOH_E_INVAL);
    noh_behavior failing = role;
    noh_handler failures[] = {handlers[0], {NOH_HOOK_FAILURE, NULL, handlers[0].fn}};
    failing.handlers = failures;
    CHECK_ERR(noh_become_value(self, &failing, false), NOH_E_INVAL);
    noh_behavior unsound = role;
    noh_handler twice[] = {handlers[0], handlers[0]};
    unsound.handlers = twice;
    CHECK_ERR(noh_become_value(self, &unsound, false), NOH_E_INVAL);
    return NOH_OK;
}

static noh_err to_the_limit(noh_self *self)
{
    for (int i = 0; i < 100; i++) {
        CHECK_OK(noh_become(self, door, open)); /* in place of the last one: no limit */
        CHECK_OK(noh_become(self, door, shut));
    }
    for (int i = 1; i < 8; i++) {
        CHECK_OK(noh_become_stacked(self, door, open));
    }
    CHECK_ERR(noh_become_stacked(self, door, shut), NOH_E_LIMIT);
    CHECK_OK(noh_become(self, door, shut));
    for (int i = 0; i < 8; i++) {
        CHECK_OK(noh_unbecome(self));
    }
    CHECK_ERR(noh_unbecome(self), NOH_E_SPENT);
    return NOH_OK;
}

/* ---- handlers of all roles ---------------------------------------------------------------- */

static noh_err obey(noh_self *self, door *me, int64_t what, int64_t value)
{
    switch (what) {
    case OPEN_IT:
        return noh_become(self, door, open);
    case SHUT_IT:
        return noh_become(self, door, shut);
    case OPEN_STACKED:
        return noh_become_stacked(self, door, open);
    case SHUT_STACKED:
        return noh_become_stacked(self, door, shut);
    case DEAFEN:
        return noh_become(self, door, deaf);
    case GO_BACK:
        return noh_unbecome(self);
    case LET_IN:
        return noh_unstash(self);
    case BLOCK:
        core_pass(&gate);
        return NOH_OK;
    case FAIL:
        noh_fail(self, NOH_E_OS, "as ordered");
        return NOH_OK;
    case EXIT:
        return noh_exit_self(self);
    case WRONG_ROLES:
        return refused_roles(self);
    case TO_THE_LIMIT:
        return to_the_limit(self);
    case TICK_EVERY_SECOND:
        return noh_every(self, NOH_SECOND, noh_self_ref(self), note, &me->timer, .value = value);
    case CANCEL_TICKS:
        return noh_timer_cancel(self, me->timer);
    case IDLE_AFTER_A_SECOND:
        return noh_idle_after(self, NOH_SECOND);
    case NO_STASH:
        CHECK_ERR(noh_stash(self), NOH_E_CONTEXT);
        CHECK_OK(noh_unstash(self));
        CHECK_ERR(noh_unbecome(self), NOH_E_SPENT);
        return noh_become(self, door, open);
    case FILL:
        for (int64_t sent = 0;; sent++) {
            noh_err err = noh_tell(self, noh_self_ref(self), note, .value = 3);
            if (err != NOH_OK) {
                CHECK_ERR(err, NOH_E_FULL);
                return tell_heard(self, me, SHUT, sent);
            }
        }
    default:
        return NOH_OK;
    }
}

static noh_err on_start(noh_self *self, door *me, const door_start *start)
{
    me->watcher = start->watcher;
    memset(me->large, 'x', sizeof me->large);
    return obey(self, me, start->what, 0);
}

static noh_err on_order(noh_self *self, door *me, const order *m)
{
    return obey(self, me, m->what, m->value);
}

static noh_err on_ask_for(noh_self *self, door *me, const ask_for *m)
{
    noh_future future;
    return noh_ask(self, m->whom, query, &future, .value = m->value);
}

static noh_err on_call_it(noh_self *self, door *me, const call_it *m)
{
    heard answer;
    noh_err err = noh_call(self, m->whom, query, &answer, .value = m->value);
    return tell_heard(self, me, CALLED, err);
}

static noh_err on_ask_it(noh_self *self, door *me, const ask_it *m)
{
    return noh_ask(self, m->whom, query, &me->future, .value = m->value);
}

static noh_err on_await_it(noh_self *self, door *me, const await_it *m)
{
    heard answer;
    noh_err err = noh_await(self, me->future, heard, NOH_FOREVER, &answer);
    return tell_heard(self, me, CALLED, err);
}

/* ---- the own behavior, and the open door --------------------------------------------------- */

static noh_err own_note(noh_self *self, door *me, const note *m)
{
    return tell_heard(self, me, OWN, m->value);
}

static noh_err own_query(noh_self *self, door *me, const query *m)
{
    return noh_reply(self, heard, .role = OWN, .value = m->value);
}

static noh_err open_note(noh_self *self, door *me, const note *m)
{
    CHECK_EQ(me->large[sizeof me->large - 1], 'x');
    return tell_heard(self, me, OPEN, m->value);
}

static noh_err open_wide(noh_self *self, door *me, const wide *m)
{
    return tell_heard(self, me, OPEN, m->text == NULL ? -1 : (int64_t)strlen(m->text));
}

static noh_err open_query(noh_self *self, door *me, const query *m)
{
    if (m->value == CALL_BACK) {
        (void)on_call_it(self, me, &(call_it){.whom = noh_sender(self), .value = 1});
    }
    return noh_reply(self, heard, .role = OPEN, .value = m->value);
}

/* An answer to ask_for: does it still know its ask? */
static noh_err open_heard(noh_self *self, door *me, const heard *m)
{
    CHECK_EQ(noh_answered(self).bits, 0);
    return tell_heard(self, me, OPEN, m->value);
}

static noh_err open_failure(noh_self *self, door *me, const noh_failure *m)
{
    CHECK_EQ(noh_answered(self).bits, 0);
    return tell_heard(self, me, OPEN, m->code);
}

static noh_err open_idle(noh_self *self, door *me, const noh_idle *m)
{
    return tell_heard(self, me, OPEN, -2);
}

NOH_ROLE(door, open, NOH_ON(note, open_note), NOH_ON(order, on_order), NOH_ON(query, open_query),
         NOH_ON(wide, open_wide), NOH_ON(heard, open_heard), NOH_ON(noh_failure, open_failure),
         NOH_ON(ask_for, on_ask_for), NOH_ON(noh_idle, open_idle), NOH_ON(call_it, on_call_it));

/* ---- the shut door ------------------------------------------------------------------------ */

/* Nothing is in hand any more. */
static noh_err stash_it(noh_self *self)
{
    noh_err err = noh_stash(self);
    if (err == NOH_OK) {
        CHECK(noh_ref_is_none(noh_sender(self)));
        CHECK_ERR(noh_stash(self), NOH_E_CONTEXT);
        CHECK_ERR(noh_forward(self, noh_self_ref(self)), NOH_E_CONTEXT);
        CHECK_ERR(noh_reply(self, heard, .value = 1), NOH_E_NOBODY);
    }
    return err;
}

static bool filter_note(noh_self *self, void *ctx, const noh_type *type, const void *message)
{
    CHECK_ERR(noh_become(self, door, open), NOH_E_CONTEXT);
    CHECK_ERR(noh_unbecome(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_unstash(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_stash(self), NOH_E_CONTEXT);
    return type == NOH_TYPE(note);
}

/* The value of the next note, which is in hand then. */
static int64_t receive_note(noh_self *self)
{
    const noh_type *type;
    const void *received;
    CHECK_OK(noh_receive_if(self, filter_note, NULL, NOH_FOREVER, &type, &received));
    return ((const note *)received)->value;
}

static noh_err shut_note(noh_self *self, door *me, const note *m)
{
    int64_t value;
    switch (m->value) {
    case STASH_AND_FAIL:
        CHECK_OK(stash_it(self));
        noh_fail(self, NOH_E_OS, "after it was put aside");
        return NOH_OK;
    case STASH_AND_LET_IN:
        CHECK_OK(stash_it(self));
        CHECK_OK(noh_unstash(self));
        return noh_become(self, door, open);
    case STASH_AND_OPEN:
        CHECK_OK(stash_it(self));
        return noh_become(self, door, open);
    case OPEN_AND_STASH:
        CHECK_OK(noh_become(self, door, open));
        return stash_it(self);
    case RECEIVE_AND_STASH: /* what it received counts as handled */
        value = receive_note(self);
        CHECK_ERR(noh_stash(self), NOH_E_CONTEXT);
        return tell_heard(self, me, SHUT, value);
    case STASH_AND_RECEIVE:
        CHECK_OK(stash_it(self));
        return tell_heard(self, me, SHUT, receive_note(self));
    case STASH_AND_SLEEP:
        CHECK_OK(stash_it(self));
        return noh_sleep(self, NOH_FOREVER);
    case FILL_AND_STASH:
        core_pass(&gate);
        CHECK_ERR(noh_stash(self), NOH_E_FULL);
        CHECK(noh_ref_equal(noh_sender(self), me->watcher)); /* still in hand */
        CHECK_OK(noh_become(self, door, open));
        return tell_heard(self, me, SHUT, m->value);
    default:
        return stash_it(self);
    }
}

static noh_err shut_query(noh_self *self, door *me, const query *m)
{
    noh_promise promise;
    heard answer;
    switch (m->value) {
    case ANSWER_FIRST:
        CHECK_OK(noh_reply(self, heard, .role = SHUT, .value = m->value));
        CHECK_ERR(noh_stash(self), NOH_E_ANSWERED);
        return NOH_OK;
    case FORWARD_FIRST:
        CHECK_OK(noh_forward(self, me->helper));
        CHECK_ERR(noh_stash(self), NOH_E_ANSWERED);
        return NOH_OK;
    case PROMISE_FIRST:
        CHECK_OK(noh_promise_take(self, &promise));
        CHECK_ERR(noh_stash(self), NOH_E_ANSWERED);
        return noh_promise_keep(self, promise, heard, .role = SHUT, .value = m->value);
    case STASH_AND_FAIL:
        CHECK_OK(stash_it(self));
        return NOH_E_OS;
    case WAIT_AND_STASH:
        CHECK_OK(noh_call(self, me->helper, query, &answer, .value = 3));
        CHECK_EQ(answer.value, 3);
        return stash_it(self);
    default:
        return stash_it(self);
    }
}

static noh_err shut_wide(noh_self *self, door *me, const wide *m)
{
    return noh_stash(self);
}

static noh_err shut_heard(noh_self *self, door *me, const heard *m)
{
    CHECK(noh_answered(self).bits != 0);
    return noh_stash(self);
}

static noh_err shut_failure(noh_self *self, door *me, const noh_failure *m)
{
    CHECK(noh_answered(self).bits != 0);
    return noh_stash(self);
}

static noh_err shut_idle(noh_self *self, door *me, const noh_idle *m)
{
    CHECK_OK(noh_idle_after(self, 0));
    return noh_stash(self);
}

static noh_err shut_ask_for(noh_self *self, door *me, const ask_for *m)
{
    me->helper = m->whom;
    return m->value == 0 ? NOH_OK : on_ask_for(self, me, m);
}

NOH_ROLE(door, shut, NOH_ON(note, shut_note), NOH_ON(order, on_order), NOH_ON(query, shut_query),
         NOH_ON(wide, shut_wide), NOH_ON(heard, shut_heard), NOH_ON(noh_failure, shut_failure),
         NOH_ON(ask_for, shut_ask_for), NOH_ON(noh_idle, shut_idle), NOH_ON(call_it, on_call_it),
         NOH_ON(ask_it, on_ask_it), NOH_ON(await_it, on_await_it));
NOH_ROLE(door, deaf, NOH_ON(order, on_order));

static noh_err on_end(noh_self *self, door *me, const noh_exit *exit)
{
    CHECK_EQ(me->large[0], 'x');
    CHECK_ERR(noh_become(self, door, open), NOH_E_CONTEXT);
    CHECK_ERR(noh_unbecome(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_stash(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_unstash(self), NOH_E_CONTEXT);
    return noh_tell(self, me->watcher, ended, .kind = exit->kind);
}

NOH_BEHAVIOR_WITH(door, door_start, on_start, NOH_ON(note, own_note), NOH_ON(order, on_order),
                  NOH_ON(query, own_query), NOH_ON(ask_for, on_ask_for), NOH_ON_STOP(on_end),
                  NOH_ON_FAILURE(on_end));

/* ---- from outside ------------------------------------------------------------------------- */

static core_world world;

/* One worker, so that what this thread sends is handled in its order. */
static noh_system *start(const noh_options *options)
{
    return core_start(&world, 1, options);
}

/* Waits until the workers have nothing to do; then `queued` messages are put aside. */
static noh_ledger at_rest(noh_system *system, uint64_t queued)
{
    CHECK_TEXT(nohi_system_check(system, true), NULL);
    return core_settled(system, queued);
}

static void finish(noh_system *system)
{
    (void)at_rest(system, 0);
    core_end(&world, system);
}

static noh_ref spawn_door(noh_self *self, int64_t what, uint32_t mailbox_max)
{
    noh_ref ref;
    CHECK_OK(noh_spawn_with(self, &noh_behavior_door,
                            &(door_start){.watcher = noh_self_ref(self), .what = what},
                            &(noh_spawn_options){.mailbox_max = mailbox_max}, &ref));
    return ref;
}

static void give_order(noh_self *self, noh_ref to, int64_t what)
{
    CHECK_OK(noh_tell(self, to, order, .what = what));
}

static void send_note(noh_self *self, noh_ref to, int64_t value)
{
    CHECK_OK(noh_tell(self, to, note, .value = value));
}

static void expect(noh_self *self, int64_t role, int64_t value)
{
    const heard *h = CORE_RECEIVE(heard, self);
    CHECK_EQ(h->role, role);
    CHECK_EQ(h->value, value);
}

static void expect_end(noh_self *self, int64_t kind)
{
    CHECK_EQ(CORE_RECEIVE(ended, self)->kind, kind);
}

/* Holds the door in a handler, so that what is sent now waits together. */
static void hold_door(noh_self *self, noh_ref to)
{
    core_shut_gate(&gate);
    give_order(self, to, BLOCK);
    core_await_inside(&gate, 1);
}

/* ---- become ------------------------------------------------------------------------------- */

static void a_role_handles_from_the_next_message_on(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, NOTHING, 0);
    send_note(self, to, 1);
    expect(self, OWN, 1);
    give_order(self, to, OPEN_IT);
    send_note(self, to, 2);
    expect(self, OPEN, 2);
    give_order(self, to, GO_BACK);
    send_note(self, to, 3);
    expect(self, OWN, 3);
    hold_door(self, to); /* the same in one turn */
    send_note(self, to, 4);
    give_order(self, to, OPEN_IT);
    send_note(self, to, 5);
    give_order(self, to, GO_BACK);
    send_note(self, to, 6);
    core_open_gate(&gate);
    expect(self, OWN, 4);
    expect(self, OPEN, 5);
    expect(self, OWN, 6);
    finish(system);
}

static void roles_replace_each_other_or_are_stacked(void)
{
    static const struct {
        int64_t order;
        int64_t role;
    } steps[] = {
        {OPEN_IT, OPEN}, {OPEN_IT, OPEN},      {DEAFEN, DEAF},  {OPEN_IT, OPEN},
        {GO_BACK, OWN},  {OPEN_STACKED, OPEN}, {GO_BACK, OWN},  {OPEN_IT, OPEN},
        {DEAFEN, DEAF},  {OPEN_STACKED, OPEN}, {GO_BACK, DEAF}, {GO_BACK, OWN},
    };
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, NOTHING, 0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        heard answer = {.role = DEAF};
        give_order(self, to, steps[i].order);
        noh_err err = noh_call(self, to, query, &answer, .value = 1);
        CHECK_ERR(err, steps[i].role == DEAF ? NOH_E_UNHANDLED : NOH_OK);
        CHECK_EQ(answer.role, steps[i].role);
    }
    give_order(self, to, TO_THE_LIMIT);
    send_note(self, to, 1);
    expect(self, OWN, 1);
    finish(system);
}

/* The own behavior has a handler for it; the role has not. */
static void what_a_role_does_not_list_is_unhandled(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, NOTHING, 0);
    heard answer;
    give_order(self, to, DEAFEN);
    send_note(self, to, 1);
    CHECK_ERR(noh_call(self, to, query, &answer, .value = 1), NOH_E_UNHANDLED);
    CHECK_EQ(at_rest(system, 0).dead[NOH_DEAD_UNHANDLED], 2);
    finish(system);
}

static void roles_of_others_are_refused(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, NOTHING, 0);
    give_order(self, to, WRONG_ROLES);
    give_order(self, to, OPEN_IT);
    give_order(self, to, WRONG_ROLES);
    send_note(self, to, 1);
    expect(self, OPEN, 1);
    finish(system);
}

static void hooks_are_those_of_the_own_behavior(void)
{
    static const struct {
        int64_t order;
        noh_exit_kind kind;
    } ends[] = {{EXIT, NOH_EXIT_NORMAL}, {FAIL, NOH_EXIT_FAILED}, {NOTHING, NOH_EXIT_SHUTDOWN}};
    for (int i = 0; i < 3; i++) {
        noh_system *system = start(NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_door(self, OPEN_IT, 0);
        give_order(self, to, SHUT_STACKED);
        if (ends[i].order == NOTHING) {
            (void)at_rest(system, 0); /* it has begun */
            (void)core_stop(self, to, NOH_STOP_NOW);
        } else {
            give_order(self, to, ends[i].order);
        }
        expect_end(self, ends[i].kind);
        CHECK_EQ(core_logged(&world, "as ordered"), ends[i].order == FAIL);
        if (ends[i].order == FAIL) {
            CHECK_TEXT(world.lines[0].behavior, "door.shut");
        }
        finish(system);
    }
}

static void a_start_hook_may_become_and_has_nothing_to_stash(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, NO_STASH, 0);
    send_note(self, to, 1);
    expect(self, OPEN, 1);
    finish(system);
}

static void outside_of_handlers_there_is_no_role(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, NOTHING, 0);
    send_note(self, to, 1);
    expect(self, OWN, 1); /* this message is in hand now */
    CHECK_ERR(noh_stash(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_unstash(self), NOH_E_CONTEXT);
    CHECK_ERR(noh_become(self, door, open), NOH_E_CONTEXT);
    CHECK_ERR(noh_become_stacked(self, door, open), NOH_E_CONTEXT);
    CHECK_ERR(noh_unbecome(self), NOH_E_CONTEXT);
    CHECK(noh_ref_equal(noh_sender(self), to));
    CHECK_ERR(noh_stash(NULL), NOH_E_INVAL);
    CHECK_ERR(noh_unstash(NULL), NOH_E_INVAL);
    CHECK_ERR(noh_become(NULL, door, open), NOH_E_INVAL);
    CHECK_ERR(noh_unbecome(NULL), NOH_E_INVAL);
    finish(system);
}

/* ---- stash -------------------------------------------------------------------------------- */

/* In one turn, or each message in a turn of its own; exact bound, or the common one. */
static void what_was_put_aside_comes_before_what_waits(void)
{
    static const int64_t returns[] = {OPEN_IT, OPEN_STACKED};
    for (int i = 0; i < 8; i++) {
        noh_system *system = start(NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_door(self, SHUT_IT, i & 1 ? 100 : 0);
        if (i & 2) {
            hold_door(self, to);
        }
        for (int64_t value = 0; value < 5; value++) {
            send_note(self, to, value);
            if ((i & 2) == 0) {
                (void)at_rest(system, (uint64_t)value + 1);
            }
        }
        if ((i & 2) == 0) {
            hold_door(self, to);
        }
        give_order(self, to, returns[i >> 2]);
        for (int64_t value = 5; value < 8; value++) {
            send_note(self, to, value);
        }
        core_open_gate(&gate);
        for (int64_t value = 0; value < 8; value++) {
            expect(self, OPEN, value);
        }
        CHECK_EQ(at_rest(system, 0).dead[NOH_DEAD_STOPPED], 0);
        finish(system);
    }
}

static void going_back_lets_in_too(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, OPEN_IT, 0);
    give_order(self, to, SHUT_STACKED);
    send_note(self, to, 1);
    send_note(self, to, 2);
    give_order(self, to, GO_BACK);
    expect(self, OPEN, 1);
    expect(self, OPEN, 2);
    give_order(self, to, SHUT_IT);
    send_note(self, to, 3);
    give_order(self, to, GO_BACK);
    expect(self, OWN, 3);
    finish(system);
}

/* The shut door puts them aside again, in the same order. */
static void unstash_does_not_change_the_role(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, SHUT_IT, 0);
    give_order(self, to, LET_IN); /* nothing is put aside */
    for (int64_t value = 0; value < 3; value++) {
        send_note(self, to, value);
        give_order(self, to, LET_IN);
    }
    (void)at_rest(system, 3);
    give_order(self, to, OPEN_IT);
    for (int64_t value = 0; value < 3; value++) {
        expect(self, OPEN, value);
    }
    finish(system);
}

static void in_one_handler_the_order_of_calls_counts(void)
{
    static const int64_t values[] = {STASH_AND_LET_IN, STASH_AND_OPEN, OPEN_AND_STASH};
    for (int i = 0; i < 6; i++) {
        int64_t value = values[i % 3];
        noh_system *system = start(NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_door(self, SHUT_IT, i < 3 ? 0 : 10);
        send_note(self, to, 1);
        send_note(self, to, value);
        expect(self, OPEN, 1);
        if (value == OPEN_AND_STASH) {
            (void)at_rest(system, 1);
            give_order(self, to, LET_IN);
        }
        expect(self, OPEN, value);
        finish(system);
    }
}

/* Nobody waits for nothing: its answer comes when the door opens. */
static void a_request_is_answered_when_it_comes_back(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, SHUT_IT, 0);
    noh_future futures[3];
    heard answer;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_ask(self, to, query, &futures[i], .value = i));
    }
    (void)at_rest(system, 3);
    CHECK_ERR(noh_await(self, futures[0], heard, 0, &answer), NOH_E_TIMEOUT); /* late, then */
    give_order(self, to, OPEN_IT);
    for (int i = 1; i < 3; i++) {
        CHECK_OK(noh_await(self, futures[i], heard, NOH_FOREVER, &answer));
        CHECK_EQ(answer.role, OPEN);
        CHECK_EQ(answer.value, i);
    }
    finish(system);
}

static void what_was_answered_is_not_put_aside(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref helper = spawn_door(self, OPEN_IT, 0);
    noh_ref to = spawn_door(self, SHUT_IT, 0);
    CHECK_OK(noh_tell(self, to, ask_for, .whom = helper));
    for (int64_t value = ANSWER_FIRST; value <= PROMISE_FIRST; value++) {
        heard answer;
        CHECK_OK(noh_call(self, to, query, &answer, .value = value));
        CHECK_EQ(answer.role, value == FORWARD_FIRST ? OPEN : SHUT);
        send_note(self, to, 1); /* told after something was answered */
    }
    (void)at_rest(system, 3);
    give_order(self, to, OPEN_IT);
    for (int i = 0; i < 3; i++) {
        expect(self, OPEN, 1);
    }
    finish(system);
}

static void who_has_waited_may_still_put_its_message_aside(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref helper = spawn_door(self, OPEN_IT, 0);
    noh_ref to = spawn_door(self, SHUT_IT, 0);
    noh_future future;
    heard answer;
    CHECK_OK(noh_tell(self, to, ask_for, .whom = helper));
    send_note(self, to, 1);
    CHECK_OK(noh_ask(self, to, query, &future, .value = WAIT_AND_STASH));
    send_note(self, to, 2);
    give_order(self, to, OPEN_IT);
    expect(self, OPEN, 1);
    expect(self, OPEN, 2);
    CHECK_OK(noh_await(self, future, heard, NOH_FOREVER, &answer));
    CHECK_EQ(answer.value, WAIT_AND_STASH);
    finish(system);
}

/* What noh_receive gave stays out of it; so do filters. */
static void a_handler_that_receives_may_put_its_own_message_aside(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, SHUT_IT, 0);
    send_note(self, to, RECEIVE_AND_STASH);
    send_note(self, to, 1);
    expect(self, SHUT, 1);
    (void)at_rest(system, 0);
    send_note(self, to, STASH_AND_RECEIVE);
    send_note(self, to, 2);
    expect(self, SHUT, 2);
    (void)at_rest(system, 1);
    send_note(self, to, 3);
    give_order(self, to, OPEN_IT);
    expect(self, OPEN, STASH_AND_RECEIVE);
    expect(self, OPEN, 3);
    finish(system);
}

/* Until `count` handlers wait. */
static void await_waits(noh_system *system, size_t count)
{
    size_t waits = 0;
    while (waits != count) {
        CHECK_OK(noh_stuck(system, 0, NULL, 0, &waits));
        sched_yield();
    }
}

/* Two calls came to `a` and `b`: one of them failed, whose ref is the higher one (circle.h). */
static void expect_one_cycle(noh_self *self, noh_ref a, noh_ref b, noh_err of_lower)
{
    for (int i = 0; i < 2; i++) {
        const heard *h = CORE_RECEIVE(heard, self);
        noh_ref from = noh_sender(self);
        noh_ref other = noh_ref_equal(from, a) ? b : a;
        CHECK_EQ(h->role, CALLED);
        CHECK_EQ(h->value, from.bits > other.bits ? NOH_E_CYCLE : of_lower);
    }
}

/* Who has put a request aside, and waits for who sent it. */
static void a_circle_through_what_is_put_aside_is_found(void)
{
    for (int i = 0; i < 4; i++) {
        noh_system *system = start(NULL);
        noh_self *self = noh_system_self(system);
        noh_ref refs[2] = {spawn_door(self, NOTHING, i & 1 ? 10 : 0),
                           spawn_door(self, NOTHING, i & 1 ? 10 : 0)};
        noh_ref shut = refs[i >> 1];
        noh_ref open = refs[1 - (i >> 1)];
        give_order(self, shut, SHUT_IT);
        give_order(self, open, OPEN_IT);
        send_note(self, shut, 1);
        CHECK_OK(noh_tell(self, open, call_it, .whom = shut, .value = 1)); /* is put aside */
        await_waits(system, 1);
        CHECK_OK(noh_tell(self, shut, call_it, .whom = open, .value = 2));
        bool withdrawn = open.bits > shut.bits;
        if (withdrawn) { /* its request would be handled for nothing */
            expect_one_cycle(self, open, shut, NOH_OK);
            CHECK_EQ(at_rest(system, 1).dead[NOH_DEAD_LATE], 2); /* and its answer */
        } else {
            CHECK_EQ(CORE_RECEIVE(heard, self)->value, NOH_E_CYCLE);
        }
        give_order(self, shut, OPEN_IT);
        expect(self, OPEN, 1);
        if (!withdrawn) {
            expect(self, CALLED, NOH_OK);
        }
        finish(system);
    }
}

/* The circle is closed by who begins to await an ask that it had sent before: nothing arrives then. */
static void a_circle_is_found_by_who_put_the_request_aside(void)
{
    for (int i = 0; i < 2; i++) {
        noh_system *system = start(NULL);
        noh_self *self = noh_system_self(system);
        noh_ref refs[2] = {spawn_door(self, NOTHING, 0), spawn_door(self, NOTHING, 0)};
        noh_ref shut = refs[i];
        noh_ref open = refs[1 - i];
        give_order(self, shut, SHUT_IT);
        give_order(self, open, OPEN_IT);
        CHECK_OK(noh_tell(self, shut, ask_it, .whom = open, .value = CALL_BACK));
        await_waits(system, 1);
        CHECK_OK(noh_tell(self, shut, await_it));
        if (open.bits > shut.bits) {
            expect_one_cycle(self, open, shut, NOH_OK);
        } else {
            CHECK_EQ(CORE_RECEIVE(heard, self)->value, NOH_E_CYCLE);
            give_order(self, shut, OPEN_IT);
            expect(self, CALLED, NOH_OK);
        }
        finish(system);
    }
}

/* The strand it waits on is dropped. */
static void who_is_killed_while_it_waits_has_what_it_put_aside(void)
{
    for (int i = 0; i < 2; i++) {
        noh_system *system = start(NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_door(self, SHUT_IT, i == 0 ? 0 : 10);
        send_note(self, to, 1);
        send_note(self, to, STASH_AND_SLEEP);
        (void)at_rest(system, 2);
        (void)core_stop(self, to, NOH_STOP_KILL);
        noh_ledger ledger = at_rest(system, 0);
        CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 2);
        finish(system);
    }
}

/* An answer, and an error answer, to asks of the door. */
static void an_answer_comes_back_as_a_message(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref helper = spawn_door(self, OPEN_IT, 0);
    noh_ref deaf = spawn_door(self, DEAFEN, 0);
    noh_ref to = spawn_door(self, SHUT_IT, 0);
    CHECK_OK(noh_tell(self, to, ask_for, .whom = helper, .value = 5));
    (void)at_rest(system, 1);
    CHECK_OK(noh_tell(self, to, ask_for, .whom = deaf, .value = 6));
    (void)at_rest(system, 2);
    give_order(self, to, OPEN_IT);
    expect(self, OPEN, 5);
    expect(self, OPEN, NOH_E_UNHANDLED);
    finish(system);
}

/* ---- bounds ------------------------------------------------------------------------------- */

static void what_is_put_aside_takes_room_in_the_mailbox(void)
{
    for (int exact = 0; exact < 2; exact++) {
        noh_system *system = start(&(noh_options){.mailbox_max = exact ? 0 : 4});
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_door(self, SHUT_IT, exact ? 4 : 0);
        for (int64_t value = 0; value < 3; value++) {
            send_note(self, to, value);
            (void)at_rest(system, (uint64_t)value + 1);
        }
        give_order(self, to, FILL);
        expect(self, SHUT, 1);
        (void)at_rest(system, 4);
        if (exact) { /* a thread's view of the common bound is an estimate */
            CHECK_ERR(noh_tell(self, to, note, .value = 4), NOH_E_FULL);
        }
        CHECK_OK(noh_stop(self, to, NOH_STOP_DRAIN)); /* notices always find room */
        expect_end(self, NOH_EXIT_NORMAL);
        CHECK_EQ(at_rest(system, 0).dead[NOH_DEAD_STOPPED], 4);
        CHECK_EQ(core_dead(system, NOH_DEAD_FULL), exact ? 2 : 1);
        finish(system);
    }
}

/* Put aside and taken out again and again: each place is given back. */
static void places_are_given_back(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, NOTHING, 3);
    for (int round = 0; round < 20; round++) {
        give_order(self, to, SHUT_IT);
        (void)at_rest(system, 0);
        send_note(self, to, 1);
        (void)at_rest(system, 1);
        send_note(self, to, 2);
        (void)at_rest(system, 2);
        give_order(self, to, OPEN_IT);
        expect(self, OPEN, 1);
        expect(self, OPEN, 2);
        (void)at_rest(system, 0);
    }
    finish(system);
}

/* Its place was given back when its handler began, and others were faster. */
static void a_mailbox_that_is_full_again_keeps_the_message_in_hand(void)
{
    for (int exact = 0; exact < 2; exact++) {
        noh_system *system = start(&(noh_options){.mailbox_max = exact ? 0 : 2});
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_door(self, SHUT_IT, exact ? 2 : 0);
        core_shut_gate(&gate);
        send_note(self, to, FILL_AND_STASH);
        core_await_inside(&gate, 1);
        send_note(self, to, 1);
        send_note(self, to, 2);
        core_open_gate(&gate);
        expect(self, SHUT, FILL_AND_STASH);
        expect(self, OPEN, 1);
        expect(self, OPEN, 2);
        finish(system);
    }
}

/* ---- ends --------------------------------------------------------------------------------- */

static int boxes_out; /* used by one thread at a time */

static void drop_box(void *data, size_t size)
{
    boxes_out--;
}

static void send_wide(noh_self *self, noh_ref to)
{
    static char content;
    boxes_out++;
    CHECK_OK(noh_tell(self, to, wide,
                      .text = "a text that lies behind the struct, and makes it long",
                      .box = {&content, 1, drop_box}));
}

static void at_the_end_they_are_dead_letters_and_askers_are_told(void)
{
    static const struct {
        int order; /* or -1 - kind of stop */
        noh_exit_kind kind;
    } ends[] = {
        {EXIT, NOH_EXIT_NORMAL},
        {FAIL, NOH_EXIT_FAILED},
        {-1 - NOH_STOP_DRAIN, NOH_EXIT_NORMAL},
        {-1 - NOH_STOP_NOW, NOH_EXIT_SHUTDOWN},
        {-1 - NOH_STOP_KILL, NOH_EXIT_KILLED},
    };
    for (int i = 0; i < 10; i++) {
        int end = i / 2;
        noh_system *system = start(NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_door(self, SHUT_IT, i & 1 ? 10 : 0);
        noh_future future;
        heard answer;
        send_note(self, to, 1);
        send_wide(self, to);
        CHECK_OK(noh_ask(self, to, query, &future, .value = 1));
        (void)at_rest(system, 3);
        CHECK_EQ(boxes_out, 1);
        if (ends[end].order >= 0) {
            give_order(self, to, ends[end].order);
        } else {
            CHECK_OK(noh_stop(self, to, (noh_stop_kind)(-1 - ends[end].order)));
        }
        noh_exit exit;
        CHECK_OK(noh_join(self, to, NOH_FOREVER, &exit));
        CHECK(exit.kind == ends[end].kind || exit.kind == NOH_EXIT_UNKNOWN);
        CHECK_ERR(noh_await(self, future, heard, NOH_FOREVER, &answer), NOH_E_STOPPED);
        CHECK_EQ(boxes_out, 0);
        if (ends[end].kind != NOH_EXIT_KILLED) {
            expect_end(self, ends[end].kind);
        }
        noh_ledger ledger = at_rest(system, 0);
        CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 3);
        CHECK_EQ(ledger.dead[NOH_DEAD_CRASHED], ends[end].order == FAIL);
        finish(system);
    }
}

/* What is put aside has left the handler, which fails alone. */
static void a_failure_after_stash_ends_all_that_is_put_aside(void)
{
    for (int asks = 0; asks < 2; asks++) {
        noh_system *system = start(NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_door(self, SHUT_IT, 0);
        send_note(self, to, 1);
        heard answer;
        if (asks) {
            CHECK_ERR(noh_call(self, to, query, &answer, .value = STASH_AND_FAIL), NOH_E_STOPPED);
        } else {
            send_note(self, to, STASH_AND_FAIL);
        }
        expect_end(self, NOH_EXIT_FAILED);
        noh_ledger ledger = at_rest(system, 0);
        CHECK_EQ(ledger.dead[NOH_DEAD_STOPPED], 2);
        CHECK_EQ(ledger.dead[NOH_DEAD_CRASHED], 0);
        noh_ref helper = spawn_door(self, NOTHING, 0); /* perhaps in the same slot */
        noh_ref next = spawn_door(self, SHUT_IT, 0);
        CHECK_OK(noh_tell(self, next, ask_for, .whom = helper));
        CHECK_OK(noh_call(self, next, query, &answer, .value = FORWARD_FIRST)); /* and counted */
        CHECK_EQ(answer.role, OWN);
        finish(system);
    }
}

static void a_system_may_end_with_messages_put_aside(void)
{
    noh_system *system = start(NULL);
    noh_self *self = noh_system_self(system);
    for (uint32_t bound = 0; bound < 4; bound++) {
        noh_ref to = spawn_door(self, SHUT_IT, bound == 0 ? 0 : bound + 10);
        send_wide(self, to);
        send_note(self, to, 1);
        noh_future future;
        CHECK_OK(noh_ask(self, to, query, &future, .value = 1));
    }
    (void)at_rest(system, 12);
    core_end(&world, system);
    CHECK_EQ(boxes_out, 0);
}

/* ---- time --------------------------------------------------------------------------------- */

enum { BEGIN_NS = 1000000000 };

static noh_system *start_clock(void)
{
    core_open(&world);
    core_own_clock(&world, BEGIN_NS);
    return core_system(&world, 1, NULL);
}

static void pass_second(int half)
{
    core_advance(&world, NOH_SECOND / half);
    core_rested(&world);
}

/* TIM-3 */
static void while_a_tick_is_put_aside_no_other_comes(void)
{
    noh_system *system = start_clock();
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, SHUT_IT, 0);
    CHECK_OK(noh_tell(self, to, order, .what = TICK_EVERY_SECOND, .value = 7));
    (void)at_rest(system, 0);
    for (int i = 0; i < 5; i++) {
        pass_second(1);
        (void)at_rest(system, 1);
    }
    give_order(self, to, OPEN_IT);
    expect(self, OPEN, 7);
    (void)at_rest(system, 0);
    core_expect_nothing(self);
    pass_second(1);
    expect(self, OPEN, 7);
    finish(system);
}

/* Its record is in use until the tick was handled, or has become a dead letter. */
static void a_timer_may_end_while_its_tick_is_put_aside(void)
{
    for (int ends = 0; ends < 2; ends++) {
        noh_system *system = start_clock();
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_door(self, SHUT_IT, 0);
        CHECK_OK(noh_tell(self, to, order, .what = TICK_EVERY_SECOND, .value = 7));
        (void)at_rest(system, 0);
        pass_second(1);
        (void)at_rest(system, 1);
        give_order(self, to, ends ? EXIT : CANCEL_TICKS);
        if (ends) {
            expect_end(self, NOH_EXIT_NORMAL);
            CHECK_EQ(at_rest(system, 0).dead[NOH_DEAD_STOPPED], 1);
        } else {
            CHECK_OK(noh_tell(self, to, order, .what = TICK_EVERY_SECOND, .value = 8));
            (void)at_rest(system, 1);
            pass_second(1);
            (void)at_rest(system, 2);
            give_order(self, to, OPEN_IT);
            expect(self, OPEN, 7);
            expect(self, OPEN, 8);
            pass_second(1);
            expect(self, OPEN, 8);
        }
        finish(system);
    }
}

/* Who gets messages is not idle, though it handles none. */
static void putting_aside_is_not_idleness(void)
{
    noh_system *system = start_clock();
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_door(self, SHUT_IT, 0);
    give_order(self, to, IDLE_AFTER_A_SECOND);
    (void)at_rest(system, 0);
    for (uint64_t i = 0; i < 4; i++) {
        pass_second(2);
        send_note(self, to, (int64_t)i);
        (void)at_rest(system, i + 1);
        core_rested(&world);
    }
    pass_second(2);
    pass_second(2);
    (void)at_rest(system, 5); /* now it is, and puts that aside, too */
    give_order(self, to, OPEN_IT);
    for (int64_t i = 0; i < 4; i++) {
        expect(self, OPEN, i);
    }
    expect(self, OPEN, -2);
    finish(system);
}

/* ---- many --------------------------------------------------------------------------------- */

enum { SENDERS = 3, NOTES = 3000 };

typedef struct sender {
    noh_system *system;
    noh_ref to;
    int64_t number;
} sender;

/* Notes in order, and sometimes an order to shut or to open. */
static void *send_notes(void *arg)
{
    sender *s = arg;
    noh_self *self = noh_system_self(s->system);
    for (int64_t i = 0; i < NOTES; i++) {
        send_note(self, s->to, s->number << 32 | i);
        if (i % 50 == 7 * s->number) {
            give_order(self, s->to, i % 100 == 7 * s->number ? SHUT_IT : OPEN_IT);
        }
    }
    CHECK_OK(noh_self_free(self));
    return NULL;
}

/* All that come while it is shut are put aside, so the notes of one sender stay in order. */
static void senders_keep_their_order_and_nothing_is_lost(void)
{
    for (uint32_t bound = 0; bound <= SENDERS * NOTES * 2; bound += SENDERS * NOTES * 2) {
        noh_system *system = core_start(&world, 2, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_door(self, OPEN_IT, bound);
        sender senders[SENDERS];
        pthread_t threads[SENDERS];
        for (int i = 0; i < SENDERS; i++) {
            senders[i] = (sender){system, to, i + 1};
            threads[i] = core_thread(send_notes, &senders[i]);
        }
        for (int i = 0; i < SENDERS; i++) {
            core_join_thread(threads[i]);
        }
        give_order(self, to, OPEN_IT);
        int64_t next[SENDERS + 1] = {0}; /* by number, from 1 on */
        for (int64_t i = 0; i < (int64_t)SENDERS * NOTES; i++) {
            const heard *h = CORE_RECEIVE(heard, self);
            CHECK_EQ(h->role, OPEN);
            int64_t from = h->value >> 32;
            CHECK_EQ(h->value & UINT32_MAX, next[from]);
            next[from]++;
        }
        noh_ledger ledger = at_rest(system, 0);
        CHECK_EQ(noh_ledger_dead(&ledger), 0);
        finish(system);
    }
}

static const test_case cases[] = {
    TEST(a_role_handles_from_the_next_message_on),
    TEST(roles_replace_each_other_or_are_stacked),
    TEST(what_a_role_does_not_list_is_unhandled),
    TEST(roles_of_others_are_refused),
    TEST(hooks_are_those_of_the_own_behavior),
    TEST(a_start_hook_may_become_and_has_nothing_to_stash),
    TEST(outside_of_handlers_there_is_no_role),
    TEST(what_was_put_aside_comes_before_what_waits),
    TEST(going_back_lets_in_too),
    TEST(unstash_does_not_change_the_role),
    TEST(in_one_handler_the_order_of_calls_counts),
    TEST(a_request_is_answered_when_it_comes_back),
    TEST(what_was_answered_is_not_put_aside),
    TEST(who_has_waited_may_still_put_its_message_aside),
    TEST(a_handler_that_receives_may_put_its_own_message_aside),
    TEST(a_circle_through_what_is_put_aside_is_found),
    TEST(a_circle_is_found_by_who_put_the_request_aside),
    TEST(who_is_killed_while_it_waits_has_what_it_put_aside),
    TEST(an_answer_comes_back_as_a_message),
    TEST(what_is_put_aside_takes_room_in_the_mailbox),
    TEST(places_are_given_back),
    TEST(a_mailbox_that_is_full_again_keeps_the_message_in_hand),
    TEST(at_the_end_they_are_dead_letters_and_askers_are_told),
    TEST(a_failure_after_stash_ends_all_that_is_put_aside),
    TEST(a_system_may_end_with_messages_put_aside),
    TEST(while_a_tick_is_put_aside_no_other_comes),
    TEST(a_timer_may_end_while_its_tick_is_put_aside),
    TEST(putting_aside_is_not_idleness),
    TEST(senders_keep_their_order_and_nothing_is_lost),
};
TEST_MAIN(cases)
