// Injected errors: MORSE_SIM_FAIL="function:nth:code[,...]" makes the nth call (from 1) of a driver
// function, with or without its _v2, return the code; nth may be "*" for every call. A kernel's name
// in place of a function fails its nth execution, so the error arrives asynchronously.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "device.h"

namespace sim {
namespace {

struct Rule {
  std::string name;
  long nth;  // 0: always
  int code;
};

std::string stem(const std::string& name) {
  size_t cut = name.rfind("_v");
  bool version = cut != std::string::npos && cut + 3 == name.size() && std::isdigit(name[cut + 2]);
  return version ? name.substr(0, cut) : name;
}

std::vector<Rule> parse(const char* text) {
  std::vector<Rule> rules;
  std::string all = text ? text : "";
  for (size_t begin = 0; begin < all.size();) {
    size_t end = std::min(all.find(',', begin), all.size());
    std::string item = all.substr(begin, end - begin);
    size_t first = item.find(':'), second = item.rfind(':');
    if (first == std::string::npos || second == first) {
      std::fprintf(stderr, "morse-sim: MORSE_SIM_FAIL: '%s' is not function:nth:code\n",
                   item.c_str());
    } else {
      rules.push_back({stem(item.substr(0, first)), std::atol(item.c_str() + first + 1),
                       std::atoi(item.c_str() + second + 1)});
    }
    begin = end + 1;
  }
  return rules;
}

}  // namespace

CUresult injected(const char* name) {
  static const auto* rules = new std::vector<Rule>(parse(std::getenv("MORSE_SIM_FAIL")));
  if (rules->empty()) return CUDA_SUCCESS;
  static auto* calls = new std::map<std::string, long>;
  std::string key = stem(name);
  long call = ++(*calls)[key];
  for (const Rule& rule : *rules) {
    if (rule.name == key && (rule.nth == 0 || rule.nth == call)) {
      return raise_fault(CUresult(rule.code),
                         "injected into call " + std::to_string(call) + " of " + name);
    }
  }
  return CUDA_SUCCESS;
}

}  // namespace sim
