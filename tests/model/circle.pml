/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Circles of waits (src/core/circle.h), for spin (circle.sh): a few actors that ask, wait, answer, pass requests
 * on, promise, and give up, in every order. Mirrors, step by step:
 *   core/circle.c   pass, nohi_circle_probe, holds, withdraw, close_circle, meet_probe, nohi_circle_obey
 *   core/strand.c   nohi_strand_look; core/reply.c: noh_call_value, await, nohi_ask_passed_on
 *   core/send.c     noh_forward
 * A send is one step that puts the letter behind all others in its receiver's mailbox. That is what the core
 * gives (SND-1, SND-2): between a send and its push the sender does nothing that others can see.
 *
 * CIR-1: nobody waits when nothing moves any more. CIR-2, CIR-3: when a wait fails, all around the circle wait,
 * each for the next; so at most one fails. CIR-4: nobody begins with a request whose wait has failed, unless it
 * was in hand. CIR-5: no path is endless. Once somebody has given up, only CIR-1 and CIR-5 hold: a probe may have
 * come through a wait that has timed out since, and then a wait fails that is in no circle any more.
 *
 * The environment says how many actors there are, how often each may ask, how many requests are passed on,
 * promised and given up in all, and which fault is planted; spin has to find each of them: circle.sh. */
#define N 3
#define NUMBERS 2               /* entries of a table of asks */
#define NONE 255
#define AT(actor, number) ((actor) * NUMBERS + (number))

c_code {
    static int setting(const char *name)
    {
        const char *value = getenv(name);
        return value == NULL ? 0 : atoi(value);
    }
};

byte actors, asks_max, forwards_max, promises_max, timeouts_max;

/* Faults. */
#define TRUSTS (fault == 1)        /* CIR-2: a probe goes on from who does not hold its sender's request */
#define NOT_MET (fault == 2)       /* CIR-1: no probe for a request that is met in a wait, */
#define NOT_LATE (fault == 3)      /* or for a wait of an ask that was sent before, */
#define NOT_PASSED_ON (fault == 4) /* who passed a request on is asked, not who has it */
#define ALL_GO_ON (fault == 5)     /* CIR-3: also probes of lower ones go on */
#define ALL_END (fault == 6)       /* they end, and no other begins */
#define KEEPS (fault == 7)         /* CIR-4: the request is not withdrawn */
#define FOREIGN (fault == 8)       /* CIR-5: another's probe goes on to oneself */
byte fault;

mtype = { REQUEST, ANSWER, PROBE, PASSED_ON };
mtype = { FREE, OPEN, GIVEN_UP };

/* kind, from, number; PROBE: first, wait (0: withdrawn); PASSED_ON: to */
chan mail[N] = [8] of { mtype, byte, byte, byte, byte };
chan aside[N] = [8] of { mtype, byte, byte, byte, byte }; /* before those, and looked at, or left out */

/* the tables of asks */
mtype state[N * NUMBERS] = FREE;
byte target[N * NUMBERS] = NONE;
/* waits */
bool waits[N] = false;
bool asked[N] = false;
byte number[N] = NONE;
byte probe[N] = 0;
byte serial[N] = 0;
/* requests in hand, and promised */
byte hand_from[N] = NONE, hand_number[N] = NONE;
byte forwards_to[N] = NONE; /* the request in hand: its asker was told */
byte promise_from[N] = NONE, promise_number[N] = NONE;

byte asks[N] = 0;
byte forwards = 0, promises = 0, timeouts = 0;

/* what nobody knows: who has that request, and whether its wait has failed */
byte holder[N * NUMBERS] = NONE;
bool failed[N * NUMBERS] = false;

inline send(to_, kind_, from_, n_, x_, y_)
{
    assert(nfull(mail[to_]));
    mail[to_] ! kind_, from_, n_, x_, y_
}

inline forget()
{
    kind = 0; from = 0; n = 0; x = 0; y = 0; entry = 0; whom = 0; at = 0; left = 0
}

inline pass(first_, wait_)
{
    if
    :: state[AT(me, number[me])] == OPEN && 
       (target[AT(me, number[me])] != me || first_ == me || FOREIGN) ->
        send(target[AT(me, number[me])], PROBE, me, number[me], first_, wait_)
    :: else
    fi
}

inline begin_probe()
{
    asked[me] = false;
    serial[me]++;
    probe[me] = serial[me];
    pass(me, probe[me])
}

/* Is there a circle, and all in it wait? */
inline check_circle()
{
    at = me;
    left = N;
    do
    :: left > 0 ->
        assert(waits[at] && holder[AT(at, number[at])] != NONE);
        at = holder[AT(at, number[at])];
        left--;
        if
        :: at == me -> break
        :: else
        fi
    :: else -> assert(false)
    od
}

