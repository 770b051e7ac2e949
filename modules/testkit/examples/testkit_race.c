/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* A race, found by its seed. Two clerks pay money into one account, and each of them reads it first and
 * writes it then: if one writes between the other's two steps, money is lost. On real threads that may
 * show once a month; here a few seeds are enough, and the one that shows it does so each time.
 * Build it with -lnoh_testkit. */
#include <noh/noh.h>
#include <noh/testkit.h>

NOH_MESSAGE(balance, (int64_t, cents));
NOH_REQUEST(look, balance);
NOH_REQUEST(change, balance, (int64_t, cents));
NOH_REQUEST(pay_in, balance, (noh_ref, account), (int64_t, cents));

typedef struct account {
    int64_t cents;
} account;

static noh_err on_look(noh_self *self, account *me, const look *m)
{
    return noh_reply(self, balance, .cents = me->cents);
}

static noh_err on_change(noh_self *self, account *me, const change *m)
{
    me->cents = m->cents;
    return noh_reply(self, balance, .cents = me->cents);
}

NOH_BEHAVIOR(account, NOH_ON(look, on_look), NOH_ON(change, on_change));

NOH_NO_STATE(clerk);

static noh_err on_pay_in(noh_self *self, clerk *me, const pay_in *m)
{
    balance b;
    noh_err err = noh_call(self, m->account, look, &b);
    if (err == NOH_OK) { /* the mistake: this is not what the account holds now */
        err = noh_call(self, m->account, change, &b, .cents = b.cents + m->cents);
    }
    return err != NOH_OK ? err : noh_reply(self, balance, .cents = b.cents);
}

NOH_BEHAVIOR(clerk, NOH_ON(pay_in, on_pay_in));

/* What main() would do. All that is new is the env. */
static noh_err bank(const noh_env *env, void *arg)
{
    noh_system *system;
    noh_options options = {.env = env, .workers = 2};
    noh_err err = noh_system_new(&options, &system);
    if (err != NOH_OK) {
        return err;
    }
    noh_self *self = noh_system_self(system);
    noh_ref mine = noh_spawn(self, account);
    noh_future paid[2];
    balance b;
    for (int i = 0; i < 2 && err == NOH_OK; i++) {
        noh_ref one = noh_spawn(self, clerk);
        err = noh_ask(self, one, pay_in, &paid[i], .account = mine, .cents = 50);
    }
    for (int i = 0; i < 2 && err == NOH_OK; i++) {
        err = noh_await(self, paid[i], balance, NOH_SECOND, &b);
    }
    if (err == NOH_OK) {
        err = noh_call(self, mine, look, &b);
    }
    noh_err freed = noh_system_free(system);
    *(int64_t *)arg = b.cents;
    return err != NOH_OK ? err : b.cents != 100 ? NOH_E_FAILED : freed;
}

int main(void)
{
    int64_t cents = 0;
    uint64_t seed = 0;
    noh_explore_options options = {.seeds = 1000, .arg = &cents, .ret_seed = &seed};
    if (noh_explore(bank, &options) == NOH_OK) { /* the report goes to stderr */
        printf("nothing was found\n");
        return 1;
    }
    printf("found\n");

    noh_sim *sim; /* once more, for a closer look */
    if (noh_sim_new(&sim) != NOH_OK) {
        return 1;
    }
    noh_err err = noh_sim_run(sim, &(noh_sim_options){.seed = seed}, bank, &cents, NULL);
    printf("%s: %lld cents in place of 100\n", noh_err_name(err), (long long)cents);
    noh_sim_print(sim, stderr);
    noh_sim_free(sim);
    return 0;
}

// expect: found
// expect: NOH_E_FAILED: 50 cents in place of 100
