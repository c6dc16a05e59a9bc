// libnvrtc of the simulated device: NVRTC's interface over the host's compiler.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_set>

#include "compiler.h"
#include "nvrtc_types.h"

#define SIM_API extern "C" __attribute__((visibility("default")))

struct Program {
  sim::Source source;
  sim::Compiled compiled;
  bool done = false;
};
using nvrtcProgram = Program*;

namespace {

constexpr int kArchitectures[] = {75, 80, 86, 87, 89, 90, 100, 103, 120};

std::mutex& lock() {
  static auto* mutex = new std::mutex;
  return *mutex;
}

std::unordered_set<Program*>& programs() {
  static auto* all = new std::unordered_set<Program*>;
  return *all;
}

bool known(Program* program) {
  std::lock_guard<std::mutex> guard(lock());
  return programs().count(program);
}

// Drops `prefix` from the front of the option; false if it does not start with it.
bool cut(std::string& option, const char* prefix) {
  if (option.rfind(prefix, 0)) return false;
  option.erase(0, std::strlen(prefix));
  return true;
}

// Options without a meaning here that NVRTC takes.
bool is_harmless(const std::string& option) {
  static const char* const kPrefixes[] = {
      "--use_fast_math", "-use_fast_math", "--fmad=",       "-fmad=",        "--maxrregcount=",
      "-maxrregcount=",  "--ftz=",         "-ftz=",         "--prec-div=",   "-prec-div=",
      "--prec-sqrt=",    "-prec-sqrt=",    "-lineinfo",     "--generate-line-info",
      "-default-device", "--device-as-default-execution-space",              "--extra-device-vectorization",
      "--diag-suppress=", "-diag-suppress=", "--restrict",  "-restrict",     "--ptxas-options=",
      "-w",              "--disable-warnings", "--split-compile=",            "-dopt=", "--dopt="};
  for (const char* prefix : kPrefixes) {
    if (!option.rfind(prefix, 0)) return true;
  }
  return false;
}

nvrtcResult refuse(Program& program, const std::string& text) {
  program.compiled.log = text + "\n";
  return NVRTC_ERROR_INVALID_OPTION;
}

// "sm_90a" gives 90.
nvrtcResult take_architecture(Program& program, const std::string& text) {
  size_t cut_at = text.find('_');
  int number = cut_at == std::string::npos ? 0 : std::atoi(text.c_str() + cut_at + 1);
  for (int known : kArchitectures) {
    if (known == number) {
      program.source.architecture = number;
      return NVRTC_SUCCESS;
    }
  }
  return refuse(program, "nvrtc: error: invalid value for --gpu-architecture (-arch): " + text);
}

nvrtcResult take_options(Program& program, int count, const char* const* options) {
  for (int i = 0; i < count; i++) {
    std::string o = options[i];
    bool more = i + 1 < count;
    if (cut(o, "--gpu-architecture=") || cut(o, "-arch=")) {
      if (nvrtcResult bad = take_architecture(program, o)) return bad;
    } else if (cut(o, "--std=") || cut(o, "-std=")) {
      program.source.standard = o;
    } else if (cut(o, "--define-macro=") || (o != "-D" && cut(o, "-D"))) {
      program.source.macros.push_back("-D" + o);
    } else if (o == "-D" && more) {
      program.source.macros.push_back(std::string("-D") + options[++i]);
    } else if (cut(o, "--undefine-macro=") || cut(o, "-U")) {
      program.source.macros.push_back("-U" + o);
    } else if (cut(o, "--include-path=") || (o != "-I" && cut(o, "-I"))) {
      program.source.includes.push_back(o);
    } else if (o == "-I" && more) {
      program.source.includes.push_back(options[++i]);
    } else if (!is_harmless(o)) {
      return refuse(program, "nvrtc: error: unrecognized option " + std::string(options[i]));
    }
  }
  return NVRTC_SUCCESS;
}

}  // namespace

SIM_API const char* nvrtcGetErrorString(nvrtcResult result) {
  switch (result) {
    case NVRTC_SUCCESS: return "NVRTC_SUCCESS";
    case NVRTC_ERROR_OUT_OF_MEMORY: return "NVRTC_ERROR_OUT_OF_MEMORY";
    case NVRTC_ERROR_PROGRAM_CREATION_FAILURE: return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
    case NVRTC_ERROR_INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_COMPILATION: return "NVRTC_ERROR_COMPILATION";
    case NVRTC_ERROR_BUILTIN_OPERATION_FAILURE: return "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE";
    case NVRTC_ERROR_INTERNAL_ERROR: return "NVRTC_ERROR_INTERNAL_ERROR";
    default: return "NVRTC_ERROR unknown";
  }
}

