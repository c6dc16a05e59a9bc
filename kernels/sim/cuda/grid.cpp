// Spreads the blocks of a launch over a few host threads.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <thread>
#include <vector>

#include "counters.h"
#include "device.h"
#include "runtime.h"
#include "stray.h"

namespace sim {
namespace {

struct Job {
  const Launch* launch = nullptr;
  std::atomic<u64> next{0};
  u64 blocks = 0;
  std::atomic<bool> stop{false};
};

Index3 index_of(u64 block, const Index3& grid) {
  return {u32(block % grid.x), u32(block / grid.x % grid.y), u32(block / grid.x / grid.y)};
}

// Takes blocks until there are none, or one failed.
void work(Worker& worker, Job& job) {
  prepare(worker, *job.launch);
  StrayGuard guard(worker);
  while (!job.stop) {
    u64 block = job.next++;
    if (block >= job.blocks) return;
    if (run_block(worker, index_of(block, job.launch->grid))) job.stop = true;
  }
}

// The helpers live as long as the process: they are idle whenever no kernel runs.
class Team {
 public:
  explicit Team(size_t size) {
    for (size_t i = 0; i < size; i++) workers_.push_back(std::make_unique<Worker>());
    for (size_t i = 1; i < size; i++) std::thread([this, i] { serve(i); }).detach();
  }

  // All of them, or the caller alone where a launch is too small to be worth waking anybody.
  CUresult run(Job& job, bool together) {
    size_t helpers = together ? workers_.size() - 1 : 0;
    if (helpers) {
      std::lock_guard<std::mutex> lock(mutex_);
      job_ = &job;
      busy_ = helpers;
      turn_++;
      wake_.notify_all();
    }
    work(*workers_[0], job);
    if (helpers) {
      std::unique_lock<std::mutex> lock(mutex_);
      idle_.wait(lock, [this] { return busy_ == 0; });
    }
    for (size_t i = 0; i <= helpers; i++) {
      Worker& worker = *workers_[i];
      if (worker.fault) return raise_fault(worker.fault, worker.message);
    }
    return CUDA_SUCCESS;
  }

 private:
  void serve(size_t index) {
    u64 seen = 0;
    for (;;) {
      Job* job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return turn_ != seen; });
        seen = turn_;
        job = job_;
      }
      work(*workers_[index], *job);
      std::lock_guard<std::mutex> lock(mutex_);
      if (--busy_ == 0) idle_.notify_one();
    }
  }

  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  Job* job_ = nullptr;
  size_t busy_ = 0;
  u64 turn_ = 0;
};

}  // namespace

CUresult run_launch(const Launch& launch) {
  static Team* team = new Team(size_t(settings().threads));
  Job job;
  job.launch = &launch;
  job.blocks = u64(launch.grid.x) * launch.grid.y * launch.grid.z;
  u64 threads = job.blocks * launch.block.x * launch.block.y * launch.block.z;
  if (settings().check) count_launch(launch);
  return team->run(job, job.blocks > 1 && threads >= 2048);
}

}  // namespace sim