inline drop_request(from_, n_)
{
    if
    :: aside[me] ?? [REQUEST, eval(from_), eval(n_), _, _] ->
        aside[me] ?? REQUEST, eval(from_), eval(n_), _, _;
        holder[AT(from_, n_)] = NONE;
        send(from_, ANSWER, me, n_, 0, 0)
    :: else ->
        if
        :: mail[me] ?? [REQUEST, eval(from_), eval(n_), _, _] ->
            mail[me] ?? REQUEST, eval(from_), eval(n_), _, _;
            holder[AT(from_, n_)] = NONE;
            send(from_, ANSWER, me, n_, 0, 0)
        :: else
        fi
    fi
}

inline end_wait(by)
{
    waits[me] = false;
    asked[me] = false;
    probe[me] = 0;
    state[AT(me, number[me])] = by;
    number[me] = NONE
}

inline close_circle()
{
    if
    :: timeouts == 0 -> check_circle()
    :: else
    fi;
    at = holder[AT(me, number[me])];
    failed[AT(me, number[me])] = timeouts == 0 &&
        !(hand_from[at] == me && hand_number[at] == number[me]) &&
        !(promise_from[at] == me && promise_number[at] == number[me]);
    if
    :: KEEPS
    :: !KEEPS && target[AT(me, number[me])] == me -> drop_request(me, number[me])
    :: else -> send(target[AT(me, number[me])], PROBE, me, number[me], 0, 0)
    fi;
    end_wait(GIVEN_UP)
}

#define HOLDS(f, n) ((hand_from[me] == f && hand_number[me] == n) || \
                     (promise_from[me] == f && promise_number[me] == n) || \
                     aside[me] ?? [REQUEST, eval(f), eval(n), _, _] || \
                     mail[me] ?? [REQUEST, eval(f), eval(n), _, _])

inline meet_probe()
{
    if
    :: y == 0 -> drop_request(from, n)
    :: y != 0 && !waits[me]
    :: y != 0 && waits[me] && !TRUSTS && !HOLDS(from, n)
    :: else ->
        if
        :: x > me || (x < me && ALL_GO_ON) -> pass(x, y)
        :: x < me && ALL_END
        :: x < me && !ALL_GO_ON && !ALL_END -> begin_probe()
        :: x == me ->
            if
            :: y != probe[me]
            :: else -> close_circle()
            fi
        fi
    fi
}

inline passed_on()
{
    if
    :: state[AT(me, n)] == OPEN && target[AT(me, n)] == from && !NOT_PASSED_ON ->
        target[AT(me, n)] = x
    :: else
    fi;
    if
    :: waits[me] && number[me] == n -> asked[me] = true
    :: else
    fi
}

/* The next letter, which has been taken out; what the wait does not take goes to those looked at. */
inline look_at()
{
    if
    :: kind == PROBE -> meet_probe()
    :: kind == PASSED_ON -> passed_on()
    :: kind == ANSWER && n == number[me] -> end_wait(FREE)
    :: kind == ANSWER && n != number[me] && state[AT(me, n)] == GIVEN_UP ->
        state[AT(me, n)] = FREE
    :: kind == ANSWER && n != number[me] && state[AT(me, n)] != GIVEN_UP ->
        aside[me] ! kind, from, n, x, y
    :: kind == REQUEST ->
        aside[me] ! kind, from, n, x, y;
        asked[me] = asked[me] || !NOT_MET
    fi
}

/* A turn of who waits: some letters, and then perhaps a probe. */
inline look()
{
    mail[me] ? kind, from, n, x, y;
    look_at();
    do
    :: waits[me] && nempty(mail[me]) ->
        mail[me] ? kind, from, n, x, y;
        look_at()
    :: break
    od;
    probe_if_asked();
    forget()
}

inline probe_if_asked()
{
    if
    :: waits[me] && asked[me] -> begin_probe()
    :: else
    fi
}

/* An entry of the own table, or NONE. */
inline open(to_)
{
    entry = (state[AT(me, 0)] == FREE -> 0 : (state[AT(me, 1)] == FREE -> 1 : NONE));
    if
    :: entry != NONE ->
        state[AT(me, entry)] = OPEN;
        target[AT(me, entry)] = to_;
        holder[AT(me, entry)] = to_;
        failed[AT(me, entry)] = false;
        asks[me]++
    :: else
    fi
}

inline begin_wait(which)
{
    number[me] = which;
    probe[me] = 0;
    waits[me] = true
}

/* Asks, and waits at once: not for what lies there already. */
inline call()
{
    choose();
    open(whom);
    if
    :: entry != NONE ->
        do
        :: nempty(mail[me]) ->
            mail[me] ? kind, from, n, x, y;
            aside[me] ! kind, from, n, x, y
        :: empty(mail[me]) -> break
        od;
        begin_wait(entry);
        send(whom, REQUEST, me, entry, 0, 0)
    :: else
    fi;
    forget()
}

