// Takes SIGSEGV and SIGBUS of host threads while they run a block; all others go to the handler that
// was there before (the Java virtual machine has one).
#include "stray.h"

#include <signal.h>

#include <mutex>

#include "memory.h"

namespace sim {
namespace {

thread_local Worker* running = nullptr;
struct sigaction before_segv, before_bus;

void pass_on(const struct sigaction& before, int number, siginfo_t* info, void* context) {
  if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(number, info, context);
  } else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) {
    // Comes again at once and ends the process as it would have.
    signal(number, SIG_DFL);
  } else {
    before.sa_handler(number);
  }
}

void handle(int number, siginfo_t* info, void* context) {
  u64 stack = u64(__builtin_frame_address(0));
  // On a device thread's stack: the fault is the kernel's, since the scheduler has a stack of its own.
  if (running && stack - u64(running->stacks) < 1024 * kStackBytes) {
    fail(self(), CUDA_ERROR_ILLEGAL_ADDRESS,
         "access to " + describe_address(u64(info->si_addr)) +
             " (MORSE_SIM_CHECK=1 finds the line)");
  }
  pass_on(number == SIGSEGV ? before_segv : before_bus, number, info, context);
}

}  // namespace

StrayGuard::StrayGuard(Worker& worker) {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = handle;
    // Not blocked while it runs, as the handler never returns from a kernel's fault.
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before_segv);
    sigaction(SIGBUS, &action, &before_bus);
  });
  running = &worker;
}

StrayGuard::~StrayGuard() { running = nullptr; }

}  // namespace sim
