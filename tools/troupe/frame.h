// frame.h: where a MessagePack frame ends, before the library sees it.
#ifndef TROUPE_TOOL_FRAME_H
#define TROUPE_TOOL_FRAME_H

#include <stddef.h>
#include <stdint.h>

// msgpack-c allocates by the number of elements that a header declares, and five bytes may declare
// four billion. So a response is walked first, header by header, and given to the library when all
// of its bytes have come: then each declared element has cost its sender a byte. The runtime has a
// scanner for the same reason (runtime/msg/scan.c), but a tool links nothing of it, and needs less:
// depth is bounded by the library, and a counter of what is still to come replaces the stack, which
// also lets the walk go on where it stopped when more bytes arrive.
typedef struct frame {
    size_t at;         // the next header
    uint64_t pending;  // objects that were declared and not met yet
    uint64_t elements; // declared in all
} frame;

typedef enum frame_state {
    FRAME_WHOLE, // its length is in `at`
    FRAME_MORE,  // good so far
    FRAME_BAD,   // not MessagePack, or over a limit of the protocol
} frame_state;

void frame_init(frame *f);

// Walk on. `data` is the frame from its start, `size` what has come of it so far.
frame_state frame_walk(frame *f, const uint8_t *data, size_t size);

#endif