/* Somebody; oneself, too, if there are but two. */
inline choose()
{
    if
    :: actors == 2 || me != 0 -> whom = 0
    :: actors == 2 || me != 1 -> whom = 1
    :: actors == 3 && me != 2 -> whom = 2
    fi
}

inline ask()
{
    choose();
    open(whom);
    if
    :: entry != NONE -> send(whom, REQUEST, me, entry, 0, 0)
    :: else
    fi;
    forget()
}

/* Waits for what was asked before: all that lies there is looked at. */
inline await(which)
{
    begin_wait(which);
    asked[me] = !NOT_LATE && (hand_from[me] != NONE || promise_from[me] != NONE ||
                              nempty(aside[me]) || nempty(mail[me]));
    entry = len(aside[me]);
    do
    :: entry > 0 ->
        entry--;
        aside[me] ? kind, from, n, x, y;
        if
        :: waits[me] -> look_at()
        :: else -> aside[me] ! kind, from, n, x, y
        fi
    :: else -> break
    od;
    probe_if_asked();
    forget()
}

inline answer(f_, m_)
{
    holder[AT(f_, m_)] = NONE;
    send(f_, ANSWER, me, m_, 0, 0);
    f_ = NONE;
    m_ = NONE
}

inline forward()
{
    choose();
    forwards++;
    forwards_to[me] = whom;
    send(hand_from[me], PASSED_ON, me, hand_number[me], whom, 0);
    forget()
}

inline forward_rest()
{
    holder[AT(hand_from[me], hand_number[me])] = forwards_to[me];
    send(forwards_to[me], REQUEST, hand_from[me], hand_number[me], 0, 0);
    hand_from[me] = NONE;
    hand_number[me] = NONE;
    forwards_to[me] = NONE
}

inline promise()
{
    promises++;
    promise_from[me] = hand_from[me];
    promise_number[me] = hand_number[me];
    hand_from[me] = NONE;
    hand_number[me] = NONE
}

inline begin_with()
{
    if
    :: kind == REQUEST ->
        assert(!failed[AT(from, n)] || timeouts > 0); /* CIR-4 */
        hand_from[me] = from;
        hand_number[me] = n
    :: kind == ANSWER -> state[AT(me, n)] = FREE
    :: kind == PROBE -> meet_probe()
    :: kind == PASSED_ON -> passed_on()
    fi;
    forget()
}

/* In a handler, with a request in hand or of something that asks for nothing. */
#define RUNS (!waits[me] && forwards_to[me] == NONE)

proctype actor(byte me)
{
    mtype kind;
    byte from, n, x, y, entry, at, left, whom;
end:
    do
    :: atomic { RUNS && hand_from[me] == NONE && nempty(aside[me]) ->
        aside[me] ? kind, from, n, x, y; begin_with() }
    :: atomic { RUNS && hand_from[me] == NONE && empty(aside[me]) && nempty(mail[me]) ->
        mail[me] ? kind, from, n, x, y; begin_with() }
    :: atomic { RUNS && asks[me] < asks_max -> call() }
    :: atomic { RUNS && asks[me] < asks_max -> ask() }
    :: atomic { RUNS && state[AT(me, 0)] == OPEN -> await(0) }
    :: atomic { RUNS && state[AT(me, 1)] == OPEN -> await(1) }
    :: atomic { RUNS && hand_from[me] != NONE && forwards < forwards_max -> forward() }
    :: atomic { forwards_to[me] != NONE -> forward_rest() }
    :: atomic { RUNS && hand_from[me] != NONE && promise_from[me] == NONE && promises < promises_max ->
        promise() }
    :: atomic { RUNS && promise_from[me] != NONE -> answer(promise_from[me], promise_number[me]) }
    :: atomic { RUNS && hand_from[me] != NONE -> answer(hand_from[me], hand_number[me]) }
    :: atomic { waits[me] && nempty(mail[me]) -> look() }
    :: atomic { waits[me] && timeouts < timeouts_max -> timeouts++; end_wait(GIVEN_UP) }
    od
}

init {
    byte i;
    atomic {
        c_code {
            now.actors = setting("ACTORS");
            now.asks_max = setting("ASKS");
            now.forwards_max = setting("FORWARDS");
            now.promises_max = setting("PROMISES");
            now.timeouts_max = setting("TIMEOUTS");
            now.fault = setting("FAULT");
        };
        for (i : 0 .. actors - 1) {
            run actor(i)
        }
        i = 0
    }
    timeout;
    for (i : 0 .. actors - 1) {
        assert(!waits[i]) /* CIR-1: else it waits for ever */
    }
}
