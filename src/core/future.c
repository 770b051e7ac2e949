/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Future: answers made of other answers, and waiting for several.
 *
 * Purpose     A derived future is an entry of the same table as an ask. Its sources, asks or derived
 *             ones themselves, belong to it from then on: their answers are kept until all are here,
 *             or one of them is an error; then it is here, too. Its function runs when it is awaited,
 *             or, in an actor, when nobody does: then its answer is handled like that of an ask.
 * Owner       The actor that asked.
 * Invariants  FUT-1  a source has one owner, and no future but its owner's use it.
 *             FUT-2  what a derived one is made of, is used once: the sources are closed with it.
 *             FUT-3  between its turns an actor has no derived future that is here and belongs to none:
 *                    the letter that would complete it lies in the queue. So somebody comes to
 *                    compute it.
 *             FUT-4  while a user's function runs, all is where noh_fail may leave it: sources with
 *                    their entries, what it writes with the description. It may not wait; but it may
 *                    ask, so that the table moves.
 *             FUT-5  an answer that was computed counts as sent by the actor to itself.
 *             FUT-6  who waits for several asks is seen to wait for one of them, and then for the next:
 *                    in the end for one that a circle holds up (circle.h). A circle through
 *                    noh_await_any is not found: any of them may end it.
 * Why not     computing as soon as the last answer comes: what comes to a handler that waits is looked at
 *             on the base, where no user's code may run. */
#include "future.h"

#include "circle.h"
#include "deadletter.h"
#include "reply.h"
#include "send.h"
#include "strand.h"
#include "system.h"

enum { NO_SOURCE = UINT32_MAX };

typedef enum kind {
    ALL, /* noh_await_all: takes the answers itself */
    JOIN,
    MAP,
    FILTER,
    REDUCE,
} kind;

struct nohi_derived {
    kind kind;
    uint32_t failed; /* number + 1 of a source that is an error, or 0 */
    uint32_t left;   /* sources that are still to come */
    uint32_t count;  /* of `sources` that were not given up */
    uint32_t room;
    uint32_t done;        /* sources before this one are no derived ones that are to be computed */
    uint32_t ahead;       /* sources from this one on are here: find_open */
    const noh_type *from; /* of each source's answer; or of an item */
    const noh_type *to;   /* of the answer */
    union {
        noh_future_map_fn *map;
        noh_future_filter_fn *filter;
        noh_future_reduce_fn *reduce;
    };
    void *ctx;
    nohi_message *scratch; /* what a function writes; REDUCE: begins with the initial value */
    uint32_t sources[];
};

static size_t derived_bytes(uint32_t count)
{
    return sizeof(nohi_derived) + count * sizeof(uint32_t);
}

void nohi_future_free(nohi_worker *w, nohi_derived *d)
{
    if (d->scratch != NULL) {
        nohi_message_free_block(&w->pool, d->scratch);
    }
    nohi_free(&w->system->env, d, derived_bytes(d->room));
}

static bool is_complete(const nohi_derived *d)
{
    return d->left == 0 || d->failed != 0;
}

bool nohi_future_is_here(const nohi_asks *asks, uint32_t number)
{
    const nohi_ask *entry = &asks->entries[number];
    return entry->state == NOHI_ASK_KEPT ||
           (entry->state == NOHI_ASK_DERIVED && is_complete(entry->derived));
}

/* ---- what arrives ------------------------------------------------------------------------- */

/* The answer of `number` comes, or is looked at. The future that is here by it, + 1, or 0. */
static uint32_t climb(nohi_asks *asks, uint32_t number, bool failed, bool comes)
{
    for (;;) {
        uint32_t owner = asks->entries[number].owner;
        if (owner == 0) {
            return number + 1;
        }
        nohi_derived *d = asks->entries[owner - 1].derived;
        if (is_complete(d)) {
            return 0;
        }
        bool completes = failed || d->left == 1;
        if (comes && failed) {
            d->failed = number + 1;
        } else if (comes) {
            d->left--;
        }
        if (!completes) {
            return 0;
        }
        number = owner - 1;
    }
}

static uint32_t keep(nohi_worker *w, nohi_asks *asks, nohi_message *answer)
{
    uint32_t number = answer->number;
    bool failed = answer->kind == NOHI_ERROR;
    nohi_ask_keep(w, asks, number, answer);
    return climb(asks, number, failed, true);
}

