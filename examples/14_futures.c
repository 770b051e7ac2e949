/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A pipeline with futures: a buyer asks several shops at once, says in a straight line what is to become
 * of their answers, and waits once. */
#include <noh/noh.h>

NOH_MESSAGE(offer, (noh_text, shop), (int32_t, cents), (int32_t, stock));
NOH_LIST(offers, offer);
NOH_MESSAGE(bill, (noh_text, shop), (int32_t, cents));
NOH_REQUEST(price_of, offer, (noh_text, what));
NOH_REQUEST(buy, bill, (int32_t, count));
NOH_MESSAGE(buy_later, (struct, noh_promise, done));

/* ---- shops -------------------------------------------------------------------------------- */

NOH_MESSAGE(shop_start, (int32_t, number), (int32_t, cents), (int32_t, stock));

typedef struct shop {
    shop_start has;
    char name[16];
} shop;

static noh_err shop_on_start(noh_self *self, shop *me, const shop_start *start)
{
    me->has = *start;
    snprintf(me->name, sizeof me->name, "shop %d", start->number);
    return NOH_OK;
}

static noh_err shop_on_price_of(noh_self *self, shop *me, const price_of *m)
{
    if (me->has.cents == 0) {
        return noh_reply_error(self, NOH_E_NOT_FOUND, "we have no tea");
    }
    return noh_reply(self, offer, .shop = me->name, .cents = me->has.cents, .stock = me->has.stock);
}

NOH_BEHAVIOR_WITH(shop, shop_start, shop_on_start, NOH_ON(price_of, shop_on_price_of));

/* ---- the buyer ---------------------------------------------------------------------------- */

typedef struct buyer {
    noh_ref shops[3];
    noh_promise done;
} buyer;

static noh_err buyer_on_start(noh_self *self, buyer *me, const noh_nothing *arguments)
{
    me->shops[0] = noh_spawn(self, shop, .number = 1, .cents = 320, .stock = 5);
    me->shops[1] = noh_spawn(self, shop, .number = 2, .cents = 250, .stock = 9);
    me->shops[2] = noh_spawn(self, shop, .number = 3, .cents = 190, .stock = 1);
    return NOH_OK;
}

static bool has_enough(noh_self *self, void *ctx, const offer *item)
{
    const int32_t *count = ctx;
    return item->stock >= *count;
}

static noh_err take_cheaper(noh_self *self, void *ctx, offer *so_far, const offer *item)
{
    if (so_far->shop == NULL || item->cents < so_far->cents) {
        *so_far = *item;
    }
    return NOH_OK;
}

static noh_err make_bill(noh_self *self, void *ctx, const offer *from, bill *to)
{
    const int32_t *count = ctx;
    if (from->shop == NULL) {
        return NOH_E_NOT_FOUND;
    }
    *to = (bill){.shop = from->shop, .cents = from->cents * *count};
    return NOH_OK;
}

/* All the shops at once; one deadline for all of it. */
static noh_err buyer_on_buy(noh_self *self, buyer *me, const buy *m)
{
    noh_future asked[3];
    for (int i = 0; i < 3; i++) {
        noh_err err = noh_ask(self, me->shops[i], price_of, &asked[i], .what = "tea");
        if (err != NOH_OK) {
            return err;
        }
    }
    int32_t count = m->count;
    offer nobody = {.shop = NULL};
    noh_future f;
    bill total;
    noh_err err = noh_future_join(self, asked, 3, offers, &f);
    if (err == NOH_OK) {
        err = noh_future_filter(self, f, offers, has_enough, &count, &f);
    }
    if (err == NOH_OK) {
        err = noh_future_reduce(self, f, offers, offer, take_cheaper, NULL, &nobody, &f);
    }
    if (err == NOH_OK) {
        err = noh_future_map(self, f, offer, bill, make_bill, &count, &f);
    }
    if (err == NOH_OK) {
        err = noh_await(self, f, bill, 5 * NOH_SECOND, &total);
    }
    if (err != NOH_OK) {
        return noh_reply_error(self, err, NULL);
    }
    return noh_reply_value(self, NOH_TYPE(bill), &total);
}

