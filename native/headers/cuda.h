/* Everything of the CUDA driver API that is bound, by entry points whose ABI is the same in CUDA 12
   and 13. */
#include <cuda.h>

/* cuda.h of CUDA 13 maps this name to cuEventElapsedTime_v2, which drivers older than 12.8 lack; the
   plain one is in all of them and does the same for events of one context. */
#undef cuEventElapsedTime
CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end);