void nohi_future_keep(nohi_worker *w, nohi_actor *a, nohi_message *answer)
{
    (void)keep(w, a->extra->asks, answer);
}

nohi_meeting nohi_future_meets(nohi_actor *a, const nohi_message *answer, uint32_t *ret_number)
{
    nohi_asks *asks = a->extra->asks;
    uint32_t root = answer->number;
    if (asks->entries[root].state != NOHI_ASK_OPEN) {
        return NOHI_STRANGER;
    }
    while (asks->entries[root].owner != 0) {
        root = asks->entries[root].owner - 1;
    }
    if (!asks->entries[root].is_wanted) {
        return NOHI_STRANGER;
    }
    *ret_number = root;
    bool failed = answer->kind == NOHI_ERROR;
    return climb(asks, answer->number, failed, false) != 0 ? NOHI_WHOLE : NOHI_PART;
}

bool nohi_future_arrived(nohi_worker *w, nohi_actor *a, nohi_message **message,
                         noh_future *ret_future)
{
    nohi_asks *asks = a->extra->asks;
    uint32_t root = keep(w, asks, *message);
    *message = NULL;
    if (nohi_actor_behavior(a) == NULL) {
        return false;
    }
    if (root != 0) { /* FUT-3 */
        *ret_future = nohi_ask_future(asks, root - 1);
        w->self->message = NULL;          /* nothing in hand, should the function fail: */
        nohi_lease_count_sent(&w->lease); /* then this counts as handled */
        nohi_future_compute(w->self, root - 1);
        *message = nohi_ask_take(w, a->extra->asks, root - 1);
    }
    return true;
}

/* ---- giving up ---------------------------------------------------------------------------- */

static void drop_one(nohi_worker *w, nohi_asks *asks, uint32_t number)
{
    if (asks->entries[number].state == NOHI_ASK_DERIVED) {
        nohi_future_free(w, asks->entries[number].derived);
        nohi_ask_close(asks, number);
    } else {
        nohi_ask_give_up(w, asks, number);
    }
}

/* The next source of an entry, which it has no more then; NO_SOURCE: there is none. */
static uint32_t pop_source(const nohi_ask *entry)
{
    uint32_t source = NO_SOURCE;
    if (entry->state == NOHI_ASK_DERIVED) {
        nohi_derived *d = entry->derived;
        while (source == NO_SOURCE && d->count > 0) {
            source = d->sources[--d->count];
        }
    }
    return source;
}

/* Without recursion: futures may be derived from each other as deep as the table is large. */
void nohi_future_drop(nohi_worker *w, nohi_asks *asks, uint32_t root)
{
    uint32_t number = root;
    for (;;) {
        uint32_t source = pop_source(&asks->entries[number]);
        if (source != NO_SOURCE) {
            number = source;
            continue;
        }
        uint32_t owner = asks->entries[number].owner;
        drop_one(w, asks, number);
        if (number == root) {
            return;
        }
        number = owner - 1;
    }
}

static void drop_sources(nohi_worker *w, nohi_asks *asks, uint32_t number)
{
    uint32_t source;
    while ((source = pop_source(&asks->entries[number])) != NO_SOURCE) {
        nohi_future_drop(w, asks, source);
    }
}

/* ---- computing ---------------------------------------------------------------------------- */

static nohi_asks *asks_of(noh_self *self)
{
    return self->actor->extra->asks;
}

static nohi_message *answer_of(noh_self *self, const nohi_derived *d, uint32_t i)
{
    return asks_of(self)->entries[d->sources[i]].answer;
}

/* Takes the answer of a source out of it: it counts as handled. */
static nohi_message *take_source(noh_self *self, nohi_derived *d, uint32_t i)
{
    uint32_t number = d->sources[i];
    d->sources[i] = NO_SOURCE;
    bump(&self->worker->counts.handled);
    return nohi_ask_take(self->worker, asks_of(self), number);
}

static uint32_t index_of(const nohi_derived *d, uint32_t number)
{
    uint32_t i = 0;
    while (d->sources[i] != number) {
        i++;
    }
    return i;
}

static bool is_of(const nohi_message *answer, const noh_type *type)
{
    return answer->type == type || noh_type_equal(answer->type, type);
}

