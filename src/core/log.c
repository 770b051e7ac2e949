/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Log: one line through noh_env, with the speaker's identity. */
#include "system.h"
#include "overflow.h"

#include <stdarg.h>

enum { LINE_MAX_BYTES = 1024 };

static void write_line(nohi_system *system, noh_log_level level, noh_ref ref,
                       const noh_behavior *behavior, const char *format, va_list arguments)
{
    char line[LINE_MAX_BYTES];
    vsnprintf(line, sizeof line, format, arguments);
    for (char *c = line; *c != 0; c++) {
        /* What an actor logs may come from outside: no line may look like two. */
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c;
    }
    noh_log_record record = {.level = level,
                             .actor = ref.bits,
                             .behavior = behavior == NULL ? NULL : behavior->name,
                             .text = line};
    system->env.log(system->env.world, &record);
}

void nohi_log(nohi_system *system, noh_log_level level, noh_ref ref, const noh_behavior *behavior,
              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(system, level, ref, behavior, format, arguments);
    va_end(arguments);
}

void noh_log(noh_self *self, noh_log_level level, const char *format, ...)
{
    if (self == NULL || format == NULL) {
        return;
    }
    nohi_overflow_poll(self);
    va_list arguments;
    va_start(arguments, format);
    write_line(self->system, level, self->ref, self->actor == NULL ? NULL : self->actor->behavior,
               format, arguments);
    va_end(arguments);
}
