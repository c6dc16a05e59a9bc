// x86-64: the six registers that a call preserves. Elsewhere (and with MORSE_SIM_UCONTEXT defined):
// ucontext, slower and the same.
#include "context.h"

#include <cstdint>

#if defined(__x86_64__) && !defined(MORSE_SIM_UCONTEXT)

asm(R"(
.text
.globl morse_sim_switch_stack
.hidden morse_sim_switch_stack
.type morse_sim_switch_stack, @function
morse_sim_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size morse_sim_switch_stack, .-morse_sim_switch_stack
)");

extern "C" void morse_sim_switch_stack(void** save, void* to);

namespace sim {

void switch_stack(void** save, void* to) { morse_sim_switch_stack(save, to); }

void* new_stack(char* top, void (*entry)()) {
  auto* words = reinterpret_cast<uint64_t*>(top);
  // As if called: the stack pointer is 8 below a multiple of 16 when entry starts.
  words[-1] = 0;
  words[-2] = uint64_t(entry);
  for (int i = 3; i <= 8; i++) words[-i] = 0;
  return words - 8;
}

}  // namespace sim

#else

#include <ucontext.h>

#include <new>

namespace sim {

void switch_stack(void** save, void* to) {
  ucontext_t here;
  *save = &here;
  swapcontext(&here, static_cast<ucontext_t*>(to));
}

void* new_stack(char* top, void (*entry)()) {
  // The context itself takes the highest bytes of the stack.
  char* place = top - (sizeof(ucontext_t) + 63) / 64 * 64;
  auto* context = new (place) ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = place - 128 * 1024;
  context->uc_stack.ss_size = 128 * 1024;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}

}  // namespace sim

#endif
