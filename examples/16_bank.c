/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A bank transfer in straight-line code: the handler calls one account, then the other, tries again a
 * little later, and pays back when that fails, too. No thread waits, and none of it needs a lock. */
#include <noh/noh.h>

NOH_MESSAGE(balance, (int64_t, cents));
NOH_REQUEST(withdraw, balance, (int64_t, cents));
NOH_REQUEST(deposit, balance, (int64_t, cents));
NOH_REQUEST(transfer, balance, (noh_ref, from), (noh_ref, to), (int64_t, cents));

/* ---- accounts ----------------------------------------------------------------------------- */

NOH_MESSAGE(account_start, (int64_t, cents), (int64_t, limit));

typedef struct account {
    int64_t cents;
    int64_t limit; /* it holds no more */
} account;

static noh_err on_start(noh_self *self, account *me, const account_start *m)
{
    *me = (account){.cents = m->cents, .limit = m->limit};
    return NOH_OK;
}

static noh_err on_withdraw(noh_self *self, account *me, const withdraw *m)
{
    if (m->cents > me->cents) {
        return noh_reply_error(self, NOH_E_FAILED, "not enough money");
    }
    me->cents -= m->cents;
    return noh_reply(self, balance, .cents = me->cents);
}

static noh_err on_deposit(noh_self *self, account *me, const deposit *m)
{
    if (me->cents + m->cents > me->limit) {
        return noh_reply_error(self, NOH_E_FULL, "the account is full");
    }
    me->cents += m->cents;
    return noh_reply(self, balance, .cents = me->cents);
}

NOH_BEHAVIOR_WITH(account, account_start, on_start, NOH_ON(withdraw, on_withdraw),
                  NOH_ON(deposit, on_deposit));

/* ---- the bank ----------------------------------------------------------------------------- */

NOH_NO_STATE(bank);

static noh_err on_transfer(noh_self *self, bank *me, const transfer *m)
{
    balance left;
    balance there;
    noh_err err = noh_call(self, m->from, withdraw, &left, .cents = m->cents);
    if (err != NOH_OK) {
        return noh_reply_error(self, err, noh_error_text(self));
    }
    err = noh_call(self, m->to, deposit, &there, .cents = m->cents);
    if (err != NOH_OK && noh_sleep(self, NOH_MS) == NOH_OK) { /* perhaps it has room now */
        err = noh_call(self, m->to, deposit, &there, .cents = m->cents);
    }
    if (err == NOH_OK) {
        return noh_reply(self, balance, .cents = left.cents);
    }
    noh_err undone = noh_call(self, m->from, deposit, &left, .cents = m->cents);
    return undone != NOH_OK ? undone : noh_reply_error(self, err, "paid back");
}

NOH_BEHAVIOR(bank, NOH_ON(transfer, on_transfer));

static void move(noh_self *me, noh_ref bank, noh_ref from, noh_ref to, int64_t cents)
{
    balance left;
    noh_err err = noh_call(me, bank, transfer, &left, .from = from, .to = to, .cents = cents);
    if (err == NOH_OK) {
        printf("%d moved, %d left\n", (int)cents, (int)left.cents);
    } else {
        printf("%d not moved: %s, %s\n", (int)cents, noh_err_name(err), noh_error_text(me));
    }
}

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref desk = noh_spawn(me, bank);
    noh_ref ann = noh_spawn(me, account, .cents = 500, .limit = 1000);
    noh_ref bob = noh_spawn(me, account, .cents = 100, .limit = 400);
    move(me, desk, ann, bob, 200);
    move(me, desk, bob, ann, 301);
    move(me, desk, ann, bob, 150);
    move(me, desk, ann, bob, 100); /* what was paid back is there */
    noh_system_free(system);
    return 0;
}

// expect: 200 moved, 300 left
// expect: 301 not moved: NOH_E_FAILED, not enough money
// expect: 150 not moved: NOH_E_FULL, paid back
// expect: 100 moved, 200 left
