// compat.h: the runtime's, but for the pause in a spin loop, which tells the checker that it is
// one.
#ifndef MODEL_SHIM_COMPAT_H
#define MODEL_SHIM_COMPAT_H

#pragma GCC system_header

#include_next <base/compat.h>

void model_pause(void);
#define tri_pause() model_pause()

#endif
