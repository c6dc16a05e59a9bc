/* Everything of the run-time compiler that is bound. */
#include <nvrtc.h>