// MORSE_SIM_NVRTC=12.4 and the like makes it look like another version.
SIM_API nvrtcResult nvrtcVersion(int* major, int* minor) {
  if (!major || !minor) return NVRTC_ERROR_INVALID_INPUT;
  *major = 13;
  *minor = sim::build_number();
  if (const char* text = std::getenv("MORSE_SIM_NVRTC")) std::sscanf(text, "%d.%d", major, minor);
  return NVRTC_SUCCESS;
}

SIM_API nvrtcResult nvrtcGetNumSupportedArchs(int* count) {
  if (!count) return NVRTC_ERROR_INVALID_INPUT;
  *count = int(sizeof kArchitectures / sizeof *kArchitectures);
  return NVRTC_SUCCESS;
}

SIM_API nvrtcResult nvrtcGetSupportedArchs(int* architectures) {
  if (!architectures) return NVRTC_ERROR_INVALID_INPUT;
  std::memcpy(architectures, kArchitectures, sizeof kArchitectures);
  return NVRTC_SUCCESS;
}

SIM_API nvrtcResult nvrtcCreateProgram(nvrtcProgram* program, const char* source, const char* name,
                                       int headers, const char* const* texts,
                                       const char* const* names) {
  if (!program || !source || headers < 0 || (headers && (!texts || !names))) {
    return NVRTC_ERROR_INVALID_INPUT;
  }
  auto* made = new Program;
  made->source.text = source;
  made->source.name = name ? name : "";
  for (int i = 0; i < headers; i++) made->source.headers.push_back({names[i], texts[i]});
  std::lock_guard<std::mutex> guard(lock());
  programs().insert(made);
  *program = made;
  return NVRTC_SUCCESS;
}

SIM_API nvrtcResult nvrtcDestroyProgram(nvrtcProgram* program) {
  if (!program || !known(*program)) return NVRTC_ERROR_INVALID_PROGRAM;
  std::lock_guard<std::mutex> guard(lock());
  programs().erase(*program);
  delete *program;
  *program = nullptr;
  return NVRTC_SUCCESS;
}

SIM_API nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int count, const char* const* options) {
  if (!known(program)) return NVRTC_ERROR_INVALID_PROGRAM;
  if (count < 0 || (count && !options)) return NVRTC_ERROR_INVALID_INPUT;
  if (nvrtcResult bad = take_options(*program, count, options)) return bad;
  program->compiled = sim::compile(program->source);
  program->done = program->compiled.ok;
  if (program->done) return NVRTC_SUCCESS;
  return program->compiled.compiler_missing ? NVRTC_ERROR_BUILTIN_OPERATION_FAILURE
                                            : NVRTC_ERROR_COMPILATION;
}

SIM_API nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t* bytes) {
  if (!known(program)) return NVRTC_ERROR_INVALID_PROGRAM;
  if (!bytes) return NVRTC_ERROR_INVALID_INPUT;
  *bytes = program->compiled.log.size() + 1;
  return NVRTC_SUCCESS;
}

SIM_API nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char* log) {
  if (!known(program)) return NVRTC_ERROR_INVALID_PROGRAM;
  if (!log) return NVRTC_ERROR_INVALID_INPUT;
  std::memcpy(log, program->compiled.log.c_str(), program->compiled.log.size() + 1);
  return NVRTC_SUCCESS;
}

SIM_API nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t* bytes) {
  if (!known(program) || !program->done) return NVRTC_ERROR_INVALID_PROGRAM;
  if (!bytes) return NVRTC_ERROR_INVALID_INPUT;
  *bytes = program->compiled.image.size();
  return NVRTC_SUCCESS;
}

SIM_API nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char* image) {
  if (!known(program) || !program->done) return NVRTC_ERROR_INVALID_PROGRAM;
  if (!image) return NVRTC_ERROR_INVALID_INPUT;
  std::memcpy(image, program->compiled.image.data(), program->compiled.image.size());
  return NVRTC_SUCCESS;
}

// There is no intermediate form; drivers take the image in its place.
SIM_API nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t* bytes) {
  return nvrtcGetCUBINSize(program, bytes);
}

SIM_API nvrtcResult nvrtcGetPTX(nvrtcProgram program, char* image) {
  return nvrtcGetCUBIN(program, image);
}
