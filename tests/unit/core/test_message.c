/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Goal: what is told is what arrives, whatever fields it has; and every box and every shared
 * payload is let go exactly once, wherever its message ends.
 * Method: a plain thread tells and asks actors that send back what they got; drops are counted.
 * The senders spoil their own copy after the tell, so that a message that still points into it
 * shows. */
#include "core.h"

NOH_ENUM(color, RED, GREEN, BLUE);

NOH_MESSAGE(point, (int32_t, x), (double, y), (noh_text, label));

NOH_MESSAGE(everything, (bool, yes), (int8_t, i8), (int16_t, i16), (int32_t, i32), (int64_t, i64),
            (uint8_t, u8), (uint16_t, u16), (uint32_t, u32), (uint64_t, u64), (float, f32),
            (double, f64), (noh_ref, ref), (noh_text, text), (noh_text, no_text),
            (noh_bytes, bytes), (noh_any, any), (enum, color, color), (struct, point, point),
            (array, int32_t, four, 4), (array, noh_text, words, 2),
            (array, struct, point, corners, 2), (list, uint16_t, numbers), (list, noh_text, lines),
            (list, struct, point, points), (list, int64_t, none));

NOH_MESSAGE(nothing_in_it);
NOH_MESSAGE(blob, (noh_bytes, data));
NOH_MESSAGE(parcel, (int32_t, number), (noh_box, box));
NOH_MESSAGE(crate, (array, noh_box, boxes, 3), (struct, parcel, inner), (list, noh_box, more));
NOH_MESSAGE(picture, (noh_shared_ptr, pixels));
NOH_MESSAGE(album, (list, noh_shared_ptr, pictures), (array, noh_shared_ptr, covers, 2));
NOH_MESSAGE(block);
NOH_MESSAGE(done, (int64_t, value));
NOH_REQUEST(ping, done);
NOH_REQUEST(echo, everything, (struct, everything, it));
NOH_REQUEST(fetch, parcel);

/* ---- drops, counted ----------------------------------------------------------------------- */

static atomic_int drops;
static int contents[8];

static void count_drop(void *data, size_t size)
{
    CHECK_EQ(size, sizeof(int));
    CHECK((int *)data >= contents && (int *)data < contents + 8);
    atomic_fetch_add(&drops, 1);
    atomic_fetch_add((_Atomic int *)(void *)data, 1);
}

static void reset_drops(void)
{
    atomic_store(&drops, 0);
    memset(contents, 0, sizeof contents);
}

static noh_box box_of(int i)
{
    return (noh_box){&contents[i], sizeof(int), count_drop};
}

/* ---- actors ------------------------------------------------------------------------------- */

typedef struct receiver {
    noh_ref watcher;
    int *taken;
} receiver;

NOH_MESSAGE(receiver_start, (noh_ref, watcher));

static core_gate gate = CORE_GATE;

static noh_err receiver_started(noh_self *self, receiver *me, const receiver_start *start)
{
    me->watcher = start->watcher;
    return NOH_OK;
}

static noh_err receiver_everything(noh_self *self, receiver *me, const everything *m)
{
    return noh_tell_value(self, noh_sender(self), NOH_TYPE(everything), m);
}

static noh_err receiver_echo(noh_self *self, receiver *me, const echo *m)
{
    return noh_reply_value(self, NOH_TYPE(everything), &m->it);
}

static noh_err receiver_nothing(noh_self *self, receiver *me, const nothing_in_it *m)
{
    return noh_tell(self, noh_sender(self), nothing_in_it);
}

static noh_err receiver_blob(noh_self *self, receiver *me, const blob *m)
{
    int64_t sum = 0;
    for (size_t i = 0; i < m->data.size; i += 4099) {
        sum += ((const unsigned char *)m->data.data)[i];
    }
    return noh_tell(self, noh_sender(self), done, .value = sum);
}

static noh_err receiver_parcel(noh_self *self, receiver *me, const parcel *m)
{
    if (m->number == 1) { /* taken out */
        me->taken = noh_box_take(&m->box);
    } else if (m->number == 2) {
        return NOH_E_FAILED;
    } else if (m->number == 3) {
        noh_fail(self, NOH_E_INVAL, "on purpose");
    } else if (m->number == 4) { /* passed on */
        return noh_tell(self, me->watcher, parcel, .number = 0,
                        .box = {noh_box_take(&m->box), m->box.size, count_drop});
    } else if (m->number == 5) {
        return noh_forward(self, me->watcher);
    }
    return NOH_OK;
}

