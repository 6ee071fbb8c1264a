#include "actor/resource.h"

#include "actor/call.h"
#include "actor/monitor.h"
#include "actor/token.h"
#include "base/memory.h"

// In front of what tr_alloc returns.
struct block {
    tri_list link; // in cold.memory
};
static_assert(sizeof(struct block) % 16 == 0, "what follows is aligned for any type");

void
tri_resource_attach(tri_actor *actor, tri_resource *resource,
                    void (*release)(tri_resource *resource, tri_actor *owner))
{
    resource->release = release;
    resource->link = (tri_list){NULL, NULL};
    tri_list_push_back(&actor->cold->resources, &resource->link);
}

void
tri_resource_detach(tri_resource *resource)
{
    tri_list_remove(&resource->link);
}

bool
tri_resource_holds(const tri_actor *actor, const void *resource)
{
    TRI_LIST_EACH (link, &actor->cold->resources) {
        if (TRI_CONTAINER(link, tri_resource, link) == resource) {
            return true;
        }
    }
    return false;
}

static void
release_memory(tri_actor *actor)
{
    for (tri_list *link; (link = tri_list_pop_front(&actor->cold->memory)) != NULL;) {
        tri_free(TRI_CONTAINER(link, struct block, link));
    }
}

void
tri_resources_release(tri_actor *actor)
{
    tri_cold *cold = actor->cold;
    for (tri_list *link; (link = tri_list_last(&cold->resources)) != NULL;) {
        tri_resource *resource = TRI_CONTAINER(link, tri_resource, link);
        tri_list_remove(link);
        resource->release(resource, actor);
    }
    actor->has_channels = false; // all are closed; at the next intake `cold` may be gone
    tr_unstash_all(actor);       // what was set aside is mail: it waits for the next life
    tri_timers_release(actor);
    tri_monitor_end_all(actor);
    tri_tokens_fail(actor, actor->reason == TR_OK ? TR_ENOREPLY : TR_ECRASHED);
    tri_call_release_answers(actor, TR_ECRASHED);
    tri_call_release_kept(actor);
    release_memory(actor);
}

void *
tr_alloc(tr_self *self, size_t size)
{
    struct block *block = size <= SIZE_MAX - sizeof *block ? tri_alloc(sizeof *block + size) : NULL;
    if (block == NULL) {
        return NULL;
    }
    block->link = (tri_list){NULL, NULL};
    tri_list_push_back(&self->cold->memory, &block->link);
    return block + 1;
}

void *
tr_realloc(tr_self *self, void *memory, size_t size)
{
    if (memory == NULL) {
        return tr_alloc(self, size);
    }
    if (size > SIZE_MAX - sizeof(struct block)) {
        return NULL;
    }
    struct block *old = (struct block *)memory - 1;
    // Its neighbours point to it: unhook it while it may move.
    tri_list *before = old->link.prev;
    tri_list_remove(&old->link);
    struct block *block = tri_realloc(old, sizeof *block + size);
    if (block == NULL) {
        tri_list_insert_after(before, &old->link);
        return NULL;
    }
    block->link = (tri_list){NULL, NULL};
    tri_list_insert_after(before, &block->link);
    return block + 1;
}

void
tr_free(tr_self *self, void *memory)
{
    (void)self;
    if (memory != NULL) {
        struct block *block = (struct block *)memory - 1;
        tri_list_remove(&block->link);
        tri_free(block);
    }
}
