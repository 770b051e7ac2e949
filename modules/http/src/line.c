/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Line: one client connection, and all of them by what they are waiting for.
 *
 * Purpose     Every connection is always in one phase, and in the list of that phase, so that those
 *             who overstay are found at the head of five lists and nothing else is searched.
 * Owner       The loop's thread.
 * Why not     libmicrohttpd's own time-out: it counts idle time, so a client that sends one byte
 *             now and then stays for ever, and it does not count at all while a connection is
 *             suspended. A timer per connection: two operations on the wheel for each request,
 *             where moving between lists is six assignments. */
#include "line.h"

#include <stdlib.h>
#include <string.h>

/* A room beyond this is given back after the request. */
enum { ROOM_KEPT = 16 * 1024 };

static void list_add(nohi_lines *lines, nohi_line *line)
{
    nohi_phase phase = line->phase;
    line->newer = NULL;
    line->older = lines->newest[phase];
    if (line->older != NULL) {
        line->older->newer = line;
    } else {
        lines->oldest[phase] = line;
    }
    lines->newest[phase] = line;
}

static void list_remove(nohi_lines *lines, nohi_line *line)
{
    nohi_phase phase = line->phase;
    if (line->older != NULL) {
        line->older->newer = line->newer;
    } else {
        lines->oldest[phase] = line->newer;
    }
    if (line->newer != NULL) {
        line->newer->older = line->older;
    } else {
        lines->newest[phase] = line->older;
    }
}

nohi_line *nohi_line_new(nohi_lines *lines, struct MHD_Connection *connection, int64_t now_ns)
{
    nohi_line *line = calloc(1, sizeof *line);
    if (line == NULL) {
        return NULL;
    }
    line->connection = connection;
    line->phase = NOHI_FRESH;
    line->looked_ns = now_ns;
    lines->count++;
    list_add(lines, line);
    return line;
}

void nohi_line_free(nohi_lines *lines, nohi_line *line)
{
    list_remove(lines, line);
    lines->count--;
    nohi_line_clear(line);
    free(line->query.data);
    free(line->body.data);
    free(line);
}

void nohi_line_enter(nohi_lines *lines, nohi_line *line, nohi_phase phase, int64_t now_ns)
{
    list_remove(lines, line);
    line->phase = phase;
    line->looked_ns = now_ns;
    line->looked_size = 0;
    list_add(lines, line);
}

void nohi_line_looked(nohi_lines *lines, nohi_line *line, size_t size, int64_t now_ns)
{
    list_remove(lines, line);
    line->looked_ns = now_ns;
    line->looked_size = size;
    list_add(lines, line);
}

static void room_clear(nohi_room *room)
{
    room->size = 0;
    if (room->capacity > ROOM_KEPT) {
        free(room->data);
        room->data = NULL;
        room->capacity = 0;
    }
}

void nohi_line_clear(nohi_line *line)
{
    if (line->answer.response != NULL) {
        MHD_destroy_response(line->answer.response);
        line->answer.response = NULL;
    }
    line->ask.bits = 0;
    line->suspended = false;
    line->retried = false;
    line->is_chunked = false;
    line->thrown = 0;
    room_clear(&line->query);
    room_clear(&line->body);
}

bool nohi_room_add(nohi_room *room, const char *data, size_t size)
{
    if (size == 0) {
        return true;
    }
    if (room->capacity - room->size < size) {
        size_t capacity = room->capacity == 0 ? 256 : room->capacity;
        while (capacity - room->size < size) {
            capacity *= 2;
        }
        char *grown = realloc(room->data, capacity);
        if (grown == NULL) {
            return false;
        }
        room->data = grown;
        room->capacity = capacity;
    }
    memcpy(room->data + room->size, data, size);
    room->size += size;
    return true;
}
