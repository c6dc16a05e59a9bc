/* Everything of NVTX 3 that is bound. Only declarations: NVTX is header-only in C, its functions are
   inline and look for a tool themselves; to other languages libnvtx3interop (and up to CUDA 12
   libnvToolsExt) exports the same functions as symbols. */
#define NVTX_NO_IMPL
#include <nvtx3/nvToolsExt.h>