/* What a list message has items of, or NULL: it is none. */
static const noh_type *item_of(const noh_type *list)
{
    if (list == NULL || list->field_count != 1) {
        return NULL;
    }
    const noh_field *field = &list->fields[0];
    return field->shape == NOH_SHAPE_LIST && field->kind == NOH_KIND_STRUCT ? field->type : NULL;
}

static bool is_list_of(const nohi_message *answer, const noh_type *item)
{
    const noh_type *type = item_of(answer->type);
    return type != NULL && noh_type_equal(type, item);
}

/* An error in place of a source's answer: needs no memory. */
static nohi_message *error_of(noh_self *self, nohi_derived *d, uint32_t i, noh_err err)
{
    nohi_message *error = take_source(self, d, i);
    return nohi_message_to_error(&self->worker->pool, error, err, NULL);
}

static nohi_message *scratch_of(noh_self *self, nohi_derived *d, const noh_type *type, size_t size)
{
    d->scratch = nohi_message_block(&self->worker->pool, size, NOHI_ANSWER, 0);
    if (d->scratch != NULL) {
        d->scratch->type = type;
        memset(nohi_message_body(d->scratch), 0, size);
    }
    return d->scratch;
}

static void drop_box(void *ctx, const noh_field *field, void *at)
{
    noh_box *box = at;
    (void)ctx;
    if (field->kind == NOH_KIND_BOX && box->drop != NULL) {
        box->drop(box->data, box->size);
    }
}

/* What a function has written becomes an answer, with all that it points to. NULL: `*ret_err` says why. */
static nohi_message *answer_of_scratch(noh_self *self, nohi_derived *d, noh_err *ret_err)
{
    nohi_message *scratch = d->scratch;
    if (d->to->needs == 0) {
        d->scratch = NULL;
        return scratch;
    }
    nohi_message *answer = NULL;
    void *value = nohi_message_body(scratch);
    *ret_err = nohi_message_new(&self->worker->pool, d->to, value, NOHI_ANSWER, 0, &answer);
    if (answer == NULL) {
        nohi_type_owned(d->to, value, drop_box, NULL);
    }
    return answer;
}

static nohi_message *compute_map(noh_self *self, nohi_derived *d)
{
    nohi_message *source = answer_of(self, d, 0);
    nohi_message *answer = NULL;
    noh_err err = NOH_E_NOMEM;
    if (!is_of(source, d->from)) {
        err = NOH_E_WRONG_TYPE;
    } else if (scratch_of(self, d, d->to, d->to->size) != NULL) {
        err = d->map(self, d->ctx, nohi_message_body(source), nohi_message_body(d->scratch));
    }
    if (err == NOH_OK) {
        answer = answer_of_scratch(self, d, &err);
    }
    if (answer == NULL) {
        return error_of(self, d, 0, err);
    }
    nohi_message_free(&self->worker->pool, take_source(self, d, 0));
    return answer;
}

/* One list of copies, which is copied once more, with all that they point to. */
static nohi_message *list_of(noh_self *self, nohi_derived *d, noh_err *ret_err)
{
    size_t size = d->from->size;
    nohi_message *answer = NULL;
    if (scratch_of(self, d, NULL, size * d->count) == NULL) {
        *ret_err = NOH_E_NOMEM;
        return NULL;
    }
    char *items = nohi_message_body(d->scratch);
    for (uint32_t i = 0; i < d->count; i++) {
        nohi_message *source = answer_of(self, d, i);
        if (!is_of(source, d->from)) {
            *ret_err = NOH_E_WRONG_TYPE;
            return NULL;
        }
        memcpy(items + i * size, nohi_message_body(source), size);
    }
    noh_list list = {items, d->count};
    *ret_err = nohi_message_new_deep(&self->worker->pool, d->to, &list, NOHI_ANSWER, 0, &answer);
    return answer;
}

static nohi_message *compute_join(noh_self *self, nohi_derived *d)
{
    noh_err err;
    nohi_message *answer = list_of(self, d, &err);
    if (answer == NULL) {
        answer = error_of(self, d, 0, err);
        for (uint32_t i = 1; i < d->count; i++) {
            nohi_message_free(&self->worker->pool, take_source(self, d, i));
        }
        return answer;
    }
    for (uint32_t i = 0; i < d->count; i++) { /* their boxes are the list's now */
        nohi_message_unmake(&self->worker->pool, take_source(self, d, i));
    }
    return answer;
}

