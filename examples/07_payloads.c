/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* What a message can carry: text, lists, nested messages, a map, and big data without a copy. */
#include <noh/noh.h>

#include <stdlib.h>
#include <string.h>

NOH_ENUM(shade, LIGHT, DARK);
NOH_MESSAGE(point, (int32_t, x), (int32_t, y));
NOH_MESSAGE(done);
NOH_REQUEST(draw, done, (noh_text, title), (enum, shade, shade), (struct, point, origin),
            (list, struct, point, path), (array, uint8_t, rgb, 3), (noh_any, more));
NOH_REQUEST(note, done, (noh_any, facts));
NOH_REQUEST(load, done, (noh_box, image), (noh_shared_ptr, font), (noh_bytes, mask));

NOH_NO_STATE(painter);

static noh_err on_draw(noh_self *self, painter *me, const draw *m)
{
    char line[256];
    noh_message_print(NOH_TYPE(draw), m, line, sizeof line);
    printf("%s\n", line);
    noh_any_value layer;
    if (noh_any_get(m->more, "layer", &layer) == NOH_OK && layer.kind == NOH_ANY_INT) {
        printf("layer %d\n", (int)layer.as.integer);
    }
    return noh_reply(self, done);
}

/* Nobody declared these fields: each says itself what it is. */
static void print_facts(noh_self *self, noh_any facts)
{
    size_t cursor = 0;
    noh_any_value fact;
    while (noh_any_next(facts, &cursor, &fact)) {
        printf("%s: ", fact.key);
        switch (fact.kind) {
        case NOH_ANY_BOOL:
            printf("%s\n", fact.as.boolean ? "yes" : "no");
            break;
        case NOH_ANY_INT:
            printf("%d\n", (int)fact.as.integer);
            break;
        case NOH_ANY_DOUBLE:
            printf("%g\n", fact.as.number);
            break;
        case NOH_ANY_TEXT:
            printf("\"%s\"\n", fact.as.text);
            break;
        case NOH_ANY_BYTES:
            printf("%d bytes\n", (int)fact.as.bytes.size);
            break;
        case NOH_ANY_REF:
            printf("%s\n", noh_ref_equal(fact.as.ref, noh_self_ref(self)) ? "me" : "another");
            break;
        case NOH_ANY_MAP:
            printf("a map\n");
            print_facts(self, fact.as.map);
            break;
        }
    }
}

static noh_err on_note(noh_self *self, painter *me, const note *m)
{
    print_facts(self, m->facts);
    return noh_reply(self, done);
}

static noh_err on_load(noh_self *self, painter *me, const load *m)
{
    char *image = noh_box_take(&m->image); /* ours now */
    printf("%s, %s, %d bytes of mask\n", image, (const char *)m->font->data, (int)m->mask.size);
    free(image);
    noh_shared_ptr kept = noh_shared_hold(m->font); /* longer than the message */
    noh_shared_release(kept);
    return noh_reply(self, done);
}

NOH_BEHAVIOR(painter, NOH_ON(draw, on_draw), NOH_ON(note, on_note), NOH_ON(load, on_load));

/* A map with one value of each kind. */
static noh_err put_facts(noh_map *facts, noh_ref painter)
{
    char room[64];
    noh_map size;
    noh_map_init(&size, room, sizeof room);
    noh_err err = noh_map_put_int(&size, "width", 210);
    err = err != NOH_OK ? err : noh_map_put_double(&size, "scale", 0.5);
    err = err != NOH_OK ? err : noh_map_put_bool(facts, "finished", true);
    err = err != NOH_OK ? err : noh_map_put_text(facts, "title", "Harbor");
    err = err != NOH_OK ? err : noh_map_put_bytes(facts, "stamp", "\001\002\003", 3);
    err = err != NOH_OK ? err : noh_map_put_ref(facts, "painter", painter);
    return err != NOH_OK ? err : noh_map_put_map(facts, "size", noh_map_any(&size)); /* copied */
}

static void drop(void *data, size_t size)
{
    free(data);
}

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

int main(void)
{
    noh_system *system;
    if (noh_system_new(NULL, &system) != NOH_OK) {
        return 1;
    }
    noh_self *me = noh_system_self(system);
    noh_ref someone = noh_spawn(me, painter);

    char room[128];
    noh_map map;
    noh_map_init(&map, room, sizeof room);
    noh_map_put_int(&map, "layer", 2);
    noh_map_put_text(&map, "by", "Ann");
    point path[] = {{1, 2}, {3, 4}};
    done answer;
    noh_call(me, someone, draw, &answer, .title = "a \"line\"", .shade = DARK, .origin = {0, 1},
             .path = {path, 2}, .rgb = {255, 128, 0}, .more = noh_map_any(&map));

    char more_room[256];
    noh_map facts;
    noh_map_init(&facts, more_room, sizeof more_room);
    if (put_facts(&facts, someone) == NOH_OK) {
        noh_call(me, someone, note, &answer, .facts = noh_map_any(&facts));
    }

    char *image = copy_of("image");
    char *letters = copy_of("font");
    noh_shared_ptr font;
    if (image != NULL && letters != NULL &&
        noh_shared_new(letters, sizeof "font", drop, &font) == NOH_OK) {
        noh_err err = noh_call(me, someone, load, &answer, .image = {image, 6, drop}, .font = font,
                               .mask = {"\001\002", 2});
        noh_shared_release(font); /* the last one frees it */
        printf("%s\n", noh_err_name(err));
    }

    point twin = {1, 2};
    printf("equal: %d\n", noh_message_equal(NOH_TYPE(point), &path[0], &twin));
    noh_system_free(system);
    return 0;
}

// expect: draw{title: "a \"line\"", shade: DARK, origin: point{x: 0, y: 1}, path: [point{x: 1, y: 2}, point{x: 3, y: 4}], rgb: [255, 128, 0], more: {layer: 2, by: "Ann"}}
// expect: layer 2
// expect: finished: yes
// expect: title: "Harbor"
// expect: stamp: 3 bytes
// expect: painter: me
// expect: size: a map
// expect: width: 210
// expect: scale: 0.5
// expect: image, font, 2 bytes of mask
// expect: NOH_OK
// expect: equal: 1
