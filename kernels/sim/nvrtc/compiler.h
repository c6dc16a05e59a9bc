// Turns CUDA C++ into a module for the simulated driver with the host's C++ compiler.
#pragma once
#include <string>
#include <vector>

namespace sim {

struct Source {
  std::string name, text;
  std::vector<std::pair<std::string, std::string>> headers;  // name, text
  std::vector<std::string> macros;                           // -Dx=y, -Ux
  std::vector<std::string> includes;                         // -Ifolder
  std::string standard = "c++17";
  int architecture = 75;
};

struct Compiled {
  bool ok = false;
  bool compiler_missing = false;
  std::string image, log;
};

Compiled compile(const Source& source);

// A number that changes with the simulator's headers and with the kind of code it makes, so that
// whoever caches compiled kernels by compiler version never takes one for another.
int build_number();

}  // namespace sim
