// fuzz.h: clients that behave as badly as they can, and one that checks that nobody else suffers.
#ifndef KVD_TESTS_FUZZ_H
#define KVD_TESTS_FUZZ_H

#include <stdbool.h>
#include <stdint.h>

// True when the healthy client got every answer right, up to the end. Says on standard error what
// was not.
bool fuzz_run(uint16_t port, double seconds, uint64_t seed);

#endif