static noh_err receiver_crate(noh_self *self, receiver *me, const crate *m)
{
    (void)noh_box_take(&m->boxes[1]);
    (void)noh_box_take(&m->more.items[0]);
    return NOH_OK;
}

static noh_err receiver_picture(noh_self *self, receiver *me, const picture *m)
{
    CHECK_EQ(*(const int *)m->pixels->data, 0);
    return NOH_OK;
}

static noh_err receiver_album(noh_self *self, receiver *me, const album *m)
{
    return NOH_OK;
}

static noh_err receiver_block(noh_self *self, receiver *me, const block *m)
{
    core_pass(&gate);
    return NOH_OK;
}

static noh_err receiver_ping(noh_self *self, receiver *me, const ping *m)
{
    return noh_reply(self, done, .value = me->taken == NULL ? 0 : 1);
}

static noh_err receiver_fetch(noh_self *self, receiver *me, const fetch *m)
{
    return noh_reply(self, parcel, .number = 7, .box = box_of(0));
}

NOH_BEHAVIOR_WITH(receiver, receiver_start, receiver_started,
                  NOH_ON(everything, receiver_everything), NOH_ON(echo, receiver_echo),
                  NOH_ON(nothing_in_it, receiver_nothing), NOH_ON(blob, receiver_blob),
                  NOH_ON(parcel, receiver_parcel), NOH_ON(crate, receiver_crate),
                  NOH_ON(picture, receiver_picture), NOH_ON(album, receiver_album),
                  NOH_ON(block, receiver_block), NOH_ON(ping, receiver_ping),
                  NOH_ON(fetch, receiver_fetch));

static noh_ref spawn_receiver(noh_self *self)
{
    noh_ref ref = noh_spawn(self, receiver, .watcher = noh_self_ref(self));
    CHECK(!noh_ref_is_none(ref));
    return ref;
}

static int64_t call_ping(noh_self *self, noh_ref to)
{
    done answer;
    CHECK_OK(noh_call(self, to, ping, &answer));
    return answer.value;
}

/* ---- cases -------------------------------------------------------------------------------- */

typedef struct source {
    everything message;
    char room[128];
    char text[16];
    unsigned char bytes[5];
    uint16_t numbers[3];
    char line[8];
    noh_text lines[3];
    point points[2];
    char label[8];
} source;

static void fill(source *s, noh_ref ref)
{
    memset(s, 0, sizeof *s);
    noh_map map;
    noh_map_init(&map, s->room, sizeof s->room);
    CHECK_OK(noh_map_put_int(&map, "age", 41));
    memcpy(s->text, "a text", 7);
    memcpy(s->bytes, "\0\1\2\3\4", 5);
    memcpy(s->line, "line", 5);
    memcpy(s->label, "label", 6);
    memcpy(s->numbers, (uint16_t[]){1, 2, 65535}, sizeof s->numbers);
    s->lines[0] = s->line;
    s->lines[1] = NULL;
    s->lines[2] = "";
    s->points[0] = (point){1, 1.5, s->label};
    s->points[1] = (point){2, 2.5, NULL};
    s->message = (everything){.yes = true,
                              .i8 = INT8_MIN,
                              .i16 = INT16_MIN,
                              .i32 = INT32_MIN,
                              .i64 = INT64_MIN,
                              .u8 = UINT8_MAX,
                              .u16 = UINT16_MAX,
                              .u32 = UINT32_MAX,
                              .u64 = UINT64_MAX,
                              .f32 = 0.1f,
                              .f64 = -1e300,
                              .ref = ref,
                              .text = s->text,
                              .bytes = {s->bytes, sizeof s->bytes},
                              .any = noh_map_any(&map),
                              .color = BLUE,
                              .point = {3, 3.5, s->label},
                              .four = {1, -2, 3, -4},
                              .words = {s->text, NULL},
                              .corners = {{4, 4.5, s->label}, {5, 5.5, NULL}},
                              .numbers = {s->numbers, 3},
                              .lines = {s->lines, 3},
                              .points = {s->points, 2}};
}

