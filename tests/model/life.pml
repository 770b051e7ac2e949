/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The life of an actor, for spin (life.sh): one slot and two tenants, who are spawned, told, asked and
 * stopped in each of the three ways. What the C models show of single steps is taken for granted here:
 * an inbox is a channel, and a push, a stop request or a close is one step.
 *
 * Letters are handled once or become dead letters, by the generation they were meant for; an ask is
 * answered exactly once, also when its asker has given up; a ref dies last; the slot is free only when
 * nothing lies there. With -DFORGETS the end of an actor forgets to answer, with -DTRUSTS a late letter
 * is not compared with the generation; spin has to find both. */
#define TENANTS 2

mtype = { TELL, ASK, STOP, ANSWER, ERROR };
mtype = { NO_STOP, DRAIN, NOW, KILL };

chan inbox = [4] of { mtype, byte };        /* kind, generation */
chan answers = [2] of { mtype };

byte generation = 0;                        /* of the slot: the tenant that lives, or is next */
bool lives = false;
bool slot_is_free = true;
mtype stop_kind = NO_STOP;                  /* of this generation */
byte senders = 3;                           /* at work */

byte sent = 0, handled = 0, dead = 0;       /* the ledger: letters that are counted */
byte asked = 0, answered = 0;
bool is_open = false;                       /* the asker's entry */
byte hooks = 0;                             /* stop hooks that have run */

inline bury(kind)
{
    if
    :: kind == TELL -> dead++
    :: kind == ASK ->
        dead++;
#ifndef FORGETS
        answers ! ERROR
#endif
    :: else -> skip
    fi
}

inline drain()
{
    do
    :: inbox ? kind, meant -> bury(kind)
    :: empty(inbox) -> break
    od
}

/* Twice: until the close letters are refused by nobody. */
inline end_actor(is_killed)
{
    if
    :: is_killed -> skip
    :: else -> hooks++
    fi;
    drain();
    atomic { lives = false; generation++; stop_kind = NO_STOP };
    drain();
    slot_is_free = true
}

inline handle()
{
    assert(lives && meant == generation);
    if
    :: stop_kind == NOW || stop_kind == KILL -> bury(kind); end_actor(stop_kind == KILL)
    :: else ->
        if
        :: kind == TELL -> handled++
        :: kind == ASK -> handled++; answers ! ANSWER
        :: kind == STOP -> end_actor(false)
        fi
    fi
}

/* The home of the slot: it spawns, runs turns, and buries what comes late. */
active proctype owner()
{
    mtype kind;
    byte meant;
    do
    :: !lives && generation < TENANTS ->
        assert(slot_is_free && hooks <= generation);
        atomic { slot_is_free = false; lives = true }
    :: inbox ? kind, meant ->
        if
#ifndef TRUSTS
        :: !lives || meant != generation -> bury(kind)
#endif
        :: else -> handle()
        fi
    :: senders == 0 && empty(inbox) && generation == TENANTS -> break
    od;
    assert(slot_is_free && !lives && hooks <= TENANTS);
    assert(sent == handled + dead);
    assert(asked == answered && !is_open && empty(answers))
}

/* Looks at the generation, and is perhaps late when it pushes. */
inline send(kind, ref, accepted)
{
    accepted = false;
    if
    :: generation == ref && lives -> accepted = true; inbox ! kind, ref
    :: else -> skip
    fi
}

active proctype teller()
{
    byte ref;
    bool accepted;
    lives || generation == TENANTS;
    ref = generation;
    send(TELL, ref, accepted);
    sent = sent + accepted;
    atomic { senders-- }
}

active proctype asker()
{
    byte ref;
    bool accepted;
    mtype kind;
    lives || generation == TENANTS;
    ref = generation;
    atomic {
        if
        :: generation == ref && lives -> accepted = true; is_open = true; asked++
        :: else -> accepted = false
        fi
    }
    if
    :: accepted ->
        inbox ! ASK, ref;
        if
        :: answers ? kind -> answered++
        :: true -> answers ? kind; answered++ /* it has given up, but the entry stays until then */
        fi;
        is_open = false
    :: else -> skip
    fi;
    sent = sent + accepted;
    assert(empty(answers));
    atomic { senders-- }
}

/* Stops each tenant, in one of three ways. */
active proctype stopper()
{
    byte ref = 0;
    do
    :: ref < TENANTS ->
        (lives && generation == ref) || generation > ref;
        atomic {
            if
            :: generation == ref -> skip
            :: generation == ref -> stop_kind = NOW
            :: generation == ref -> stop_kind = KILL
            :: else -> skip
            fi
        }
        if
        :: generation == ref -> inbox ! STOP, ref
        :: else -> skip
        fi;
        generation > ref;
        ref++
    :: else -> break
    od;
    atomic { senders-- }
}

ltl every_ask_ends { [] (is_open -> <> !is_open) }
