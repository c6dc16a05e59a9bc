// Appended by the simulated NVRTC's compilation: how the driver finds and calls the kernels.
#pragma once

namespace sim {

template <class F>
struct Entry;

template <class... A>
struct Entry<void(A...)> {
  static constexpr u32 count = sizeof...(A);
  static constexpr u32 bytes[sizeof...(A) + 1] = {u32(sizeof(A))..., 0};

  template <size_t... I>
  struct Index {};
  template <size_t N, size_t... I>
  struct Make : Make<N - 1, N - 1, I...> {};
  template <size_t... I>
  struct Make<0, I...> {
    using type = Index<I...>;
  };

  template <void (*F)(A...), size_t... I>
  static void call(void** parameters, Index<I...>) {
    F(*static_cast<A*>(parameters[I])...);
  }
  template <void (*F)(A...)>
  static void run(void** parameters) {
    call<F>(parameters, typename Make<sizeof...(A)>::type{});
  }
};

}  // namespace sim

#ifdef MORSE_SIM_CHECKED
#include "sim_checked.h"
#endif

namespace sim {

#ifdef MORSE_SIM_CHECKED
constexpr u32 checked = 1;
#else
constexpr u32 checked = 0;
#endif

// The marker lies in the same thread-local block as the shared variables of the module.
inline void* shared_marker() {
  static __thread __attribute__((aligned(16))) char marker[16];
  return marker;
}

}  // namespace sim