static void every_kind_of_field_survives_a_tell_and_an_answer(void)
{
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    source sent;
    source expected;
    fill(&expected, to);
    for (int i = 0; i < 50; i++) {
        fill(&sent, to);
        CHECK_OK(noh_tell_value(self, to, NOH_TYPE(everything), &sent.message));
        memset(&sent, 0x77, sizeof sent);
        const noh_type *type;
        const void *got;
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &got));
        CHECK(noh_as(everything, type, got) != NULL);
        CHECK(noh_message_equal(type, got, &expected.message));
        CHECK_EQ((uintptr_t)got % 16, 0);
        noh_any_value age;
        CHECK_OK(noh_any_get(((const everything *)got)->any, "age", &age));
        CHECK_EQ(age.as.integer, 41);

        fill(&sent, to);
        everything answer;
        noh_future future;
        CHECK_OK(noh_ask_value(self, to, NOH_TYPE(echo), &sent.message, &future));
        memset(&sent, 0x77, sizeof sent);
        CHECK_OK(noh_await(self, future, everything, NOH_FOREVER, &answer));
        CHECK(noh_message_equal(NOH_TYPE(everything), &answer, &expected.message));
    }
    core_end(&world, system);
}

static void a_message_without_fields_arrives(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    CHECK_OK(noh_tell(self, to, nothing_in_it));
    const noh_type *type;
    const void *got;
    CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &got));
    CHECK_TEXT(type->name, "nothing_in_it");
    CHECK(noh_ref_equal(noh_sender(self), to));
    core_end(&world, system);
}

/* Sizes around those of the pool's blocks, and far beyond. */
static void bytes_of_any_size_arrive_whole(void)
{
    static const size_t sizes[] = {0,    1,    15,   16,   17,    47,    48,      49,
                                   63,   64,   65,   1000, 4000,  4031,  4032,    4033,
                                   4048, 4049, 4096, 4097, 65536, 99999, 1 << 24, (1 << 24) + 1};
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    unsigned char *data = malloc((1 << 24) + 1);
    CHECK(data != NULL);
    for (size_t i = 0; i < (1 << 24) + 1; i++) {
        data[i] = (unsigned char)(i * 7);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t sum = 0;
        for (size_t k = 0; k < sizes[i]; k += 4099) {
            sum += data[k];
        }
        const noh_type *type;
        const void *got;
        CHECK_OK(noh_tell(self, to, blob, .data = {data, sizes[i]}));
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &got));
        CHECK_EQ(((const done *)got)->value, sum);

        CHECK_OK(noh_tell(self, noh_self_ref(self), blob, .data = {data, sizes[i]}));
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &got));
        CHECK_EQ(((const blob *)got)->data.size, sizes[i]);
        CHECK(sizes[i] == 0 || memcmp(((const blob *)got)->data.data, data, sizes[i]) == 0);
    }
    free(data);
    core_end(&world, system);
}

/* Also with a subscriber to dead letters, who is told what the refused message was. */
static void what_is_above_1_gib_is_refused_untouched(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    void *nowhere = (void *)(uintptr_t)64;
    for (int subscribed = 0; subscribed < 2; subscribed++) {
        noh_future future;
        CHECK_ERR(noh_tell(self, to, blob, .data = {nowhere, (size_t)1 << 30}), NOH_E_TOO_BIG);
        CHECK_ERR(noh_tell(self, to, blob, .data = {nowhere, SIZE_MAX}), NOH_E_TOO_BIG);
        CHECK_ERR(noh_tell(self, to, blob, .data = {nowhere, SIZE_MAX - 40}), NOH_E_TOO_BIG);
        CHECK_ERR(noh_tell(self, to, everything, .numbers = {nowhere, SIZE_MAX / 2 + 1}),
                  NOH_E_TOO_BIG);
        CHECK_ERR(noh_tell(self, to, everything, .points = {nowhere, (size_t)1 << 30}),
                  NOH_E_TOO_BIG);
        CHECK_ERR(noh_ask_value(self, to, NOH_TYPE(blob), &(blob){{nowhere, SIZE_MAX}}, &future),
                  NOH_E_TOO_BIG);
        CHECK_EQ(core_dead(system, NOH_DEAD_REFUSED), 6 * (subscribed + 1));
        CHECK_OK(noh_dead_letters_subscribe(self, noh_self_ref(self)));
    }
    for (int i = 0; i < 6; i++) {
        const noh_type *type;
        const void *got;
        CHECK_OK(noh_receive(self, 0, &type, &got));
        const noh_dead_letter *letter = noh_as(noh_dead_letter, type, got);
        CHECK(letter != NULL);
        CHECK_EQ(letter->reason, NOH_DEAD_REFUSED);
        CHECK(noh_ref_equal(letter->receiver, to));
    }
    CHECK_EQ(call_ping(self, to), 0);
    core_end(&world, system);
}

