/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* What the macros are made of: descriptors, values, and a list of behaviors. A program that meets
 * its messages only at run time - a gateway, a script language, a monitor - works with these. */
#include <noh/noh.h>

#include <string.h>

/* A library that owns its messages declares them in its header, with the attribute it exports its
 * functions with ... */
NOH_DECLARE_MESSAGE(NOH_API, reading, (double, value));
NOH_DECLARE_MESSAGE(NOH_API, meter_start, (double, value));
NOH_DECLARE_REQUEST(NOH_API, reading, measure, (noh_text, what));
NOH_DECLARE_REQUEST(NOH_API, reading, measure_later, (int64_t, delay_ns));
NOH_BEHAVIOR_DECLARE(meter, meter_start);

/* ... and defines them in one of its files. */
NOH_DEFINE_MESSAGE(reading, (double, value));
NOH_DEFINE_MESSAGE(meter_start, (double, value));
NOH_DEFINE_REQUEST(reading, measure, (noh_text, what));
NOH_DEFINE_REQUEST(reading, measure_later, (int64_t, delay_ns));

typedef struct meter {
    double value;
    noh_promise promise;
} meter;

static noh_err on_start(noh_self *self, meter *me, const meter_start *arguments)
{
    me->value = arguments->value;
    return NOH_OK;
}

/* noh_reply(self, reading, .value = me->value) */
static noh_err on_measure(noh_self *self, meter *me, const measure *m)
{
    return noh_reply_value(self, &noh_type_reading, &(reading){.value = me->value});
}

/* noh_after(self, m->delay_ns, noh_self_ref(self), reading, NULL, .value = me->value + 1) */
static noh_err on_measure_later(noh_self *self, meter *me, const measure_later *m)
{
    noh_err err = noh_promise_take(self, &me->promise);
    if (err != NOH_OK) {
        return err;
    }
    return noh_timer_start(self, m->delay_ns, 0, noh_self_ref(self), NOH_TYPE(reading),
                           NOH_VALUE(reading, .value = me->value + 1), NULL);
}

/* What was told is passed on as it is. */
static noh_err on_reading(noh_self *self, meter *me, const reading *m)
{
    return noh_promise_keep_value(self, me->promise, NOH_TYPE(reading), m);
}

NOH_BEHAVIOR_WITH(meter, meter_start, on_start, NOH_ON(measure, on_measure),
                  NOH_ON(measure_later, on_measure_later), NOH_ON(reading, on_reading));

/* ---- any message -------------------------------------------------------------------------- */

/* A descriptor says all about a message: the runtime knows no more than this. */
static void print_type(const noh_type *type)
{
    printf("%s(", type->name);
    for (size_t i = 0; i < type->field_count; i++) {
        printf("%s%s at %d", i > 0 ? ", " : "", type->fields[i].name, (int)type->fields[i].offset);
    }
    printf(") is answered with %s\n", type->answer == NULL ? "nothing" : type->answer->name);
}

static void print_message(const noh_type *type, const void *message)
{
    char line[128];
    noh_message_print(type, message, line, sizeof line);
    printf("%s\n", line);
}

/* A call whose types are known only here. */
static void call_and_print(noh_self *me, noh_ref to, const noh_type *type, const void *question)
{
    _Alignas(max_align_t) char answer[64]; /* room for any answer of ours */
    print_type(type);
    noh_err err = noh_call_value(me, to, type, question, answer);
    if (err == NOH_OK) {
        print_message(type->answer, answer);
    } else {
        printf("%s\n", noh_err_text(err));
    }
}

/* ---- a behavior without macros ------------------------------------------------------------ */

static const noh_behavior full_adder;

/* State and message are plain pointers, and nobody checks what they point to. */
static noh_err adder_on_reading(noh_self *self, void *state, const void *message)
{
    reading *sum = state;
    const reading *more = message;
    sum->value += more->value;
    return sum->value < 40 ? NOH_OK : noh_become_value(self, &full_adder, false);
}

static noh_err adder_ignore(noh_self *self, void *state, const void *message)
{
    return NOH_OK;
}

static noh_err adder_on_measure(noh_self *self, void *state, const void *message)
{
    return noh_reply_value(self, NOH_TYPE(reading), state);
}

static const noh_handler adder_handlers[] = {
    {.hook = NOH_HOOK_MESSAGE, .type = NOH_TYPE(reading), .fn = adder_on_reading},
    {.hook = NOH_HOOK_MESSAGE, .type = NOH_TYPE(measure), .fn = adder_on_measure},
};
static const noh_behavior adder = {
    .size = sizeof(noh_behavior),
    .name = "adder",
    .state_size = sizeof(reading),
    .state_align = _Alignof(reading),
    .start_type = NOH_TYPE(noh_nothing),
    .handlers = adder_handlers,
    .handler_count = 2,
};
/* A role of it: its name begins with that of the behavior, and a point. */
static const noh_handler full_adder_handlers[] = {
    {.hook = NOH_HOOK_MESSAGE, .type = NOH_TYPE(reading), .fn = adder_ignore},
    {.hook = NOH_HOOK_MESSAGE, .type = NOH_TYPE(measure), .fn = adder_on_measure},
};
static const noh_behavior full_adder = {
    .size = sizeof(noh_behavior),
    .name = "adder.full",
    .state_size = sizeof(reading),
    .state_align = _Alignof(reading),
    .start_type = NOH_TYPE(noh_nothing),
    .handlers = full_adder_handlers,
    .handler_count = 2,
};
static noh_definition adder_definition = {.behavior = &adder};