static void swap_bytes(char *a, char *b, size_t size)
{
    for (size_t i = 0; a != b && i < size; i++) {
        char c = a[i];
        a[i] = b[i];
        b[i] = c;
    }
}

/* In place: those that pass are put before the others, which are dropped. */
static nohi_message *compute_filter(noh_self *self, nohi_derived *d)
{
    nohi_message *source = answer_of(self, d, 0);
    if (!is_of(source, d->to)) {
        return error_of(self, d, 0, NOH_E_WRONG_TYPE);
    }
    noh_list *list = nohi_message_body(source);
    char *items = (char *)(uintptr_t)list->items; /* in the message's own block */
    size_t size = d->from->size;
    size_t passed = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (d->filter(self, d->ctx, items + i * size)) {
            swap_bytes(items + passed++ * size, items + i * size, size); /* FUT-4 */
        }
    }
    for (size_t i = passed; i < list->count; i++) {
        nohi_message_drop_value(d->from, items + i * size);
    }
    list->count = passed;
    return take_source(self, d, 0);
}

static nohi_message *compute_reduce(noh_self *self, nohi_derived *d)
{
    nohi_message *source = answer_of(self, d, 0);
    if (!is_list_of(source, d->from)) {
        return error_of(self, d, 0, NOH_E_WRONG_TYPE);
    }
    nohi_message *answer = NULL;
    const noh_list *list = nohi_message_body(source);
    const char *items = list->items;
    noh_err err = NOH_OK;
    for (size_t i = 0; i < list->count && err == NOH_OK; i++) {
        err = d->reduce(self, d->ctx, nohi_message_body(d->scratch), items + i * d->from->size);
    }
    if (err == NOH_OK) {
        answer = answer_of_scratch(self, d, &err);
    }
    if (answer == NULL) {
        return error_of(self, d, 0, err);
    }
    nohi_message_free(&self->worker->pool, take_source(self, d, 0));
    return answer;
}

static nohi_message *(*const compute_kind[])(noh_self *self, nohi_derived *d) = {
    [JOIN] = compute_join,
    [MAP] = compute_map,
    [FILTER] = compute_filter,
    [REDUCE] = compute_reduce,
};

/* Its sources are here, and computed, or one of them is an error. */
static void compute_one(noh_self *self, uint32_t number)
{
    nohi_derived *d = asks_of(self)->entries[number].derived;
    nohi_worker *w = self->worker;
    nohi_message *answer;
    if (d->failed != 0) {
        answer = take_source(self, d, index_of(d, d->failed - 1));
    } else {
        self->bound = true;
        answer = compute_kind[d->kind](self, d);
        self->bound = false;
        answer->from = self->ref;
    }
    nohi_asks *asks = asks_of(self); /* FUT-4: it may have moved */
    drop_sources(w, asks, number);
    nohi_future_free(w, d);
    answer->number = number & NOHI_NUMBER_MAX;
    answer->generation = nohi_ref_generation(self->ref);
    nohi_ask_keep(w, asks, number, answer);
    uint32_t owner = asks->entries[number].owner;
    if (answer->kind == NOHI_ERROR && owner != 0 && owner != number + 1) {
        asks->entries[owner - 1].derived->failed = number + 1;
    }
}

/* A source that is to be computed before `d`, or NO_SOURCE. */
static uint32_t next_inner(const nohi_asks *asks, nohi_derived *d)
{
    if (d->failed != 0) {
        return asks->entries[d->failed - 1].state == NOHI_ASK_DERIVED ? d->failed - 1 : NO_SOURCE;
    }
    for (; d->done < d->count; d->done++) {
        if (asks->entries[d->sources[d->done]].state == NOHI_ASK_DERIVED) {
            return d->sources[d->done];
        }
    }
    return NO_SOURCE;
}

