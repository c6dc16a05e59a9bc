// Normal numbers by position, as engine/morse/Noise.java draws them: Philox4x32-10 (Salmon, Moraes,
// Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011) and Box-Muller. The integers are
// the CPU's bit for bit; the normals are computed in double and differ by its last place at most.
#pragma once

struct Philox {
  unsigned w[4];
};

// One block of ten rounds: counter (block, draw, picture, 0) under a key of 64 bits.
__device__ __forceinline__ Philox philox(
    unsigned block, unsigned draw, unsigned picture, unsigned long long seed) {
  unsigned c0 = block;
  unsigned c1 = draw;
  unsigned c2 = picture;
  unsigned c3 = 0;
  unsigned k0 = (unsigned)seed;
  unsigned k1 = (unsigned)(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    unsigned long long p0 = 0xD2511F53ull * c0;
    unsigned long long p1 = 0xCD9E8D57ull * c2;
    c0 = (unsigned)(p1 >> 32) ^ c1 ^ k0;
    c2 = (unsigned)(p0 >> 32) ^ c3 ^ k1;
    c1 = (unsigned)p1;
    c3 = (unsigned)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  Philox out;
  out.w[0] = c0;
  out.w[1] = c1;
  out.w[2] = c2;
  out.w[3] = c3;
  return out;
}

// Two normals of two words. The half keeps the logarithm finite. The angle 2 pi b / 2^32 is brought
// into [-pi/4, pi/4) by integers, where short series of sine and cosine are exact to 1e-11.
__device__ __forceinline__ void box_muller(unsigned a, unsigned b, float& first, float& second) {
  double u = ((double)a + 0.5) * 0x1p-32;
  double radius = sqrt(-2.0 * log(u));
  unsigned quarter = (b + 0x20000000u) >> 30;
  double t = (double)(int)(b - (quarter << 30)) * (0x1p-32 * 6.283185307179586);
  double s = t * t;
  double sine = -1.0 / 39916800;
  sine = fma(sine, s, 1.0 / 362880);
  sine = fma(sine, s, -1.0 / 5040);
  sine = fma(sine, s, 1.0 / 120);
  sine = fma(sine, s, -1.0 / 6);
  sine = fma(sine * s, t, t);
  double cosine = 1.0 / 479001600;
  cosine = fma(cosine, s, -1.0 / 3628800);
  cosine = fma(cosine, s, 1.0 / 40320);
  cosine = fma(cosine, s, -1.0 / 720);
  cosine = fma(cosine, s, 1.0 / 24);
  cosine = fma(cosine, s, -0.5);
  cosine = fma(cosine, s, 1.0);
  bool swap = (quarter & 1) != 0;
  double x = swap ? -sine : cosine;
  double y = swap ? cosine : sine;
  bool negate = (quarter & 2) != 0;
  first = (float)(negate ? -radius * x : radius * x);
  second = (float)(negate ? -radius * y : radius * y);
}

// Normals 4 * block ... 4 * block + 3 of a picture's stream.
__device__ __forceinline__ void normals_of_block(
    float (&out)[4], unsigned block, unsigned draw, unsigned picture, unsigned long long seed) {
  Philox p = philox(block, draw, picture, seed);
  box_muller(p.w[0], p.w[1], out[0], out[1]);
  box_muller(p.w[2], p.w[3], out[2], out[3]);
}

// Normals `first` ... `first` + 3, wherever they lie in their blocks.
__device__ __forceinline__ void normals_at(
    float (&out)[4], long long first, unsigned draw, unsigned picture, unsigned long long seed) {
  if ((first & 3) == 0) {
    normals_of_block(out, (unsigned)(first >> 2), draw, picture, seed);
    return;
  }
#pragma unroll
  for (int j = 0; j < 4; j++) {
    long long i = first + j;
    Philox p = philox((unsigned)(i >> 2), draw, picture, seed);
    bool high = (i & 2) != 0;
    float even;
    float odd;
    box_muller(high ? p.w[2] : p.w[0], high ? p.w[3] : p.w[1], even, odd);
    out[j] = (i & 1) != 0 ? odd : even;
  }
}