/* ---- futures of any type ------------------------------------------------------------------ */

NOH_LIST(readings, reading);

/* Source and result are plain pointers, as in a handler. */
static noh_err add_reading(noh_self *self, void *ctx, void *so_far, const void *item)
{
    ((reading *)so_far)->value += ((const reading *)item)->value;
    return NOH_OK;
}

static bool is_above_zero(noh_self *self, void *ctx, const void *item)
{
    return ((const reading *)item)->value > 0;
}

static noh_err halve(noh_self *self, void *ctx, const void *from, void *to)
{
    ((reading *)to)->value = ((const reading *)from)->value / 2;
    return NOH_OK;
}

static void sum_up(noh_self *me, noh_ref meter)
{
    const noh_type *one = NOH_TYPE(reading);
    const noh_type *list = NOH_TYPE(readings);
    noh_future futures[2];
    noh_promise promise;
    reading answer = {0};
    noh_ask_value(me, meter, NOH_TYPE(measure), NOH_VALUE(measure), &futures[0]);
    noh_future_open_value(me, one, &futures[1], &promise);
    noh_promise_keep_value(me, promise, one, &(reading){.value = 1.5});
    noh_future f;
    noh_future_join_value(me, futures, 2, list, &f);
    noh_future_filter_value(me, f, list, is_above_zero, NULL, &f);
    noh_future_reduce_value(me, f, list, one, add_reading, NULL, &answer, &f);
    noh_future_map_value(me, f, one, one, halve, NULL, &f);
    noh_await_all_value(me, &f, 1, one, NOH_FOREVER, &answer, NULL);
    printf("half of all: %g\n", answer.value);
}

/* ---- errors ------------------------------------------------------------------------------- */

/* The table of errors, made into a function: a number from a name. */
static noh_err error_named(const char *wanted)
{
#define X(name, number, text) \
    if (strcmp(wanted, #name) == 0) { \
        return NOH_E_##name; \
    }
    NOH_ERR_MAP(X)
#undef X
    return NOH_OK;
}

int main(void)
{
    char header[32];
    snprintf(header, sizeof header, "%d.%d.%d", NOH_VERSION_MAJOR, NOH_VERSION_MINOR,
             NOH_VERSION_PATCH);
    printf("library and header agree: %d\n", strcmp(header, noh_version()) == 0);
    printf("TIMEOUT is %d: %s\n", error_named("TIMEOUT"), noh_err_text(error_named("TIMEOUT")));

    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref meter = noh_spawn_value(me, noh_behavior_find("meter"), &(meter_start){.value = 20.5});
    call_and_print(me, meter, NOH_TYPE(measure), &(measure){.what = "room"});
    call_and_print(me, meter, NOH_TYPE(measure_later), &(measure_later){.delay_ns = 100 * NOH_US});

    noh_future future;
    reading answer = {0};
    const noh_type *question = NOH_TYPE(measure);
    noh_ask_value(me, meter, question, NOH_VALUE(measure), &future);
    /* NOH_CHECKED: the compiler looks at the pointer, as it does for the macro. */
    noh_await_value(me, future, question->answer, NOH_FOREVER, NOH_CHECKED(reading, &answer));
    printf("a reading: %d, of %g\n", noh_type_equal(question->answer, NOH_TYPE(reading)),
           answer.value);

    sum_up(me, meter);

    noh_define(&adder_definition); /* NOH_BEHAVIOR does this before main */
    noh_ref sum = noh_spawn_value(me, noh_behavior_find("adder"), NULL);
    noh_tell_value(me, sum, NOH_TYPE(reading), &answer);
    noh_tell_value(me, sum, NOH_TYPE(reading), &answer);
    noh_tell_value(me, sum, NOH_TYPE(reading), &answer); /* it is full */
    call_and_print(me, sum, NOH_TYPE(measure), NOH_VALUE(measure, .what = "all"));
    noh_undefine(&adder_definition);
    printf("an adder: %d\n", noh_behavior_find("adder") != NULL);
    printf("nobody: %d\n", noh_ref_equal(noh_lookup(system, "adder"), NOH_NO_REF));
    noh_system_free(system);
    return 0;
}

// expect: library and header agree: 1
// expect: TIMEOUT is -5: the deadline passed
// expect: measure(what at 0) is answered with reading
// expect: reading{value: 20.5}
// expect: measure_later(delay_ns at 0) is answered with reading
// expect: reading{value: 21.5}
// expect: a reading: 1, of 20.5
// expect: half of all: 11
// expect: measure(what at 0) is answered with reading
// expect: reading{value: 41}
// expect: an adder: 0
// expect: nobody: 1
