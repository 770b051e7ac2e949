/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
#ifndef NOHI_POLICY_H
#define NOHI_POLICY_H

#include "actor.h"

enum { NOHI_KINDS = 64, NOHI_STAY = -1 };

/* How a worker that has nothing to do sleeps. */
typedef enum nohi_posture {
    NOHI_UP,       /* it has something to do, or looks for it */
    NOHI_WATCHING, /* naps, and looks at the busy ones each time */
    NOHI_DOZING,   /* looks at the others now and then */
    NOHI_ASLEEP,   /* until it is woken */
    NOHI_ALONE,    /* the same; there are no others */
} nohi_posture;

/* What a worker knows about one behavior. */
typedef struct nohi_kind {
    const noh_behavior *behavior; /* checked, when it stands here */
    int32_t cost_ns;              /* of one message: handler time without remote sends */
    uint16_t samples;             /* how many; no more than it takes to know it */
    uint16_t brief; /* of the last ones, how many were short enough for rule 6; as many */
} nohi_kind;

/* The private half: its worker. */
typedef struct nohi_policy {
    nohi_kind kinds[NOHI_KINDS];
    int32_t countdown;      /* turns to the next sample; below 0: now */
    uint32_t interval;      /* turns from sample to sample */
    uint32_t warm_up;       /* samples taken in short order at first */
    int64_t last_sample_ns; /* when */
    int64_t heavy_turn_ns;  /* mean over all turns of the time of those that others may pull */
    /* the sample being taken */
    bool sampling;
    int64_t began_ns;
    int64_t remote_ns;
    uint64_t acts_before;
    uint64_t sends_before;
    uint32_t remote_sends;
    unsigned remote_home; /* where the last of them went */
    int64_t asked_ns;     /* when it asked somebody for work */
    int64_t clock_ns;     /* what a look at the clock costs */
    nohi_posture posture;
    uint32_t quiet_looks; /* in a row, while it dozes: all others slept */
    int64_t rested_ns;    /* when it last had nothing to do */
    int64_t seen_ns;      /* the clock, as last seen: about now */
    uint32_t look_at;     /* whom it looked at last */
    uint32_t compared;    /* whose heavy work it compared with its own last, */
    int64_t evened_ns;    /* and when it asked for a share of it */
    int flow_home;        /* where the sampled actor should go, or NOHI_STAY */
    uint32_t letters_max; /* of a turn */
    bool stepped;         /* env's step is asked in each sampled turn; constant */
    uint32_t free_turns;  /* until it wants to be asked again */
} nohi_policy;

/* The public half. */
typedef struct nohi_balance {
    atom(uint32_t) attention; /* 0, or the id + 1 of the idle worker that asks for work */
    atom(int64_t) queued_ns;  /* heavy work waiting here, estimated at the last sample */
    /* what others saw at their last look: in which handler it was; and when it may be seized */
    atom(uint64_t) seen_acts;
    atom(int64_t) seize_ns;
    atom(uint32_t) seen_turn;
    atom(uint32_t) robbed_by; /* 0, or the id + 1 of who seized nearly all that were here */
} nohi_balance;

typedef struct nohi_worker nohi_worker;

/* The entry of a behavior, checked; NULL when its handler table is not sound. */
nohi_kind *nohi_policy_kind(nohi_worker *w, const noh_behavior *behavior);

/* Around each turn. */
void nohi_policy_sample_begin(nohi_worker *w);
void nohi_policy_sample_end(nohi_worker *w, nohi_actor *a);
/* In a sampled turn, of a world that is stepped: before its first message, or NULL. */
void nohi_policy_step(nohi_worker *w, nohi_actor *a, const nohi_message *message);
/* A turn in which somebody waited says nothing. */
void nohi_policy_sample_cancel(nohi_worker *w);

/* Rule 4: where a light actor goes that was woken from `sender` (or none), or NOHI_STAY. */
int nohi_policy_flow(nohi_worker *w, nohi_actor *a, noh_ref sender);

/* Rule 5: may `w` adopt actors of `home` while that sleeps? */
bool nohi_policy_may_adopt(const nohi_worker *w, const nohi_worker *home);

/* Rule 2, the thief: who has most heavy work waiting? NULL: nobody has enough. Reads nothing that is
 * private. */
nohi_worker *nohi_policy_victim(const nohi_worker *w);
/* Asks that one. True: worth looking again soon. */
bool nohi_policy_ask(nohi_worker *w, int64_t now_ns);
/* Rule 2, the owner: gives a share of its heavy work to the worker that asks. */
void nohi_policy_give(nohi_worker *w);

/* Rule 3. Before an idle worker sleeps: for how long it may, until it looks again. */
int64_t nohi_policy_lie_down(nohi_worker *w);
/* After its sleep: looks at the others, if that is its part. */
void nohi_policy_look(nohi_worker *w, int64_t now_ns);
/* It has work now, or somebody acts for it who has. */
void nohi_policy_get_up(nohi_worker *w);
/* Who acted for it has done, and its thread still sleeps. False: it must look itself, since somebody is
 * up, and nobody dozes. */
bool nohi_policy_lie_again(nohi_worker *w, nohi_posture before);
/* Work was left for a worker that is in a handler: somebody should watch. */
void nohi_policy_want_watcher(nohi_worker *w);

/* Rule 6: may the thread that acts for `w` run the next turn of `a` itself? */
bool nohi_policy_may_borrow(nohi_worker *w, nohi_actor *a);

/* Which worker runs what a plain thread spawns. */
nohi_worker *nohi_policy_home(nohi_worker *spawner);

#endif
