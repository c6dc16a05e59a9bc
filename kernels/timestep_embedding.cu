// y[n] = (sin(a), cos(a)) or (cos(a), sin(a)), a_i = scale t[n] exp(-ln(max_period) i / (half - shift)).
//
// Layout:   t float32 or int64 (MORSE_TIME 1) [N]; y T [N, 2 half], rows ldy elements apart.
// Strategy: a thread per pair. Arguments reach 1000, so sine and cosine reduce them in full; the
//           frequency is computed in double, because an error of it is multiplied by t.
// Bytes:    y once. FLOPs: about 100 per element.
// Alone:    n = 1, half = 160, shift 0, scale 1, max_period 10000: SD 1.5's.
#include "common.cuh"

#ifndef MORSE_TIME
#define MORSE_TIME 0
#endif

#if MORSE_TIME == 1
typedef long long Time;
#else
typedef float Time;
#endif

extern "C" __global__ void __launch_bounds__(256) timestep_embedding(
    const Time* t, T* y, int n, int half, int ldy, int cosine_first, float shift, float scale,
    float max_period) {
  long long task = global_thread();
  if (task >= (long long)n * half) {
    return;
  }
  int i = (int)(task % half);
  int row = (int)(task / half);
  double frequency = exp(-log((double)max_period) * i / ((double)half - (double)shift));
  float angle = (float)(scale * (double)t[row] * frequency);
  float sine = sinf(angle);
  float cosine = cosf(angle);
  T* out = y + (long long)row * ldy;
  out[i] = from_float<T>(cosine_first != 0 ? cosine : sine);
  out[half + i] = from_float<T>(cosine_first != 0 ? sine : cosine);
}
