// Modules: a "cubin" is a shared object that the simulated NVRTC made.
#include "module.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "device.h"
#include "memory.h"
#include "runtime.h"
#include "stream.h"

namespace sim {
namespace {

// A cubin carries no length; an ELF file's section headers stand at its end and say where that is.
size_t image_bytes(const void* image) {
  Elf64_Ehdr header;
  std::memcpy(&header, image, sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64) {
    return 0;
  }
  return header.e_shoff + size_t(header.e_shentsize) * header.e_shnum;
}

// Finds where the library lies, and the thread-local block that holds its __shared__ variables.
void measure(Image& image) {
  auto* marker = static_cast<char*>(image.module->marker());
  link_map* map;
  if (dlinfo(image.library, RTLD_DI_LINKMAP, &map)) return;
  struct Search {
    Image& image;
    char* marker;
    uintptr_t base;
  } search{image, marker, map->l_addr};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto* s = static_cast<Search*>(data);
        if (info->dlpi_addr != s->base) return 0;
        s->image.loaded = s->base;
        for (int i = 0; i < info->dlpi_phnum; i++) {
          auto& segment = info->dlpi_phdr[i];
          if (segment.p_type == PT_TLS) {
            s->image.shared_block = segment.p_memsz;
            s->image.static_shared = segment.p_memsz - 16;
            s->image.marker_offset = size_t(s->marker - static_cast<char*>(info->dlpi_tls_data));
          } else if (segment.p_type == PT_LOAD) {
            s->image.loaded_bytes =
                std::max<uint64_t>(s->image.loaded_bytes, segment.p_vaddr + segment.p_memsz);
          }
        }
        return 1;
      },
      &search);
}

CUresult load(const void* bytes, LoadedModule** out) {
  size_t size = image_bytes(bytes);
  if (!size) return CUDA_ERROR_INVALID_IMAGE;
  int file = memfd_create("morse-sim-module", MFD_CLOEXEC);
  if (file < 0) return CUDA_ERROR_OUT_OF_MEMORY;
  for (size_t done = 0; done < size;) {
    ssize_t wrote = write(file, static_cast<const char*>(bytes) + done, size - done);
    if (wrote <= 0) {
      close(file);
      return CUDA_ERROR_OUT_OF_MEMORY;
    }
    done += size_t(wrote);
  }
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  auto image = std::make_shared<Image>();
  // The file stays open as long as the library: a second one of the same path would be taken for it.
  image->file = file;
  image->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!image->library) {
    std::fprintf(stderr, "morse-sim: module: %s\n", dlerror());
    return CUDA_ERROR_INVALID_IMAGE;
  }
  image->module = static_cast<const Module*>(dlsym(image->library, "morse_sim_module"));
  if (!image->module || image->module->version != kVersion) return CUDA_ERROR_INVALID_IMAGE;
  if (image->module->architecture > u32(settings().architecture)) {
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  *image->module->runtime = runtime();
  measure(*image);
  *out = new LoadedModule{image, {}};
  remember_handle(*out, "module");
  return CUDA_SUCCESS;
}

}  // namespace

Image::~Image() {
  if (library) dlclose(library);
  if (file >= 0) close(file);
}

unsigned char* Image::shared() const {
  return static_cast<unsigned char*>(module->marker()) - marker_offset;
}

std::string Image::place(const void* address) const {
  uint64_t offset = uint64_t(address) - loaded;
  if (!address || offset >= loaded_bytes) return "";
  char command[160], line[300] = "";
  // The address is where the call returns to: one less lies in the line of the call.
  std::snprintf(command, sizeof command, "addr2line -e /proc/%d/fd/%d 0x%llx 2>/dev/null", getpid(),
                file, (unsigned long long)offset - 1);
  FILE* pipe = popen(command, "r");
  if (!pipe) return "";
  if (!std::fgets(line, sizeof line, pipe)) line[0] = 0;
  pclose(pipe);
  std::string text = line;
  while (!text.empty() && (text.back() == '\n' || text.back() == ')' )) text.pop_back();
  size_t note = text.find(" (");
  if (note != std::string::npos) text.erase(note);
  size_t folder = text.rfind('/');
  if (folder != std::string::npos) text.erase(0, folder + 1);
  return text.empty() || text[0] == '?' ? "" : text;
}

}  // namespace sim

using namespace sim;

SIM_API CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  SIM_ENTER_CONTEXT(cuModuleLoadData);
  SIM_GUARD(module && image, CUDA_ERROR_INVALID_VALUE);
  return load(image, module);
}

SIM_API CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned, int*, void**) {
  SIM_ENTER_CONTEXT(cuModuleLoadDataEx);
  SIM_GUARD(module && image, CUDA_ERROR_INVALID_VALUE);
  return load(image, module);
}

SIM_API CUresult cuModuleUnload(CUmodule module) {
  SIM_ENTER_CONTEXT(cuModuleUnload);
  SIM_GUARD(is_handle(module, "module"), CUDA_ERROR_INVALID_HANDLE);
  for (auto& function : module->functions) forget_handle(function.get());
  forget_handle(module);
  delete module;
  return CUDA_SUCCESS;
}

