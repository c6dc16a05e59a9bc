/* The backend (graph) API of cuDNN 9 and nothing else of it: everything that is bound. */
#include <cudnn_graph.h>