/* All that `root` is made of, the innermost first. */
static void compute_sources(noh_self *self, uint32_t root)
{
    uint32_t number = root;
    asks_of(self)->entries[root].owner = root + 1; /* FUT-1: spent, for the functions */
    for (;;) {
        uint32_t inner = next_inner(asks_of(self), asks_of(self)->entries[number].derived);
        if (inner != NO_SOURCE) {
            number = inner;
        } else if (number == root) {
            return;
        } else {
            uint32_t owner = asks_of(self)->entries[number].owner;
            compute_one(self, number);
            nohi_lease_count_sent(&self->worker->lease); /* FUT-5 */
            number = owner - 1;
        }
    }
}

void nohi_future_compute(noh_self *self, uint32_t number)
{
    compute_sources(self, number);
    compute_one(self, number);
}

/* ---- deriving ----------------------------------------------------------------------------- */

/* Takes over one source. False: it was used up, or it is in twice. */
static bool take_over(noh_self *self, nohi_derived *d, uint32_t number, noh_future future)
{
    uint32_t source;
    nohi_ask *entry = nohi_ask_of(self->actor, future, &source);
    if (entry == NULL || source == number) {
        return false;
    }
    d->sources[d->count++] = source;
    entry->owner = number + 1;
    bool here = nohi_future_is_here(asks_of(self), source);
    d->left += !here;
    if (here && (entry->state == NOHI_ASK_DERIVED ? entry->derived->failed != 0
                                                  : entry->answer->kind == NOHI_ERROR)) {
        d->failed = source + 1;
    }
    return true;
}

/* A future that is made of others as `recipe` says. Errors: NOMEM, LIMIT, SPENT. */
static noh_err derive(noh_self *self, const nohi_derived *recipe, const noh_future *futures,
                      size_t count, uint32_t *ret_number, noh_future *ret_future)
{
    if (count > NOHI_NUMBER_MAX) {
        return NOH_E_LIMIT;
    }
    nohi_worker *w = self->worker;
    nohi_derived *d = nohi_alloc(&w->system->env, derived_bytes((uint32_t)count));
    if (d == NULL) {
        return NOH_E_NOMEM;
    }
    *d = *recipe;
    d->room = (uint32_t)count;
    uint32_t number;
    noh_future future;
    noh_err err = nohi_ask_open(w, self->actor, &number, &future);
    if (err != NOH_OK) {
        d->scratch = NULL;
        nohi_future_free(w, d);
        return err;
    }
    nohi_asks *asks = asks_of(self);
    asks->entries[number].state = NOHI_ASK_DERIVED;
    asks->entries[number].derived = d;
    while (d->count < count) {
        if (!take_over(self, d, number, futures[d->count])) {
            while (d->count > 0) {
                asks->entries[d->sources[--d->count]].owner = 0;
            }
            d->scratch = NULL;
            drop_one(w, asks, number);
            return NOH_E_SPENT;
        }
    }
    d->ahead = d->count;
    *ret_number = number;
    *ret_future = future;
    return NOH_OK;
}

/* The same, for the user. */
static noh_err derive_one(noh_self *self, const nohi_derived *recipe, const noh_future *futures,
                          size_t count, noh_future *ret_future)
{
    uint32_t number;
    return derive(self, recipe, futures, count, &number, ret_future);
}

static bool has_actor(const noh_self *self)
{
    return self != NULL && self->actor != NULL;
}

noh_err noh_future_map_value(noh_self *self, noh_future future, const noh_type *from,
                             const noh_type *to, noh_future_map_fn *fn, void *ctx,
                             noh_future *ret_future)
{
    if (!has_actor(self) || from == NULL || to == NULL || fn == NULL || ret_future == NULL) {
        return NOH_E_INVAL;
    }
    return derive_one(self,
                      &(nohi_derived){.kind = MAP, .from = from, .to = to, .map = fn, .ctx = ctx},
                      &future, 1, ret_future);
}

noh_err noh_future_join_value(noh_self *self, const noh_future *futures, size_t count,
                              const noh_type *list, noh_future *ret_future)
{
    const noh_type *item = item_of(list);
    if (!has_actor(self) || futures == NULL || count == 0 || item == NULL || ret_future == NULL) {
        return NOH_E_INVAL;
    }
    return derive_one(self, &(nohi_derived){.kind = JOIN, .from = item, .to = list}, futures, count,
                      ret_future);
}

