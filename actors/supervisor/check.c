#include "internal.h"

#include <stdio.h>
#include <string.h>

#define MAX_RESTARTS_MAX 1000000u // each is remembered
#define BACKOFF_MAX_MS   ((int64_t)365 * 24 * 3600 * 1000)

const char *
tri_sup_name(const tr_supervisor_t *spec)
{
    return spec->name != NULL ? spec->name : tr_supervisor_behavior.name;
}

// NULL, or what is wrong with it.
static const char *
wrong_with_backoff(const tr_backoff_t *b)
{
    if (b->first_ms < 0 || b->max_ms < 0 || b->reset_ms < 0) {
        return "has a backoff below zero";
    }
    if (b->first_ms > BACKOFF_MAX_MS || b->max_ms > BACKOFF_MAX_MS) {
        return "has a backoff of more than a year";
    }
    if (b->max_ms != 0 && b->max_ms < b->first_ms) {
        return "has a backoff whose max_ms is below its first_ms";
    }
    if (b->jitter_percent > 100 && b->jitter_percent != TR_NO_JITTER) {
        return "has a jitter_percent over 100";
    }
    if (b->first_ms == 0 && (b->max_ms != 0 || b->reset_ms != 0 || b->jitter_percent != 0)) {
        return "has a backoff without first_ms";
    }
    return NULL;
}

static const char *
wrong_with_child(const tr_supervisor_t *spec, const tr_child_t *child)
{
    if (child->behavior == NULL) {
        return "has no behavior";
    }
    if (child->behavior->name == NULL || child->behavior->name[0] == '\0') {
        return "has a behavior without a name";
    }
    if (child->id != NULL && child->id[0] == '\0') {
        return "has an empty id";
    }
    if (child->arg == NULL && child->arg_size != 0) {
        return "has an arg_size and no arg";
    }
    if (child->down > TR_DOWN_REFUSE) {
        return "has a `down` that is none of its values";
    }
    if (child->significant && spec->auto_shutdown == TR_AUTO_SHUTDOWN_NEVER) {
        return "is significant, and its supervisor has no auto_shutdown";
    }
    if (child->significant && child->restart == TR_PERMANENT) {
        return "is significant and permanent: it never comes to an end by itself";
    }
    return wrong_with_backoff(&child->backoff);
}

tr_err_t
tri_sup_check_child(const tr_supervisor_t *spec, const tr_child_t *child, char *text, size_t size)
{
    const char *id = child->id != NULL ? child->id : "without an id";
    const char *wrong = wrong_with_child(spec, child);
    if (child->restart > TR_TEMPORARY) {
        snprintf(text, size, "child %s of supervisor %s has an unknown restart type %d", id,
                 tri_sup_name(spec), (int)child->restart);
        return TR_EINVAL;
    }
    if (wrong != NULL) {
        snprintf(text, size, "child %s of supervisor %s %s", id, tri_sup_name(spec), wrong);
        return TR_EINVAL;
    }
    return TR_OK;
}

static void
check_limits(tr_self *self, const tr_supervisor_t *spec)
{
    const char *name = tri_sup_name(spec);
    if (spec->children == NULL && spec->child_count != 0) {
        tr_fail(self, TR_EINVAL, "supervisor %s has child_count %u and no children", name,
                spec->child_count);
    }
    if (spec->strategy > TR_REST_FOR_ONE) {
        tr_fail(self, TR_EINVAL, "supervisor %s has an unknown strategy %d", name,
                (int)spec->strategy);
    }
    if (spec->auto_shutdown > TR_AUTO_SHUTDOWN_ALL) {
        tr_fail(self, TR_EINVAL, "supervisor %s has an unknown auto_shutdown %d", name,
                (int)spec->auto_shutdown);
    }
    if (spec->max_restarts > MAX_RESTARTS_MAX) {
        tr_fail(self, TR_EINVAL, "supervisor %s has max_restarts %u, over %u", name,
                spec->max_restarts, MAX_RESTARTS_MAX);
    }
    if (spec->within_ms < 0) {
        tr_fail(self, TR_EINVAL, "supervisor %s has within_ms %lld, below zero", name,
                (long long)spec->within_ms);
    }
    if (spec->max_children != 0 && spec->max_children < spec->child_count) {
        tr_fail(self, TR_EINVAL, "supervisor %s has max_children %u and %u children", name,
                spec->max_children, spec->child_count);
    }
    const char *wrong = wrong_with_backoff(&spec->backoff);
    if (wrong != NULL) {
        tr_fail(self, TR_EINVAL, "supervisor %s %s", name, wrong);
    }
}

void
tri_sup_check(tr_self *self, const tr_supervisor_t *spec)
{
    check_limits(self, spec);
    for (uint32_t i = 0; i < spec->child_count; i++) {
        const tr_child_t *child = &spec->children[i];
        char text[160];
        if (child->id == NULL || child->id[0] == '\0') {
            tr_fail(self, TR_EINVAL, "child %u of supervisor %s has no id", i, tri_sup_name(spec));
        }
        if (tri_sup_check_child(spec, child, text, sizeof text) != TR_OK) {
            tr_fail(self, TR_EINVAL, "%s", text);
        }
    }
}
