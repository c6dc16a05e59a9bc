// The fused residual-feedback step: everything between a model's last layer and the next model's
// input.
//
//   e_j  = z_j + r_j                                 j: halves; r only at a step of Dot
//   z    = e_0 + guidance * (e_1 - e_0)              with guidance; else e_0
//   z    = z + g * gradient                          where g is not 0
//   x0   = min(max(p x + q z, -limit), limit)
//   x'   = a x0 + b x + c z + d noise + h_0 H_0 + h_1 H_1 + h_2 H_2
//   H[slot] = u x + v x0 + w z                       where slot is not negative
//   input_i = x' in every half;  timesteps;  counter + 1
//
// Layout:   x, gradient, history float32; z, residual, inputs T: [pictures, pixels, channels] with
//           MORSE_NHWC 1, else [pictures, channels, pixels]. The factors lie in a device table that
//           a step counter indexes, so that a captured graph serves every step of a generation.
// Strategy: one pass. Where noise is drawn, a thread takes four adjacent pixels of one channel,
//           because a Philox block gives four normals that are adjacent in [channels, pixels]; else
//           four elements that are adjacent in memory. The block that ends last moves the counter
//           on; all others have read it by then.
// Bytes:    per element 4 read and 4 written for x, `halves` times 2 or 4 for z, r and each input,
//           4 per history term: each tensor moves once. FLOPs: about 20; 200 more where noise is
//           drawn.
// Alone:    ABI.md gives the table; one record and a counter of zeros are enough.
#include "common.cuh"
#include "philox.cuh"

struct StepRecord {
  float p, q, limit, a, b, c, d, g;
  float h[3];
  float guidance;
  int slot;
  float u, v, w;
  int draw;
  float next_time;
  long long next_time_integer;
  int unused[12];
};
static_assert(sizeof(StepRecord) == 128, "ABI.md: 32 words");

// Four elements of every tensor of the step: four pixels of one channel where noise is drawn, and
// else four that lie side by side in memory.
struct Place {
  int picture;
  int channel;
  int pixel;
  int count;         // elements that exist, 1..4
  long long at;      // the first one in dense tensors
  long long stride;  // elements between two of them
};

__device__ __forceinline__ Place adjacent(long long task, long long elements) {
  Place p;
  p.picture = 0;
  p.channel = 0;
  p.pixel = 0;
  p.at = 4 * task;
  p.stride = 1;
  p.count = (int)min(4ll, elements - p.at);
  return p;
}

__device__ __forceinline__ Place place_of(long long task, int channels, int pixels) {
  int quads = (pixels + 3) / 4;
  Place p;
#if MORSE_NHWC
  p.channel = (int)(task % channels);
  long long rest = task / channels;
  p.pixel = (int)(rest % quads) * 4;
  p.picture = (int)(rest / quads);
  p.at = ((long long)p.picture * pixels + p.pixel) * channels + p.channel;
  p.stride = channels;
#else
  p.pixel = (int)(task % quads) * 4;
  long long rest = task / quads;
  p.channel = (int)(rest % channels);
  p.picture = (int)(rest / channels);
  p.at = ((long long)p.picture * channels + p.channel) * pixels + p.pixel;
  p.stride = 1;
#endif
  p.count = min(4, pixels - p.pixel);
  return p;
}

// Eight bytes: four elements of 16 bits.
struct __align__(8) Pair {
  unsigned w[2];
};

template <class E>
__device__ __forceinline__ bool whole(const E* p, long long stride, int count) {
  return stride == 1 && count == 4 && (unsigned long long)p % (4 * sizeof(E)) == 0;
}