noh_err noh_future_filter_value(noh_self *self, noh_future future, const noh_type *list,
                                noh_future_filter_fn *fn, void *ctx, noh_future *ret_future)
{
    const noh_type *item = item_of(list);
    if (!has_actor(self) || item == NULL || fn == NULL || ret_future == NULL) {
        return NOH_E_INVAL;
    }
    return derive_one(
        self, &(nohi_derived){.kind = FILTER, .from = item, .to = list, .filter = fn, .ctx = ctx},
        &future, 1, ret_future);
}

noh_err noh_future_reduce_value(noh_self *self, noh_future future, const noh_type *list,
                                const noh_type *to, noh_future_reduce_fn *fn, void *ctx,
                                const void *initial, noh_future *ret_future)
{
    const noh_type *item = item_of(list);
    if (!has_actor(self) || item == NULL || to == NULL || fn == NULL || initial == NULL ||
        ret_future == NULL || (to->needs & NOH_NEEDS_RELEASE) != 0) {
        return NOH_E_INVAL;
    }
    nohi_pool_cache *pool = &self->worker->pool;
    nohi_message *value;
    noh_err err = nohi_message_new(pool, to, initial, NOHI_ANSWER, 0, &value);
    if (err != NOH_OK) {
        return err;
    }
    const nohi_derived recipe = {
        .kind = REDUCE, .from = item, .to = to, .reduce = fn, .ctx = ctx, .scratch = value};
    err = derive_one(self, &recipe, &future, 1, ret_future);
    if (err != NOH_OK) {
        nohi_message_free_block(pool, value);
    }
    return err;
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* Of the asks that `root` still needs the newest: it may well be the last to come. `root`: none that
 * somebody is known to answer. */
static uint32_t find_open(nohi_asks *asks, uint32_t root)
{
    uint32_t number = root;
    for (;;) {
        nohi_ask *entry = &asks->entries[number];
        if (entry->state == NOHI_ASK_OPEN && !entry->is_outside) {
            return number;
        }
        if (entry->state == NOHI_ASK_DERIVED && entry->derived->ahead > 0) {
            number = entry->derived->sources[entry->derived->ahead - 1];
        } else if (number == root) {
            return root;
        } else {
            number = entry->owner - 1;
            asks->entries[number].derived->ahead--;
        }
    }
}

void nohi_future_aim(nohi_actor *a, nohi_wait *wait)
{
    nohi_asks *asks = a->extra->asks;
    if (wait->kind != NOHI_WAIT_DERIVED ||
        (wait->number != wait->root && asks->entries[wait->number].state == NOHI_ASK_OPEN)) {
        return;
    }
    wait->number = find_open(asks, wait->root);
    wait->on = asks->entries[wait->number].to;
    wait->type = asks->entries[wait->number].type;
    wait->asked = wait->asked || nohi_ask_is_asked(wait->self); /* FUT-6 */
    nohi_seat_aim(wait);
}

static bool is_here(nohi_worker *w, void *ctx)
{
    nohi_wait *wait = ctx;
    if (wait->over || nohi_future_is_here(w->own->extra->asks, wait->root)) {
        return true;
    }
    nohi_future_aim(w->own, wait);
    return false;
}

noh_err nohi_future_wait(noh_self *self, uint32_t number, int64_t timeout_ns)
{
    if (nohi_future_is_here(asks_of(self), number)) {
        return NOH_OK;
    }
    nohi_wait wait = {.kind = NOHI_WAIT_DERIVED, .self = self, .root = number, .number = number};
    nohi_future_aim(self->actor, &wait);
    if (!self->in_handler) {
        noh_err err = nohi_ask_wait_on_thread(self, &wait, timeout_ns, is_here);
        return nohi_future_is_here(asks_of(self), number) ? NOH_OK : err;
    }
    asks_of(self)->entries[number].is_wanted = true;
    noh_err err = nohi_strand_wait(self, &wait, timeout_ns);
    asks_of(self)->entries[number].is_wanted = false;
    return err;
}

/* The first source that is an error, or of another type; else `count`. */
static uint32_t first_bad(noh_self *self, const nohi_derived *d)
{
    uint32_t i = 0;
    if (d->failed != 0) {
        return index_of(d, d->failed - 1);
    }
    while (i < d->count && is_of(answer_of(self, d, i), d->from)) {
        i++;
    }
    return i;
}

/* All are here: writes them, or says which is an error. */
static noh_err read_all(noh_self *self, uint32_t number, char *answers, size_t *ret_failed)
{
    nohi_derived *d = asks_of(self)->entries[number].derived;
    size_t size = d->from->size;
    uint32_t count = d->count;
    uint32_t bad = first_bad(self, d);
    noh_err err = NOH_OK;
    self->error_text[0] = 0;
    for (uint32_t i = bad < count ? bad : 0; i < count && err == NOH_OK; i++) {
        err = nohi_ask_read(self, take_source(self, d, i), d->from, answers + i * size);
    }
    if (bad < count && ret_failed != NULL) {
        *ret_failed = bad;
    }
    return err;
}

static void cancel_all(noh_self *self, const noh_future *futures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)noh_future_cancel(self, futures[i]);
    }
}

