// fuzz_client.c: fuzz_client PORT SECONDS SEED: misbehave towards a kvd; 0 when it stayed healthy.
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: fuzz_client PORT SECONDS SEED\n");
        return 2;
    }
    return fuzz_run((uint16_t)atoi(argv[1]), atof(argv[2]), strtoull(argv[3], NULL, 10)) ? 0 : 1;
}
