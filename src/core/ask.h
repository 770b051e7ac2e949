/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The table of an actor's open asks, as those see it who answer for it: reply.c, future.c, promise.c. */
#ifndef NOHI_ASK_H
#define NOHI_ASK_H

#include "worker.h"

typedef struct nohi_derived nohi_derived;

typedef enum nohi_ask_state {
    NOHI_ASK_FREE,
    NOHI_ASK_OPEN,
    NOHI_ASK_KEPT,     /* the answer is here, and waits to be awaited */
    NOHI_ASK_DERIVED,  /* its answer is to be made of those of others: future.c */
    NOHI_ASK_GIVEN_UP, /* the answer is still on its way; nobody wants it */
} nohi_ask_state;

typedef struct nohi_ask {
    union {
        nohi_message *answer;  /* KEPT */
        nohi_derived *derived; /* DERIVED */
        uint32_t place;        /* OPEN, is_outside: of its record (promise.c) */
    };
    noh_ref to;           /* who is to answer */
    const noh_type *type; /* of the request, or of the answer of one without; NULL: a join */
    uint32_t serial;      /* tells the uses of an entry apart, for futures */
    union {
        uint32_t next_free; /* FREE: number + 1 of the next one */
        uint32_t owner;     /* else: number + 1 of the derived one that has taken it over, or 0 */
    };
    uint8_t state;
    bool is_outside; /* OPEN: no request is on its way, who has the promise answers */
    bool is_wanted;  /* a handler waits for it: nohi_future_meets */
} nohi_ask;

struct nohi_asks {
    uint32_t capacity;
    uint32_t free_first; /* number + 1 */
    uint32_t serial;
    uint32_t joins; /* those that were given up */
    uint32_t open;
    nohi_ask entries[];
};

NOHI_INLINE noh_future nohi_ask_future(const nohi_asks *asks, uint32_t number)
{
    return (noh_future){(uint64_t)asks->entries[number].serial << 32 | (number + 1)};
}

/* The entry a future means, if it was not used up, nor taken over. */
nohi_ask *nohi_ask_of(nohi_actor *a, noh_future future, uint32_t *ret_number);
/* Its answer is here. */
void nohi_ask_keep(nohi_worker *w, nohi_asks *asks, uint32_t number, nohi_message *answer);
/* Takes an answer that was kept; the entry is free. */
nohi_message *nohi_ask_take(nohi_worker *w, nohi_asks *asks, uint32_t number);
/* Nobody wants the answer of an entry, OPEN or KEPT, any more. */
void nohi_ask_give_up(nohi_worker *w, nohi_asks *asks, uint32_t number);
/* The entry is free. */
NOHI_INLINE void nohi_ask_close(nohi_asks *asks, uint32_t number)
{
    nohi_ask *entry = &asks->entries[number];
    entry->state = NOHI_ASK_FREE;
    entry->next_free = asks->free_first;
    asks->free_first = number + 1;
    asks->open--;
}

/* Has this self something to answer, or may it have: can a wait of it close a circle? */
bool nohi_ask_is_asked(const noh_self *self);
/* Waits on a plain thread until `done`, with `wait` seen by others. TIMEOUT, CYCLE; `done` is to be looked
 * at again. */
noh_err nohi_ask_wait_on_thread(noh_self *self, nohi_wait *wait, int64_t timeout_ns,
                                bool (*done)(nohi_worker *w, void *wait));

/* An awaited answer of `type`, which is self's now: copies it out, or gives its error. */
noh_err nohi_ask_read(noh_self *self, nohi_message *answer, const noh_type *type, void *ret_answer);

#endif