/* Then: nobody waits for this one, so it comes to on_bill. */
static noh_err buyer_on_buy_later(noh_self *self, buyer *me, const buy_later *m)
{
    static int32_t one = 1;
    noh_future f;
    me->done = m->done;
    noh_err err = noh_ask(self, me->shops[0], price_of, &f, .what = "tea");
    return err != NOH_OK ? err : noh_future_map(self, f, offer, bill, make_bill, &one, &f);
}

static noh_err buyer_on_bill(noh_self *self, buyer *me, const bill *m)
{
    return noh_promise_keep_value(self, me->done, NOH_TYPE(bill), m);
}

NOH_BEHAVIOR_WITH(buyer, noh_nothing, buyer_on_start, NOH_ON(buy, buyer_on_buy),
                  NOH_ON(buy_later, buyer_on_buy_later), NOH_ON(bill, buyer_on_bill));

/* ---- a plain thread does the same --------------------------------------------------------- */

static void ask_two_and_a_poor_one(noh_self *me)
{
    noh_ref shops[] = {noh_spawn(me, shop, .number = 4, .cents = 100, .stock = 1),
                       noh_spawn(me, shop, .number = 5, .cents = 200, .stock = 1),
                       noh_spawn(me, shop, .number = 6)};
    noh_future futures[3];
    offer answers[3];
    size_t which;
    for (int i = 0; i < 3; i++) {
        noh_ask(me, shops[i], price_of, &futures[i], .what = "tea");
    }
    if (noh_await_all(me, futures, 2, offer, NOH_SECOND, answers, NULL) == NOH_OK) {
        printf("%s and %s\n", answers[0].shop, answers[1].shop);
    }
    noh_ask(me, shops[0], price_of, &futures[0], .what = "tea");
    noh_future pair[2] = {futures[0], futures[2]};
    noh_err err = noh_await_all(me, pair, 2, offer, NOH_SECOND, answers, &which);
    printf("%s of number %zu: %s\n", noh_err_name(err), which, noh_error_text(me));

    int32_t sum = 0;
    for (int i = 0; i < 2; i++) {
        noh_ask(me, shops[i], price_of, &futures[i], .what = "tea");
    }
    while (noh_await_any(me, futures, 2, NOH_FOREVER, &which) == NOH_OK) { /* as they come */
        if (noh_await(me, futures[which], offer, 0, &answers[which]) == NOH_OK) {
            sum += answers[which].cents;
        }
    }
    printf("together %d\n", sum);
}

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref to = noh_spawn(me, buyer);
    bill total;
    if (noh_call(me, to, buy, &total, .count = 2) == NOH_OK) {
        printf("2 from %s: %d\n", total.shop, total.cents);
    }
    printf("100: %s\n", noh_err_name(noh_call(me, to, buy, &total, .count = 100)));

    /* A future that is set from outside, by whoever has the promise in the end. */
    noh_future f;
    noh_promise done;
    noh_future_open(me, bill, &f, &done);
    noh_tell(me, to, buy_later, .done = done);
    if (noh_await(me, f, bill, 5 * NOH_SECOND, &total) == NOH_OK) {
        printf("later, from %s: %d\n", total.shop, total.cents);
    }
    printf("again: %s\n", noh_err_name(noh_promise_fail(me, done, NOH_E_FAILED, NULL)));
    ask_two_and_a_poor_one(me);
    noh_system_free(system);
    return 0;
}

// expect: 2 from shop 2: 500
// expect: 100: NOH_E_NOT_FOUND
// expect: later, from shop 1: 320
// expect: again: NOH_E_ANSWERED
// expect: shop 4 and shop 5
// expect: NOH_E_NOT_FOUND of number 1: we have no tea
// expect: together 300