noh_err noh_await_all_value(noh_self *self, const noh_future *futures, size_t count,
                            const noh_type *type, int64_t timeout_ns, void *ret_answers,
                            size_t *ret_failed)
{
    if (!has_actor(self) || type == NULL || timeout_ns < 0 ||
        (count > 0 && (futures == NULL || ret_answers == NULL))) {
        return NOH_E_INVAL;
    }
    if (!nohi_self_may_wait(self)) {
        return NOH_E_CONTEXT;
    }
    if (count == 0) {
        return NOH_OK;
    }
    uint32_t number;
    noh_future all;
    noh_err err =
        derive(self, &(nohi_derived){.kind = ALL, .from = type}, futures, count, &number, &all);
    if (err != NOH_OK) {
        cancel_all(self, futures, count);
        return err;
    }
    nohi_self_drop_answer(self);
    nohi_self_drop_circle(self->worker, self);
    err = nohi_future_wait(self, number, timeout_ns);
    if (err == NOH_OK) {
        compute_sources(self, number);
        err = read_all(self, number, ret_answers, ret_failed);
    }
    nohi_future_drop(self->worker, asks_of(self), number);
    return err;
}

typedef struct several {
    const noh_future *futures;
    size_t count;
    size_t index;
} several;

/* Marks those that can be waited for. How many? */
static size_t want(noh_self *self, const several *any, bool wanted)
{
    size_t usable = 0;
    for (size_t i = 0; i < any->count; i++) {
        uint32_t number;
        nohi_ask *entry = nohi_ask_of(self->actor, any->futures[i], &number);
        if (entry != NULL) {
            entry->is_wanted = wanted;
            usable++;
        }
    }
    return usable;
}

static bool is_any_here(nohi_worker *w, void *ctx)
{
    several *any = ctx;
    for (any->index = 0; any->index < any->count; any->index++) {
        uint32_t number;
        if (nohi_ask_of(w->own, any->futures[any->index], &number) != NULL &&
            nohi_future_is_here(w->own->extra->asks, number)) {
            return true;
        }
    }
    return false;
}

static noh_err await_any_in_handler(noh_self *self, several *any, int64_t timeout_ns)
{
    nohi_wait wait = {.kind = NOHI_WAIT_ANY};
    noh_err err = nohi_strand_wait(self, &wait, timeout_ns);
    (void)want(self, any, false);
    if (err == NOH_OK) {
        uint64_t bits = nohi_ask_future(asks_of(self), wait.root).bits;
        for (any->index = 0; any->futures[any->index].bits != bits;) {
            any->index++;
        }
    }
    return err;
}

noh_err noh_await_any(noh_self *self, const noh_future *futures, size_t count, int64_t timeout_ns,
                      size_t *ret_index)
{
    if (!has_actor(self) || (futures == NULL && count > 0) || timeout_ns < 0 || ret_index == NULL) {
        return NOH_E_INVAL;
    }
    if (!nohi_self_may_wait(self)) {
        return NOH_E_CONTEXT;
    }
    several any = {futures, count, 0};
    if (want(self, &any, self->in_handler) == 0) {
        return NOH_E_SPENT;
    }
    noh_err err = self->in_handler ? await_any_in_handler(self, &any, timeout_ns)
                                   : nohi_thread_wait(self->worker, timeout_ns, is_any_here, &any);
    if (err == NOH_OK) {
        *ret_index = any.index;
    }
    return err;
}
