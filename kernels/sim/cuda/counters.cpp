// The accesses that the lanes of a warp make at one place in the code for the nth time are one
// request, as if they ran in step. A request of shared memory takes one cycle per 4-byte word that
// its fullest bank has to give; accesses of 8 and 16 bytes go by halves and quarters of the warp. A
// request of global memory moves the 32-byte sectors that it touches.
#include "counters.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <unordered_map>

#include "device.h"

namespace sim {
namespace {

constexpr u64 kSampledBlocks = 8;
// Requests that wait for lanes at most; a warp that diverges for longer is counted by parts.
constexpr size_t kOpen = 1 << 16;

struct Sums {
  u64 requests = 0, units = 0, ideal = 0;
};

struct KernelSums {
  u64 launches = 0, blocks = 0, sampled = 0;
  Sums shared_load, shared_store, global_load, global_store;
};

struct Request {
  u32 lanes = 0, bytes = 0;
  u64 address[kWarp];
};

struct Key {
  const void* where;
  u32 turn;
  bool shared, write;
  bool operator==(const Key& o) const {
    return where == o.where && turn == o.turn && shared == o.shared && write == o.write;
  }
};

struct KeyHash {
  size_t operator()(const Key& k) const {
    return size_t(k.where) * 31 + k.turn * 0x9e3779b97f4a7c15ull + k.shared * 2 + k.write;
  }
};

struct WarpTrace {
  std::unordered_map<Key, Request, KeyHash> open;
  std::map<std::pair<const void*, bool>, u32> turns[kWarp];
};

struct State {
  bool on = !settings().counters.empty();
  std::map<std::string, KernelSums> kernels;
  KernelSums* current = nullptr;
  u64 stride = 1, index = 0;
  bool sampling = false;
  WarpTrace warps[kWarp];
};

State& state() {
  static State* s = [] {
    auto* made = new State;
    if (made->on) std::atexit(write_counters);
    return made;
  }();
  return *s;
}

Sums& sums_of(KernelSums& k, bool shared, bool write) {
  return shared ? (write ? k.shared_store : k.shared_load) : (write ? k.global_store : k.global_load);
}

void close_shared(const Request& r, Sums& sums) {
  u32 parts = r.bytes <= 4 ? 1 : r.bytes <= 8 ? 2 : 4;
  u64 cycles = 0;
  std::set<u64> all;
  for (u32 part = 0; part < parts; part++) {
    std::set<u64> words[32];
    for (u32 lane = part * 32 / parts; lane < (part + 1) * 32 / parts; lane++) {
      if (!(r.lanes >> lane & 1)) continue;
      for (u64 word = r.address[lane] / 4; word <= (r.address[lane] + r.bytes - 1) / 4; word++) {
        words[word % 32].insert(word);
        all.insert(word);
      }
    }
    size_t most = 0;
    for (auto& bank : words) most = std::max(most, bank.size());
    cycles += most;
  }
  sums.requests++;
  sums.units += cycles;
  sums.ideal += (all.size() + 31) / 32;
}

void close_global(const Request& r, Sums& sums) {
  std::set<u64> sectors, distinct;
  for (u32 lane = 0; lane < kWarp; lane++) {
    if (!(r.lanes >> lane & 1)) continue;
    for (u64 s = r.address[lane] / 32; s <= (r.address[lane] + r.bytes - 1) / 32; s++) {
      sectors.insert(s);
    }
    // Lanes that read the same bytes need them once.
    distinct.insert(r.address[lane]);
  }
  sums.requests++;
  sums.units += sectors.size();
  sums.ideal += std::min<u64>((distinct.size() * r.bytes + 31) / 32, sectors.size());
}

void close(const Key& key, const Request& request) {
  Sums& sums = sums_of(*state().current, key.shared, key.write);
  key.shared ? close_shared(request, sums) : close_global(request, sums);
}

void close_all(WarpTrace& trace) {
  for (auto& [key, request] : trace.open) close(key, request);
  trace.open.clear();
}

void count(Thread& t, const Access& a, u64 address, bool shared) {
  State& s = state();
  if (!s.sampling || !a.where || !a.bytes) return;
  WarpTrace& trace = s.warps[t.warp];
  u32 turn = trace.turns[t.lane][{a.where, a.write}]++;
  Key key{a.where, turn, shared, a.write};
  Request& request = trace.open[key];
  request.lanes |= 1u << t.lane;
  request.bytes = a.bytes;
  request.address[t.lane] = address;
  if (request.lanes == t.worker->warps[t.warp].exists) {
    close(key, request);
    trace.open.erase(key);
  } else if (trace.open.size() > kOpen) {
    close_all(trace);
  }
}

void print(std::FILE* out, const char* name, const char* unit, const Sums& s, const char* end) {
  std::fprintf(out, "\"%s\": {\"requests\": %llu, \"%s\": %llu, \"ideal\": %llu}%s", name, s.requests,
               unit, s.units, s.ideal, end);
}

}  // namespace

void count_launch(const Launch& launch) {
  State& s = state();
  if (!s.on) return;
  std::string name = launch.kernel->name;
  if (*launch.image->module->macros) name += std::string(" ") + launch.image->module->macros;
  s.current = &s.kernels[name];
  s.current->launches++;
  u64 blocks = u64(launch.grid.x) * launch.grid.y * launch.grid.z;
  s.current->blocks += blocks;
  s.stride = (blocks + kSampledBlocks - 1) / kSampledBlocks;
  s.index = 0;
}

void count_block_start(Worker&) {
  State& s = state();
  s.sampling = s.on && s.current && s.index++ % s.stride == 0;
  if (s.sampling) s.current->sampled++;
}

void count_block_end(Worker& worker) {
  State& s = state();
  if (!s.sampling) return;
  for (u32 w = 0; w < worker.warp_count; w++) {
    close_all(s.warps[w]);
    for (auto& turns : s.warps[w].turns) turns.clear();
  }
  s.sampling = false;
}

void count_shared(Thread& t, const Access& a, u64 offset) { count(t, a, offset, true); }

void count_global(Thread& t, const Access& a) { count(t, a, a.address, false); }

void write_counters() {
  State& s = state();
  if (!s.on) return;
  std::string part = settings().counters + ".part";
  std::FILE* out = std::fopen(part.c_str(), "w");
  if (!out) {
    std::fprintf(stderr, "morse-sim: cannot write %s\n", part.c_str());
    return;
  }
  std::fprintf(out, "[");
  const char* separator = "\n";
  for (auto& [name, k] : s.kernels) {
    size_t cut = name.find(' ');
    std::string kernel = name.substr(0, cut);
    std::string macros = cut == std::string::npos ? "" : name.substr(cut + 1);
    std::fprintf(out,
                 "%s{\"kernel\": \"%s\", \"macros\": \"%s\", \"launches\": %llu, \"blocks\": %llu, "
                 "\"sampled_blocks\": %llu, ",
                 separator, kernel.c_str(), macros.c_str(), k.launches, k.blocks, k.sampled);
    print(out, "shared_loads", "cycles", k.shared_load, ", ");
    print(out, "shared_stores", "cycles", k.shared_store, ", ");
    print(out, "global_loads", "sectors", k.global_load, ", ");
    print(out, "global_stores", "sectors", k.global_store, "}");
    separator = ",\n";
  }
  std::fprintf(out, "\n]\n");
  std::fclose(out);
  std::rename(part.c_str(), settings().counters.c_str());
}

}  // namespace sim