template <class E>
__device__ __forceinline__ void load_four(
    float (&out)[4], const E* from, long long stride, int count) {
  if (whole(from, stride, count)) {
    if constexpr (sizeof(E) == 4) {
      Vector<E, 4>::load(out, from);
    } else {
      Pair p = *reinterpret_cast<const Pair*>(from);
      unpack<E>(p.w[0], out[0], out[1]);
      unpack<E>(p.w[1], out[2], out[3]);
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < 4; j++) {
    out[j] = j < count ? to_float(from[j * stride]) : 0.0f;
  }
}

template <class E>
__device__ __forceinline__ void store_four(
    E* to, const float (&in)[4], long long stride, int count) {
  if (whole(to, stride, count)) {
    if constexpr (sizeof(E) == 4) {
      Vector<E, 4>::store(to, in);
    } else {
      Pair p;
      p.w[0] = pack<E>(in[0], in[1]);
      p.w[1] = pack<E>(in[2], in[3]);
      *reinterpret_cast<Pair*>(to) = p;
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < 4; j++) {
    if (j < count) {
      to[j * stride] = from_float<E>(in[j]);
    }
  }
}

// The next model's input: every half gets the same picture.
__device__ __forceinline__ void store_input(
    T* input, const float (&x)[4], const Place& p, int pictures, int channels, int pixels,
    int halves, int ld) {
  if (input == nullptr) {
    return;
  }
  long long elements = (long long)pictures * channels * pixels;
  for (int half = 0; half < halves; half++) {
#if MORSE_NHWC
    if (ld != channels) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        if (j < p.count) {
          long long at = half * elements + p.at + j * p.stride;
          input[at / channels * ld + at % channels] = from_float<T>(x[j]);
        }
      }
      continue;
    }
#endif
    store_four(input + half * elements + p.at, x, p.stride, p.count);
  }
}

__device__ __forceinline__ void store_time(
    void* to, int kind, int count, float time, long long integer) {
  if (to == nullptr) {
    return;
  }
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    if (kind == 0) {
      static_cast<float*>(to)[i] = time;
    } else if (kind == 1) {
      static_cast<T*>(to)[i] = from_float<T>(time);
    } else if (kind == 2) {
      static_cast<long long*>(to)[i] = integer;
    } else {
      static_cast<int*>(to)[i] = (int)integer;
    }
  }
}