static void a_count_of_things_at_null_is_invalid(void)
{
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    CHECK_ERR(noh_tell(self, to, blob, .data = {NULL, 5}), NOH_E_INVAL);
    CHECK_ERR(noh_tell(self, to, everything, .numbers = {NULL, 1}), NOH_E_INVAL);
    CHECK_OK(noh_tell(self, to, blob, .data = {NULL, 0}));
    core_end(&world, system);
}

/* ---- boxes -------------------------------------------------------------------------------- */

static void a_handled_box_is_dropped_once(void)
{
    reset_drops();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    for (int i = 0; i < 8; i++) {
        CHECK_OK(noh_tell(self, to, parcel, .number = 0, .box = box_of(i)));
    }
    CHECK_EQ(call_ping(self, to), 0);
    CHECK_EQ(drops, 8);
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(contents[i], 1);
    }
    core_end(&world, system);
    CHECK_EQ(drops, 8);
}

static void a_box_taken_out_is_not_dropped(void)
{
    reset_drops();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    CHECK_OK(noh_tell(self, to, parcel, .number = 1, .box = box_of(0)));
    CHECK_EQ(call_ping(self, to), 1);
    CHECK_OK(noh_tell(self, noh_self_ref(self), parcel, .number = 1, .box = box_of(1)));
    const noh_type *type;
    const void *got;
    CHECK_OK(noh_receive(self, 0, &type, &got));
    CHECK(noh_box_take(&((const parcel *)got)->box) == &contents[1]);
    core_end(&world, system);
    CHECK_EQ(drops, 0);
}

static void a_box_passed_on_is_dropped_by_its_last_message(void)
{
    reset_drops();
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    for (int number = 4; number <= 5; number++) {
        CHECK_OK(noh_tell(self, to, parcel, .number = number, .box = box_of(number)));
        const noh_type *type;
        const void *got;
        CHECK_OK(noh_receive(self, NOH_FOREVER, &type, &got));
        CHECK(((const parcel *)got)->box.data == &contents[number]);
        CHECK_EQ(drops, number - 4);
        CHECK_ERR(noh_receive(self, 0, &type, &got), NOH_E_TIMEOUT);
        CHECK_EQ(drops, number - 3);
    }
    core_end(&world, system);
    CHECK_EQ(drops, 2);
}

static void boxes_in_arrays_lists_and_structs_are_dropped_unless_taken(void)
{
    reset_drops();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    noh_box more[2] = {box_of(4), box_of(5)};
    CHECK_OK(noh_tell(self, to, crate, .boxes = {box_of(0), box_of(1), box_of(2)},
                      .inner = {.number = 0, .box = box_of(3)}, .more = {more, 2}));
    CHECK_EQ(call_ping(self, to), 0);
    CHECK_EQ(drops, 4);
    static const int expected[8] = {1, 0, 1, 1, 0, 1, 0, 0};
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(contents[i], expected[i]);
    }
    core_end(&world, system);
    CHECK_EQ(drops, 4);
}

static void a_box_whose_handler_fails_is_dropped_once(void)
{
    for (int number = 2; number <= 3; number++) {
        reset_drops();
        core_world world;
        noh_system *system = core_start(&world, 1, NULL);
        noh_self *self = noh_system_self(system);
        noh_ref to = spawn_receiver(self);
        CHECK_OK(noh_tell(self, to, parcel, .number = number, .box = box_of(0)));
        noh_exit exit;
        CHECK_OK(noh_join(self, to, NOH_FOREVER, &exit));
        CHECK_EQ(drops, 1);
        CHECK_EQ(core_dead(system, NOH_DEAD_CRASHED), 1);
        core_end(&world, system);
        CHECK_EQ(drops, 1);
    }
}

static void a_box_that_dies_in_the_queue_is_dropped_once(void)
{
    reset_drops();
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    CHECK_OK(noh_tell(self, to, block));
    core_await_inside(&gate, 1);
    for (int i = 0; i < 5; i++) {
        CHECK_OK(noh_tell(self, to, parcel, .box = box_of(i)));
    }
    CHECK_OK(noh_stop(self, to, NOH_STOP_NOW));
    CHECK_EQ(drops, 0);
    core_open_gate(&gate);
    CHECK_OK(noh_join(self, to, NOH_FOREVER, NULL));
    CHECK_EQ(drops, 5);
    CHECK_EQ(core_dead(system, NOH_DEAD_STOPPED), 5);
    core_end(&world, system);
    CHECK_EQ(drops, 5);
}

