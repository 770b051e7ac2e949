/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The first program of README.md, word for word; run.sh compares. */

#include <noh/noh.h>

NOH_MESSAGE(sum,      (double, value));
NOH_REQUEST(add, sum, (double, a), (double, b));        /* an add is answered with a sum */
NOH_REQUEST(last, sum);
NOH_MESSAGE(greet,    (noh_text, name), (noh_ref, from));

typedef struct calculator { double last; } calculator;

static noh_err on_add(noh_self *self, calculator *me, const add *m)
{
    me->last = m->a + m->b;
    return noh_reply(self, sum, .value = me->last);
}

static noh_err on_last(noh_self *self, calculator *me, const last *m)
{
    return noh_reply(self, sum, .value = me->last);
}

NOH_BEHAVIOR(calculator, NOH_ON(add, on_add), NOH_ON(last, on_last));   /* a wrong handler type does not compile */

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system)) return 1;
    noh_self *me = noh_system_self(system);              /* this thread, as an actor */

    noh_ref calc = noh_spawn(me, calculator);
    sum answer;
    if (!noh_call(me, calc, add, &answer, .a = 1, .b = 3))   /* a typed call: this is the proxy */
        printf("%g\n", answer.value);

    noh_system_free(system);
}
