#include "heap.h"

static void *
resize(void *memory, size_t size, void *arg)
{
    tr_self *self = arg;
    if (size == 0) {
        tr_free(self, memory);
        return NULL;
    }
    return tr_realloc(self, memory, size);
}

heap_t
heap_of_life(tr_self *self)
{
    return (heap_t){.resize = resize, .arg = self};
}
