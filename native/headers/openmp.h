/* The few entry points of the OpenMP runtime that the engine calls: thread counts, and libgomp's
   own way to start a team (its ABI for "#pragma omp parallel", stable since GCC 4.9). */
void omp_set_num_threads(int threads);
int omp_get_max_threads(void);
int omp_get_thread_num(void);
void omp_set_dynamic(int enabled);
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
/* Of OpenMP 5.0 (libgomp since GCC 9); kind 2 is omp_pause_hard. */
int omp_pause_resource_all(int kind);