SIM_API CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  SIM_ENTER_CONTEXT(cuModuleGetFunction);
  SIM_GUARD(function && name, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(is_handle(module, "module"), CUDA_ERROR_INVALID_HANDLE);
  for (auto& known : module->functions) {
    if (!std::strcmp(known->kernel->name, name)) {
      *function = known.get();
      return CUDA_SUCCESS;
    }
  }
  const Module& m = *module->image->module;
  for (u32 i = 0; i < m.kernel_count; i++) {
    if (std::strcmp(m.kernels[i].name, name)) continue;
    module->functions.push_back(
        std::make_unique<Function>(Function{module->image, &m.kernels[i], module}));
    *function = module->functions.back().get();
    remember_handle(*function, "function");
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

SIM_API CUresult cuModuleGetGlobal_v2(CUdeviceptr*, size_t*, CUmodule module, const char* name) {
  SIM_ENTER_CONTEXT(cuModuleGetGlobal_v2);
  SIM_GUARD(name, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(is_handle(module, "module"), CUDA_ERROR_INVALID_HANDLE);
  // Variables of a module lie in host memory, outside every allocation; copies to them are refused.
  return CUDA_ERROR_NOT_FOUND;
}

SIM_API CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction f) {
  SIM_ENTER_CONTEXT(cuFuncGetAttribute);
  SIM_GUARD(value, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(is_handle(f, "function"), CUDA_ERROR_INVALID_HANDLE);
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      *value = f->kernel->max_threads ? int(f->kernel->max_threads) : 1024;
      break;
    // Of the whole module: the compiler does not say which kernel a variable belongs to.
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = int(f->image->static_shared); break;
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA: *value = 0; break;
    // The most that lets the threads of the launch bounds run: registers are not simulated.
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 64; break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = int(f->image->module->architecture); break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = int(f->dynamic_shared_limit); break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: *value = f->carveout; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

SIM_API CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute attribute, int value) {
  SIM_ENTER_CONTEXT(cuFuncSetAttribute);
  SIM_GUARD(is_handle(f, "function"), CUDA_ERROR_INVALID_HANDLE);
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      SIM_GUARD(value >= 0 && size_t(value) + f->image->static_shared <= shared_optin_bytes(),
                CUDA_ERROR_INVALID_VALUE);
      f->dynamic_shared_limit = unsigned(value);
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      SIM_GUARD(value >= -1 && value <= 100, CUDA_ERROR_INVALID_VALUE);
      f->carveout = value;
      return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

SIM_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction f, int threads,
                                                             size_t dynamic_shared) {
  SIM_ENTER_CONTEXT(cuOccupancyMaxActiveBlocksPerMultiprocessor);
  SIM_GUARD(blocks && threads > 0, CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(is_handle(f, "function"), CUDA_ERROR_INVALID_HANDLE);
  int by_threads = threads_per_multiprocessor() / ((threads + 31) / 32 * 32);
  size_t shared = f->image->static_shared + dynamic_shared + 1024;
  int by_shared = int(shared_multiprocessor_bytes() / shared);
  *blocks = std::min({by_threads, by_shared, blocks_per_multiprocessor()});
  return CUDA_SUCCESS;
}

SIM_API CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                                unsigned by, unsigned bz, unsigned dynamic_shared, CUstream handle,
                                void** parameters, void** extra) {
  SIM_ENTER_CONTEXT(cuLaunchKernel);
  SIM_GUARD(is_handle(f, "function"), CUDA_ERROR_INVALID_HANDLE);
  Stream* stream = find_stream(handle);
  SIM_GUARD(stream, CUDA_ERROR_INVALID_HANDLE);
  const Kernel& kernel = *f->kernel;
  SIM_GUARD(!extra && (parameters || !kernel.parameter_count), CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(gx && gy && gz && gx <= 2147483647u && gy <= 65535 && gz <= 65535,
            CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(bx && by && bz && bx <= 1024 && by <= 1024 && bz <= 64 && bx * by * bz <= 1024,
            CUDA_ERROR_INVALID_VALUE);
  SIM_GUARD(!kernel.max_threads || bx * by * bz <= kernel.max_threads,
            CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  SIM_GUARD(dynamic_shared <= f->dynamic_shared_limit &&
                dynamic_shared + f->image->static_shared <= shared_optin_bytes(),
            CUDA_ERROR_INVALID_VALUE);
  auto launch = std::make_shared<Launch>(
      Launch{f->image, &kernel, {gx, gy, gz}, {bx, by, bz}, dynamic_shared, {}, {}});
  size_t total = 0;
  for (u32 i = 0; i < kernel.parameter_count; i++) total += (kernel.parameter_bytes[i] + 15) / 16 * 16;
  launch->bytes.resize(total + 16);
  char* at = launch->bytes.data();
  for (u32 i = 0; i < kernel.parameter_count; i++) {
    if (!parameters[i]) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(at, parameters[i], kernel.parameter_bytes[i]);
    launch->parameters.push_back(at);
    at += (kernel.parameter_bytes[i] + 15) / 16 * 16;
  }
  return enqueue(stream, {CU_GRAPH_NODE_TYPE_KERNEL, kernel.name,
                          [launch] {
                            if (CUresult code = injected(launch->kernel->name)) return code;
                            return run_launch(*launch);
                          }});
}