static void a_box_that_was_refused_stays_with_the_caller(void)
{
    reset_drops();
    core_shut_gate(&gate);
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to;
    CHECK_OK(noh_spawn_with(self, &noh_behavior_receiver, NULL,
                            &(noh_spawn_options){.mailbox_max = 3}, &to));
    CHECK_OK(noh_tell(self, to, block));
    core_await_inside(&gate, 1);
    parcel mine = {.number = 0, .box = box_of(0)};
    noh_future future;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(noh_tell(self, to, nothing_in_it));
    }
    CHECK_ERR(noh_tell_value(self, to, NOH_TYPE(parcel), &mine), NOH_E_FULL);
    CHECK_ERR(noh_ask_value(self, to, NOH_TYPE(parcel), &mine, &future), NOH_E_FULL);
    CHECK_ERR(noh_tell_value(self, NOH_NO_REF, NOH_TYPE(parcel), &mine), NOH_E_GONE);
    CHECK_ERR(noh_ask_value(self, NOH_NO_REF, NOH_TYPE(parcel), &mine, &future), NOH_E_GONE);
    fault_at(&world.fault, 1, true);
    noh_box many[2000] = {box_of(0)}; /* more than the pool has: it must ask for memory */
    CHECK_ERR(noh_tell(self, noh_self_ref(self), crate, .more = {many, 2000}), NOH_E_NOMEM);
    fault_at(&world.fault, 0, false);
    CHECK_EQ(drops, 0);
    CHECK(mine.box.drop == count_drop);
    core_open_gate(&gate);
    for (int i = 0; i < 3; i++) {
        (void)CORE_RECEIVE(nothing_in_it, self);
    }
    CHECK_OK(noh_tell_value(self, to, NOH_TYPE(parcel), &mine));
    CHECK_EQ(call_ping(self, to), 0);
    CHECK_EQ(drops, 1);
    core_end(&world, system);
    CHECK_EQ(drops, 1);
}

static void an_awaited_box_is_the_callers(void)
{
    reset_drops();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    parcel answer;
    CHECK_OK(noh_call(self, to, fetch, &answer));
    CHECK_EQ(answer.number, 7);
    CHECK_EQ(drops, 0);
    CHECK_EQ(call_ping(self, to), 0); /* the next wait ends the answer, but not what was moved */
    CHECK_EQ(drops, 0);
    CHECK(answer.box.drop == count_drop);
    count_drop(noh_box_take(&answer.box), answer.box.size);
    CHECK_EQ(drops, 1);
    CHECK(answer.box.drop == NULL);
    noh_future future;
    CHECK_OK(noh_ask(self, to, fetch, &future));
    CHECK_EQ(call_ping(self, to), 0);
    CHECK_OK(noh_future_cancel(self, future)); /* arrived, not awaited */
    CHECK_EQ(drops, 2);
    CHECK_OK(noh_ask(self, to, fetch, &future));
    core_end(&world, system);
    CHECK_EQ(drops, 3);
}

static void boxes_in_flight_are_dropped_when_the_system_ends(void)
{
    reset_drops();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    CHECK_OK(noh_tell(self, noh_self_ref(self), parcel, .box = box_of(0)));
    CHECK_OK(noh_tell(self, noh_self_ref(self), parcel, .box = box_of(1)));
    const noh_type *type;
    const void *got;
    CHECK_OK(noh_receive(self, 0, &type, &got)); /* one in hand, one in the mailbox */
    noh_timer timer;
    CHECK_OK(noh_after(self, NOH_FOREVER, noh_self_ref(self), parcel, NULL, .box = box_of(2)));
    CHECK_OK(
        noh_after(self, 3600 * NOH_SECOND, noh_self_ref(self), parcel, &timer, .box = box_of(3)));
    CHECK_EQ(drops, 0);
    core_end(&world, system);
    CHECK_EQ(drops, 4);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(contents[i], 1);
    }
}

/* ---- shared payloads ---------------------------------------------------------------------- */

static noh_shared_ptr shared_of(int i)
{
    noh_shared_ptr shared;
    CHECK_OK(noh_shared_new(&contents[i], sizeof(int), count_drop, &shared));
    return shared;
}

