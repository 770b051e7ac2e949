/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Asking: a request names its answer, so a call is checked by the compiler. */
#include <noh/noh.h>

NOH_MESSAGE(sum, (double, value));
NOH_REQUEST(add, sum, (double, a), (double, b)); /* an add is answered with a sum */
NOH_REQUEST(last, sum);
NOH_REQUEST(divide, sum, (double, a), (double, b));

typedef struct calculator {
    double last;
} calculator;

static noh_err on_add(noh_self *self, calculator *me, const add *m)
{
    me->last = m->a + m->b;
    return noh_reply(self, sum, .value = me->last);
}

static noh_err on_last(noh_self *self, calculator *me, const last *m)
{
    return noh_reply(self, sum, .value = me->last);
}

static noh_err on_divide(noh_self *self, calculator *me, const divide *m)
{
    if (m->b == 0) {
        return noh_reply_error(self, NOH_E_INVAL, "division by zero"); /* the actor lives on */
    }
    me->last = m->a / m->b;
    return noh_reply(self, sum, .value = me->last);
}

NOH_BEHAVIOR(calculator, NOH_ON(add, on_add), NOH_ON(last, on_last), NOH_ON(divide, on_divide));

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref calc = noh_spawn(me, calculator);

    sum answer;
    if (noh_call(me, calc, add, &answer, .a = 1, .b = 3) == NOH_OK) {
        printf("1 + 3 = %g\n", answer.value);
    }
    noh_err err = noh_call(me, calc, divide, &answer, .a = 1);
    printf("1 / 0: %s, \"%s\"\n", noh_err_name(err), noh_error_text(me));

    noh_future first;
    noh_future second; /* two questions on their way at once */
    noh_ask(me, calc, add, &first, .a = 20, .b = 20);
    noh_ask(me, calc, last, &second);
    if (noh_await(me, second, sum, NOH_SECOND, &answer) == NOH_OK) {
        printf("last = %g\n", answer.value);
    }
    noh_future_cancel(me, first); /* not interested any more */
    noh_system_free(system);
    return 0;
}

// expect: 1 + 3 = 4
// expect: 1 / 0: NOH_E_INVAL, "division by zero"
// expect: last = 40
