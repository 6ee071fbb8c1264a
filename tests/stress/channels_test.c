// channels_test.c: the same, short enough for every day.
#define CHANNELS_SEEDS 3
#define CHANNELS_SENT  1500
#define CHANNELS_MS    150
#include "channels_stress.c"
