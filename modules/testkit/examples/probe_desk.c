/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The unit test of an actor, without sleeping: what it sends to its colleague goes to a probe. */
#include <noh/testkit.h>

NOH_MESSAGE(receipt, (int64_t, cents));
NOH_REQUEST(charge, receipt, (noh_text, who), (int64_t, cents));
NOH_REQUEST(order, receipt, (noh_text, who), (int64_t, cups));

/* ---- the actor: 3 Euro a cup, the tenth is free -------------------------------------------- */

NOH_MESSAGE(cafe_start, (noh_ref, cashier));

typedef struct cafe {
    noh_ref cashier;
    int64_t sold;
} cafe;

static noh_err on_start(noh_self *self, cafe *me, const cafe_start *m)
{
    me->cashier = m->cashier;
    return NOH_OK;
}

static noh_err on_order(noh_self *self, cafe *me, const order *m)
{
    int64_t before = me->sold / 10;
    me->sold += m->cups;
    int64_t paid_cups = m->cups - (me->sold / 10 - before);
    receipt r;
    noh_err err = noh_call(self, me->cashier, charge, &r, .who = m->who, .cents = 300 * paid_cups);
    return err != NOH_OK ? err : noh_reply(self, receipt, .cents = r.cents);
}

NOH_BEHAVIOR_WITH(cafe, cafe_start, on_start, NOH_ON(order, on_order));

/* ---- its test ----------------------------------------------------------------------------- */

static bool test_the_tenth_cup_is_free(noh_self *me)
{
    noh_probe *cashier;
    if (noh_probe_new(me, &cashier) != NOH_OK) {
        return false;
    }
    noh_ref place = noh_spawn(me, cafe, .cashier = noh_probe_ref(cashier));
    noh_future paid;
    const charge *c = NULL;
    receipt r = {0};
    bool right = noh_ask(me, place, order, &paid, .who = "Ada", .cups = 11) == NOH_OK &&
                 noh_probe_expect(me, cashier, charge, NOH_SECOND, &c) == NOH_OK &&
                 c->cents == 3000 &&
                 noh_probe_reply(me, cashier, receipt, .cents = 3000) == NOH_OK &&
                 noh_await(me, paid, receipt, NOH_SECOND, &r) == NOH_OK && r.cents == 3000 &&
                 noh_probe_expect_none(me, cashier, NOH_MS) == NOH_OK;
    noh_probe_free(me, cashier);
    return right;
}

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    bool right = test_the_tenth_cup_is_free(noh_system_self(system));
    printf("the tenth cup is free: %s\n", right ? "ok" : "not ok");
    return noh_system_free(system) == NOH_OK && right ? 0 : 1;
}

// expect: the tenth cup is free: ok
