/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Behavior: the list of what a program defines, and what a sound definition is.
 *
 * Owner       `definitions` is the library's only variable: definitions are code, not state, and
 *             exist before any system does. Under a lock; filled by constructors. */
#include "actor.h"

#include <pthread.h>

static pthread_mutex_t definitions_lock = PTHREAD_MUTEX_INITIALIZER; /* rank: innermost */
static noh_definition *definitions;

void noh_define(noh_definition *definition)
{
    pthread_mutex_lock(&definitions_lock);
    definition->next = definitions;
    definitions = definition;
    pthread_mutex_unlock(&definitions_lock);
}

void noh_undefine(noh_definition *definition)
{
    pthread_mutex_lock(&definitions_lock);
    for (noh_definition **at = &definitions; *at != NULL; at = &(*at)->next) {
        if (*at == definition) {
            *at = definition->next;
            break;
        }
    }
    pthread_mutex_unlock(&definitions_lock);
}

const noh_behavior *noh_behavior_find(const char *name)
{
    const noh_behavior *found = NULL;
    if (name == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&definitions_lock);
    for (noh_definition *d = definitions; d != NULL && found == NULL; d = d->next) {
        found = strcmp(d->behavior->name, name) == 0 ? d->behavior : NULL;
    }
    pthread_mutex_unlock(&definitions_lock);
    return found;
}

noh_err nohi_behavior_check(const noh_behavior *behavior)
{
    if (behavior->size < sizeof *behavior || behavior->name == NULL ||
        behavior->start_type == NULL || behavior->handlers == NULL ||
        behavior->handler_count == 0 || behavior->state_align > 16) {
        return NOH_E_INVAL;
    }
    for (size_t i = 0; i < behavior->handler_count; i++) {
        const noh_handler *handler = &behavior->handlers[i];
        bool takes = handler->hook == NOH_HOOK_MESSAGE || handler->hook == NOH_HOOK_REENTRANT;
        if (handler->fn == NULL || takes != (handler->type != NULL)) {
            return NOH_E_INVAL;
        }
        for (size_t k = 0; k < i; k++) {
            const noh_handler *other = &behavior->handlers[k];
            if (takes ? other->type != NULL && noh_type_equal(other->type, handler->type)
                      : other->hook == handler->hook) {
                return NOH_E_INVAL;
            }
        }
    }
    return NOH_OK;
}

noh_handler_fn nohi_behavior_hook(const noh_behavior *behavior, noh_hook hook)
{
    for (size_t i = 0; i < behavior->handler_count; i++) {
        if (behavior->handlers[i].hook == hook) {
            return behavior->handlers[i].fn;
        }
    }
    return NULL;
}
