// Preprocess, find the kernels, compile. Results are kept in a cache folder beside the library, as
// g++ takes a second where NVRTC takes hundredths of one.
#include "compiler.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

extern char** environ;

namespace sim {
namespace {

constexpr const char* kShims[] = {"sim_runtime.h", "sim_device.h",  "sim_math.h",
                                  "sim_module.h",  "sim_checked.h", "ptx.cuh"};

bool checked() {
  const char* text = std::getenv("MORSE_SIM_CHECK");
  return text && *text && std::strcmp(text, "0");
}

// The folder that holds this library.
std::string home() {
  Dl_info info;
  dladdr(reinterpret_cast<void*>(&home), &info);
  std::string path = info.dli_fname;
  size_t cut = path.rfind('/');
  return cut == std::string::npos ? "." : path.substr(0, cut);
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool write_text(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  return bool(out.flush());
}

uint64_t hash(const std::string& text, uint64_t seed) {
  for (unsigned char c : text) seed = (seed ^ c) * 0x100000001b3ull;
  return seed;
}

// Code is made for this machine's processor: what it can do is part of every key.
uint64_t processor() {
  static const uint64_t sum = [] {
    std::string text = read_text("/proc/cpuinfo");
    size_t at = text.find("\nflags");
    if (at == std::string::npos) at = text.find("\nFeatures");
    if (at == std::string::npos) return hash("unknown", 0xcbf29ce484222325ull);
    return hash(text.substr(at, text.find('\n', at + 1) - at), 0xcbf29ce484222325ull);
  }();
  return sum;
}

// A temporary folder that goes with its contents.
class Folder {
 public:
  Folder() {
    const char* base = std::getenv("TMPDIR");
    path_ = std::string(base && *base ? base : "/tmp") + "/morse-sim-XXXXXX";
    if (!mkdtemp(path_.data())) path_.clear();
  }
  ~Folder() {
    for (const std::string& file : files_) unlink(file.c_str());
    if (!path_.empty()) rmdir(path_.c_str());
  }
  bool ok() const { return !path_.empty(); }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) {
    std::string plain = name;
    for (char& c : plain) {
      if (c == '/') c = '_';
    }
    files_.push_back(path_ + "/" + plain);
    return files_.back();
  }

 private:
  std::string path_;
  std::vector<std::string> files_;
};

// Runs the compiler; false if it failed. What it says is added to the log.
bool run(const std::vector<std::string>& words, const std::string& messages, Compiled& result) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child;
  int failed = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) {
    result.compiler_missing = true;
    result.log += words[0] + ": " + std::strerror(failed) +
                  "; the simulated NVRTC needs g++ 12 or newer on the PATH (or MORSE_SIM_CXX)\n";
    return false;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.log += read_text(messages);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// End of the group that opens at `at` (a parenthesis).
size_t closing(const std::string& text, size_t at) {
  int depth = 0;
  for (; at < text.size(); at++) {
    if (text[at] == '(') depth++;
    if (text[at] == ')' && --depth == 0) return at;
  }
  return text.size();
}

struct KernelName {
  std::string name, threads = "0";
};

// Replaces `__global__` and `__launch_bounds__(...)` in preprocessed text by blanks, so that places
// in messages stay, and returns the kernels' names.
std::vector<KernelName> take_kernels(std::string& text) {
  static const std::string kGlobal = "__global__", kBounds = "__launch_bounds__";
  std::vector<KernelName> kernels;
  for (size_t at = 0; (at = text.find(kGlobal, at)) != std::string::npos;) {
    text.replace(at, kGlobal.size(), kGlobal.size(), ' ');
    KernelName kernel;
    size_t i = at;
    while (i < text.size() && text[i] != '{' && text[i] != ';') {
      if (text[i] == '#' && (i == 0 || text[i - 1] == '\n')) {
        i = std::min(text.find('\n', i), text.size());
        continue;
      }
      if (!is_word(text[i])) {
        i++;
        continue;
      }
      size_t end = i;
      while (end < text.size() && is_word(text[end])) end++;
      std::string word = text.substr(i, end - i);
      size_t open = text.find_first_not_of(" \t\r\n", end);
      if (open != std::string::npos && text[open] == '(') {
        size_t close = closing(text, open);
        if (word == kBounds) {
          std::string inside = text.substr(open + 1, close - open - 1);
          int depth = 0;
          size_t comma = 0;
          while (comma < inside.size() && (depth || inside[comma] != ',')) {
            depth += inside[comma] == '(';
            depth -= inside[comma] == ')';
            comma++;
          }
          kernel.threads = inside.substr(0, comma);
          text.replace(i, close + 1 - i, close + 1 - i, ' ');
        } else if (word != "__attribute__") {
          kernel.name = word;
          break;
        }
        i = close + 1;
      } else {
        i = end;
      }
    }
    bool known = false;
    for (const KernelName& k : kernels) known |= k.name == kernel.name;
    if (!kernel.name.empty() && !known) kernels.push_back(kernel);
  }
  return kernels;
}

// "-DA=1" as "#define A 1".
std::string definitions_text(const std::vector<std::string>& macros) {
  std::string text;
  for (const std::string& macro : macros) {
    std::string body = macro.substr(2);
    size_t sign = body.find('=');
    if (macro[1] == 'U') {
      text += "#undef " + body + "\n";
    } else if (sign == std::string::npos) {
      text += "#define " + body + " 1\n";
    } else {
      text += "#define " + body.substr(0, sign) + " " + body.substr(sign + 1) + "\n";
    }
  }
  return text;
}

// The table through which the driver finds and calls the kernels.
std::string module_text(const std::vector<KernelName>& kernels, const Source& source) {
  std::string macros;
  for (const std::string& macro : source.macros) {
    if (macro.rfind("-D", 0) == 0) macros += (macros.empty() ? "" : " ") + macro.substr(2);
  }
  std::string text = "\n# 1 \"<module>\"\nstatic const ::sim::Kernel sim_kernels[] = {\n";
  for (const KernelName& k : kernels) {
    std::string entry = "::sim::Entry<decltype(" + k.name + ")>";
    text += "  {\"" + k.name + "\", " + entry + "::run<" + k.name + ">, " + entry + "::count, " +
            entry + "::bytes, unsigned(" + k.threads + ")},\n";
  }
  text += "  {nullptr, nullptr, 0, nullptr, 0}};\n";
  text += "extern \"C\" __attribute__((visibility(\"default\"))) const ::sim::Module "
          "morse_sim_module = {::sim::kVersion, " + std::to_string(source.architecture) +
          ", ::sim::checked, " + std::to_string(kernels.size()) +
          ", sim_kernels, &::sim::runtime, ::sim::shared_marker, R\"(" + macros + ")\"};\n";
  return text;
}

// Products and sums join into one operation, as on a device.
std::vector<std::string> code_flags() {
  std::vector<std::string> flags = {
      "-march=native",      "-ffp-contract=fast", "-fPIC",           "-fno-strict-aliasing", "-fno-gnu-unique",
      "-fno-math-errno",    "-fno-exceptions", "-fno-rtti",            "-fvisibility=hidden",
      "-fno-stack-protector", "-w",            "-fno-asynchronous-unwind-tables"};
  if (checked()) {
    // Plain code, so that an access in the source stays one access; every one calls __tsan_*, which
    // sim_checked.h defines.
    for (const char* flag : {"-O1", "-g1", "-fno-tree-sra", "-fno-ipa-sra", "-fsanitize=thread", "--param",
                             "tsan-instrument-func-entry-exit=0"}) {
      flags.push_back(flag);
    }
  } else {
    flags.push_back("-O2");
  }
  return flags;
}

std::string cache_folder() {
  const char* named = std::getenv("MORSE_SIM_CACHE");
  std::string folder = named && *named ? named : home() + "/cache";
  mkdir(folder.c_str(), 0777);
  return folder;
}

// Written beside and renamed, so that nobody reads half a file.
void store(const std::string& path, const std::string& image) {
  std::string part = path + "." + std::to_string(getpid()) + ".part";
  if (!write_text(part, image) || rename(part.c_str(), path.c_str())) unlink(part.c_str());
}

}  // namespace

int build_number() {
  static const int number = [] {
    Dl_info self;
    dladdr(reinterpret_cast<void*>(&build_number), &self);
    uint64_t sum = hash(read_text(self.dli_fname), processor());
    for (const char* name : kShims) sum = hash(read_text(home() + "/include/" + name), sum);
    return 1000 + int(sum % 9000) + (checked() ? 10000 : 0);
  }();
  return number;
}

Compiled compile(const Source& source) {
  Compiled result;
  Folder folder;
  if (!folder.ok()) {
    result.log = "cannot make a temporary folder; set TMPDIR\n";
    return result;
  }
  // The shims come first: a header of the same name, which holds PTX, gives way to ours.
  std::string shims = home() + "/include";
  for (auto& [name, text] : source.headers) {
    if (name != "ptx.cuh") write_text(folder.file(name), text);
  }
  std::string input = folder.file(source.name.empty() ? "default_program" : source.name);
  write_text(input, source.text);
  const char* chosen = std::getenv("MORSE_SIM_CXX");
  std::string compiler = chosen && *chosen ? chosen : "g++";
  std::string preprocessed = folder.file("preprocessed.ii"), messages = folder.file("messages");

  std::vector<std::string> words = {compiler, "-E", "-x", "c++", "-std=" + source.standard,
                                    "-nostdinc", "-nostdinc++", "-I" + shims, "-I" + folder.path(),
                                    "-D__CUDACC__", "-D__CUDACC_RTC__", "-DMORSE_SIM",
                                    "-D__CUDA_ARCH__=" + std::to_string(source.architecture * 10)};
  if (checked()) words.push_back("-DMORSE_SIM_CHECKED");
  for (const std::string& folder_name : source.includes) words.push_back("-I" + folder_name);
  // Behind the shims, which must not see them.
  std::string definitions = folder.file("definitions");
  write_text(definitions, definitions_text(source.macros));
  for (const std::string& file : {std::string("sim_device.h"), std::string("sim_module.h"), definitions}) {
    words.insert(words.end(), {"-include", file});
  }
  words.insert(words.end(), {"-o", preprocessed, input});
  if (!run(words, messages, result)) return result;

  std::string text = read_text(preprocessed);
  // Messages and barrier sites name files as the caller does.
  for (size_t at; (at = text.find(folder.path() + "/")) != std::string::npos;) {
    text.erase(at, folder.path().size() + 1);
  }
  std::vector<KernelName> kernels = take_kernels(text);
  text += module_text(kernels, source);
  std::vector<std::string> flags = code_flags();
  std::string key = compiler + source.standard + std::to_string(processor());
  for (const std::string& flag : flags) key += flag;
  char name[80];
  std::snprintf(name, sizeof name, "/%016llx%016llx.so",
                (unsigned long long)hash(text, hash(key, 0xcbf29ce484222325ull)),
                (unsigned long long)hash(key, hash(text, 0x9ae16a3b2f90404full)));
  std::string cached = cache_folder() + name;
  result.image = read_text(cached);
  if (!result.image.empty()) {
    result.ok = true;
    return result;
  }

  write_text(preprocessed, text);
  std::string object = folder.file("module.o"), library = folder.file("module.so");
  words = {compiler, "-c", "-x", "c++-cpp-output", "-std=" + source.standard};
  words.insert(words.end(), flags.begin(), flags.end());
  words.insert(words.end(), {"-o", object, preprocessed});
  if (!run(words, messages, result)) return result;
  words = {compiler, "-shared", "-nodefaultlibs", "-Wl,-Bsymbolic", "-o", library, object,
           "-lm",    "-lc",     "-lgcc"};
  if (!run(words, messages, result)) return result;
  result.image = read_text(library);
  result.ok = !result.image.empty();
  if (result.ok) store(cached, result.image);
  return result;
}

}  // namespace sim
