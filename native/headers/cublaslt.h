/* Everything of cuBLASLt that is bound. */
#include <cublasLt.h>