static void a_shared_payload_is_dropped_by_the_last_holder(void)
{
    reset_drops();
    core_world world;
    noh_system *system = core_start(&world, 2, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to[4];
    noh_shared_ptr shared = shared_of(0);
    for (int i = 0; i < 4; i++) {
        to[i] = spawn_receiver(self);
        for (int k = 0; k < 100; k++) {
            CHECK_OK(noh_tell(self, to[i], picture, .pixels = shared));
        }
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(call_ping(self, to[i]), 0);
    }
    CHECK_EQ(drops, 0);
    noh_shared_release(noh_shared_hold(shared));
    CHECK_EQ(drops, 0);
    CHECK_OK(noh_tell(self, noh_self_ref(self), picture, .pixels = shared));
    noh_shared_release(shared);
    CHECK_EQ(drops, 0); /* the message holds it */
    const noh_type *type;
    const void *got;
    CHECK_OK(noh_receive(self, 0, &type, &got));
    CHECK(((const picture *)got)->pixels == shared);
    CHECK_EQ(drops, 0);
    CHECK_ERR(noh_receive(self, 0, &type, &got), NOH_E_TIMEOUT);
    CHECK_EQ(drops, 1);
    core_end(&world, system);
    CHECK_EQ(drops, 1);
}

static void a_refused_message_holds_no_shared_payload(void)
{
    reset_drops();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_ref to = spawn_receiver(self);
    noh_shared_ptr first = shared_of(0);
    noh_shared_ptr second = shared_of(1);
    CHECK_ERR(noh_tell(self, NOH_NO_REF, picture, .pixels = first), NOH_E_GONE);
    noh_shared_ptr list[3] = {first, NULL, second};
    CHECK_OK(noh_tell(self, to, album, .pictures = {list, 3}, .covers = {second, NULL}));
    CHECK_EQ(call_ping(self, to), 0);
    noh_future future;
    CHECK_ERR(noh_ask_value(self, NOH_NO_REF, NOH_TYPE(album),
                            &(album){.pictures = {list, 3}, .covers = {second, first}}, &future),
              NOH_E_GONE);
    CHECK_EQ(drops, 0);
    noh_shared_release(first);
    CHECK_EQ(contents[0], 1);
    noh_shared_release(second);
    CHECK_EQ(contents[1], 1);
    core_end(&world, system);
    CHECK_EQ(drops, 2);
}

static void a_shared_payload_may_outlive_its_system(void)
{
    reset_drops();
    core_world world;
    noh_system *system = core_start(&world, 1, NULL);
    noh_self *self = noh_system_self(system);
    noh_shared_ptr shared = shared_of(0);
    CHECK_OK(noh_tell(self, noh_self_ref(self), picture, .pixels = shared));
    core_end(&world, system);
    CHECK_EQ(drops, 0);
    CHECK(shared->data == &contents[0]);
    CHECK_EQ(shared->size, sizeof(int));
    noh_shared_release(shared);
    CHECK_EQ(drops, 1);
}

static void shared_payloads_take_null_where_they_say_so(void)
{
    noh_shared_ptr shared = NULL;
    CHECK_ERR(noh_shared_new(contents, 4, NULL, NULL), NOH_E_INVAL);
    CHECK_ERR(noh_shared_new(NULL, 4, NULL, &shared), NOH_E_INVAL);
    CHECK(shared == NULL);
    CHECK_OK(noh_shared_new(NULL, 0, NULL, &shared));
    CHECK_EQ(shared->size, 0);
    noh_shared_release(shared);
    noh_shared_release(NULL);
    CHECK(noh_shared_hold(NULL) == NULL);
}

static const test_case cases[] = {
    TEST(every_kind_of_field_survives_a_tell_and_an_answer),
    TEST(a_message_without_fields_arrives),
    TEST(bytes_of_any_size_arrive_whole),
    TEST(what_is_above_1_gib_is_refused_untouched),
    TEST(a_count_of_things_at_null_is_invalid),
    TEST(a_handled_box_is_dropped_once),
    TEST(a_box_taken_out_is_not_dropped),
    TEST(a_box_passed_on_is_dropped_by_its_last_message),
    TEST(boxes_in_arrays_lists_and_structs_are_dropped_unless_taken),
    TEST(a_box_whose_handler_fails_is_dropped_once),
    TEST(a_box_that_dies_in_the_queue_is_dropped_once),
    TEST(a_box_that_was_refused_stays_with_the_caller),
    TEST(an_awaited_box_is_the_callers),
    TEST(boxes_in_flight_are_dropped_when_the_system_ends),
    TEST(a_shared_payload_is_dropped_by_the_last_holder),
    TEST(a_refused_message_holds_no_shared_payload),
    TEST(a_shared_payload_may_outlive_its_system),
    TEST(shared_payloads_take_null_where_they_say_so),
};
TEST_MAIN(cases)