extern "C" __global__ void __launch_bounds__(256, 3) residual_feedback_step(
    float* x, const T* z, const T* residual, const float* gradient, float* history, const float* noise, T* input0,
    T* input1, void* time0, void* time1, const StepRecord* table, int* counter, int* fault,
    int pictures, int channels, int pixels, int halves, int ld0, int ld1, int kind0, int count0,
    int kind1, int count1, int picture, long long seed) {
  int step = *static_cast<volatile int*>(counter);
  // In shared memory, since 20 factors would fill the registers.
  __shared__ StepRecord f;
  if (threadIdx.x < sizeof(StepRecord) / 4) {
    reinterpret_cast<int*>(&f)[threadIdx.x] =
        reinterpret_cast<const int*>(table + step)[threadIdx.x];
  }
  __syncthreads();
  long long elements = (long long)pictures * channels * pixels;
  bool drawn = f.draw > 0;
  long long tasks =
      drawn ? (long long)pictures * channels * ((pixels + 3) / 4) : (elements + 3) / 4;
  for (long long task = global_thread(); task < tasks; task += global_threads()) {
    Place place = drawn ? place_of(task, channels, pixels) : adjacent(task, elements);
    // First, while few registers are taken.
    float next[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    if (drawn) {
      float n[4];
      long long first = (long long)place.channel * pixels + place.pixel;
      if (noise != nullptr) {
        long long at = ((f.draw - 1) * (long long)pictures + place.picture) * channels * pixels;
        load_four(n, noise + at + first, 1, place.count);
      } else {
        normals_at(
            n, first, (unsigned)f.draw, (unsigned)(picture + place.picture),
            (unsigned long long)seed);
      }
#pragma unroll
      for (int j = 0; j < 4; j++) {
        next[j] = f.d * n[j];
      }
    }
    float sample[4];
    float estimate[4];
    load_four(sample, x + place.at, place.stride, place.count);
    load_four(estimate, z + place.at, place.stride, place.count);
    if (residual != nullptr) {
      float r[4];
      load_four(r, residual + place.at, place.stride, place.count);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        estimate[j] += r[j];
      }
    }
    if (halves == 2) {
      float other[4];
      load_four(other, z + elements + place.at, place.stride, place.count);
      if (residual != nullptr) {
        float r[4];
        load_four(r, residual + elements + place.at, place.stride, place.count);
#pragma unroll
        for (int j = 0; j < 4; j++) {
          other[j] += r[j];
        }
      }
#pragma unroll
      for (int j = 0; j < 4; j++) {
        estimate[j] += f.guidance * (other[j] - estimate[j]);
      }
    }
    if (f.g != 0.0f) {
      float gradients[4];
      load_four(gradients, gradient + place.at, place.stride, place.count);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        estimate[j] += f.g * gradients[j];
      }
    }
    float keep[4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      float start = f.p * sample[j] + f.q * estimate[j];
      // Ordered so that NaN stays NaN, as in the reference.
      start = start > f.limit ? f.limit : start < -f.limit ? -f.limit : start;
      next[j] += f.b * sample[j] + f.c * estimate[j] + f.a * start;
      keep[j] = f.u * sample[j] + f.w * estimate[j] + f.v * start;
    }
    // Before it is written: a step may replace what it reads.
#pragma unroll 1
    for (int k = 0; k < 3; k++) {
      if (f.h[k] != 0.0f) {
        float h[4];
        load_four(h, history + k * elements + place.at, place.stride, place.count);
#pragma unroll
        for (int j = 0; j < 4; j++) {
          next[j] += f.h[k] * h[j];
        }
      }
    }
    if (f.slot >= 0) {
      store_four(history + f.slot * elements + place.at, keep, place.stride, place.count);
    }
    store_four(x + place.at, next, place.stride, place.count);
    if (fault != nullptr) {
      bool finite = true;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        finite = finite && (j >= place.count || fabsf(next[j]) <= 3.402823466e38f);
      }
      // All threads of a step write one value, and steps follow each other.
      if (!finite && *fault == 0) {
        *fault = step + 1;
      }
    }
    store_input(input0, next, place, pictures, channels, pixels, halves, ld0);
    store_input(input1, next, place, pictures, channels, pixels, halves, ld1);
  }
  if (blockIdx.x == 0) {
    store_time(time0, kind0, count0, f.next_time, f.next_time_integer);
    store_time(time1, kind1, count1, f.next_time, f.next_time_integer);
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    if (atomicAdd(counter + 1, 1) == (int)gridDim.x - 1) {
      counter[1] = 0;
      counter[0] = step + 1;
    }
  }
}

// The first sample: noise (drawn with counter word 0, or from memory) times its scale.
extern "C" __global__ void __launch_bounds__(256, 2) residual_feedback_start(
    float* x, const float* noise, T* input0, T* input1, void* time0, void* time1, int* counter,
    int pictures, int channels, int pixels, int halves, int ld0, int ld1, int kind0, int count0,
    int kind1, int count1, int picture, long long seed, float noise_scale, float next_time,
    long long next_time_integer) {
  long long tasks = (long long)pictures * channels * ((pixels + 3) / 4);
  for (long long task = global_thread(); task < tasks; task += global_threads()) {
    Place place = place_of(task, channels, pixels);
    long long first = (long long)place.channel * pixels + place.pixel;
    float n[4];
    if (noise != nullptr) {
      long long at = (long long)place.picture * channels * pixels;
      load_four(n, noise + at + first, 1, place.count);
    } else {
      normals_at(
          n, first, 0, (unsigned)(picture + place.picture), (unsigned long long)seed);
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      n[j] *= noise_scale;
    }
    store_four(x + place.at, n, place.stride, place.count);
    store_input(input0, n, place, pictures, channels, pixels, halves, ld0);
    store_input(input1, n, place, pictures, channels, pixels, halves, ld1);
  }
  if (blockIdx.x == 0) {
    store_time(time0, kind0, count0, next_time, next_time_integer);
    store_time(time1, kind1, count1, next_time, next_time_integer);
    if (threadIdx.x < 2) {
      counter[threadIdx.x] = 0;
    }
  }
}
