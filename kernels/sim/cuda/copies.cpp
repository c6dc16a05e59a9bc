// Copies and fills. Addresses are looked at twice, as on a device: when the call is made (an invalid
// argument) and when the work runs (an illegal address, if the memory went in between).
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>

#include "device.h"
#include "memory.h"
#include "stream.h"

namespace sim {
namespace {

std::string range_text(uint64_t address, size_t bytes) {
  return std::to_string(bytes) + " bytes at " + describe_address(address);
}

// Host memory that went away before the copy ran would crash the process: the kernel of the operating
// system copies instead and says so.
bool copy_host(void* to, const void* from, size_t bytes) {
  constexpr size_t kMost = size_t(1) << 30;
  for (size_t done = 0; done < bytes;) {
    size_t part = std::min(bytes - done, kMost);
    iovec local{static_cast<char*>(to) + done, part};
    iovec remote{const_cast<char*>(static_cast<const char*>(from)) + done, part};
    ssize_t got = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    if (got < 0 && (errno == EPERM || errno == ENOSYS)) {
      std::memcpy(local.iov_base, remote.iov_base, part);
      got = ssize_t(part);
    }
    if (got <= 0) return false;
    done += size_t(got);
  }
  return true;
}

CUresult host_to_device(uint64_t to, const void* from, size_t bytes) {
  Allocation* a = find_allocation(to);
  if (!a || !is_device_range(to, bytes)) {
    return raise_fault(CUDA_ERROR_ILLEGAL_ADDRESS, "copy to the device: " + range_text(to, bytes));
  }
  if (!copy_host(reinterpret_cast<void*>(to), from, bytes)) {
    return raise_fault(CUDA_ERROR_ILLEGAL_ADDRESS,
                       "copy to the device: the host memory is gone or too short");
  }
  a->define(to, bytes);
  return CUDA_SUCCESS;
}

CUresult device_to_host(void* to, uint64_t from, size_t bytes) {
  Allocation* a = find_allocation(from);
  if (!a || !is_device_range(from, bytes)) {
    return raise_fault(CUDA_ERROR_ILLEGAL_ADDRESS,
                       "copy to the host: " + range_text(from, bytes));
  }
  // Copied by the operating system in the other direction: the target must be writable.
  iovec local{reinterpret_cast<void*>(from), bytes}, remote{to, bytes};
  ssize_t put = bytes < (size_t(1) << 30)
                    ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0)
                    : -1;
  if (put < 0 && errno == EFAULT) {
    return raise_fault(CUDA_ERROR_ILLEGAL_ADDRESS,
                       "copy to the host: the host memory is gone or too short");
  }
  if (put != ssize_t(bytes)) std::memcpy(to, reinterpret_cast<void*>(from), bytes);
  return CUDA_SUCCESS;
}

CUresult device_to_device(uint64_t to, uint64_t from, size_t bytes) {
  if (!is_device_range(from, bytes) || !is_device_range(to, bytes)) {
    return raise_fault(CUDA_ERROR_ILLEGAL_ADDRESS, "copy on the device: " +
                                                       range_text(from, bytes) + " to " +
                                                       describe_address(to));
  }
  std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
  find_allocation(to)->copy_defined(to, *find_allocation(from), from, bytes);
  return CUDA_SUCCESS;
}

template <class Word>
CUresult fill(uint64_t to, Word value, size_t count) {
  size_t bytes = count * sizeof(Word);
  if (!is_device_range(to, bytes)) {
    return raise_fault(CUDA_ERROR_ILLEGAL_ADDRESS, "fill of " + range_text(to, bytes));
  }
  auto* words = reinterpret_cast<Word*>(to);
  for (size_t i = 0; i < count; i++) words[i] = value;
  find_allocation(to)->define(to, bytes);
  return CUDA_SUCCESS;
}

template <class Run>
CUresult queue(CUstream handle, CUgraphNodeType type, const char* name, Run run) {
  Stream* stream = find_stream(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  return enqueue(stream, {type, name, run});
}

// Blocking calls: the null stream's work and that of all blocking streams comes first.
template <class Run>
CUresult blocking(Run run) {
  if (CUresult refused = refuse_while_capturing()) return refused;
  if (CUresult code = enqueue(null_stream(), {CU_GRAPH_NODE_TYPE_MEMCPY, "copy", run})) return code;
  return drain(null_stream());
}

}  // namespace
}  // namespace sim

using namespace sim;

SIM_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream s) {
  SIM_ENTER_CONTEXT(cuMemcpyHtoDAsync_v2);
  if (!bytes) return CUDA_SUCCESS;
  SIM_GUARD(from && is_device_range(to, bytes), CUDA_ERROR_INVALID_VALUE);
  return queue(s, CU_GRAPH_NODE_TYPE_MEMCPY, "copy to the device",
               [=] { return host_to_device(to, from, bytes); });
}

SIM_API CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream s) {
  SIM_ENTER_CONTEXT(cuMemcpyDtoHAsync_v2);
  if (!bytes) return CUDA_SUCCESS;
  SIM_GUARD(to && is_device_range(from, bytes), CUDA_ERROR_INVALID_VALUE);
  return queue(s, CU_GRAPH_NODE_TYPE_MEMCPY, "copy to the host",
               [=] { return device_to_host(to, from, bytes); });
}

SIM_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream s) {
  SIM_ENTER_CONTEXT(cuMemcpyDtoDAsync_v2);
  if (!bytes) return CUDA_SUCCESS;
  SIM_GUARD(is_device_range(to, bytes) && is_device_range(from, bytes), CUDA_ERROR_INVALID_VALUE);
  return queue(s, CU_GRAPH_NODE_TYPE_MEMCPY, "copy on the device",
               [=] { return device_to_device(to, from, bytes); });
}

SIM_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
  SIM_ENTER_CONTEXT(cuMemcpyHtoD_v2);
  if (!bytes) return CUDA_SUCCESS;
  SIM_GUARD(from && is_device_range(to, bytes), CUDA_ERROR_INVALID_VALUE);
  return blocking([=] { return host_to_device(to, from, bytes); });
}

SIM_API CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
  SIM_ENTER_CONTEXT(cuMemcpyDtoH_v2);
  if (!bytes) return CUDA_SUCCESS;
  SIM_GUARD(to && is_device_range(from, bytes), CUDA_ERROR_INVALID_VALUE);
  return blocking([=] { return device_to_host(to, from, bytes); });
}

SIM_API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  SIM_ENTER_CONTEXT(cuMemcpyDtoD_v2);
  if (!bytes) return CUDA_SUCCESS;
  SIM_GUARD(is_device_range(to, bytes) && is_device_range(from, bytes), CUDA_ERROR_INVALID_VALUE);
  return blocking([=] { return device_to_device(to, from, bytes); });
}

SIM_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream s) {
  SIM_ENTER_CONTEXT(cuMemsetD8Async);
  if (!count) return CUDA_SUCCESS;
  SIM_GUARD(is_device_range(to, count), CUDA_ERROR_INVALID_VALUE);
  return queue(s, CU_GRAPH_NODE_TYPE_MEMSET, "fill", [=] { return fill(to, value, count); });
}

SIM_API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream s) {
  SIM_ENTER_CONTEXT(cuMemsetD32Async);
  if (!count) return CUDA_SUCCESS;
  SIM_GUARD(to % 4 == 0 && is_device_range(to, count * 4), CUDA_ERROR_INVALID_VALUE);
  return queue(s, CU_GRAPH_NODE_TYPE_MEMSET, "fill", [=] { return fill(to, value, count); });
}

SIM_API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  SIM_ENTER_CONTEXT(cuMemsetD8_v2);
  if (!count) return CUDA_SUCCESS;
  SIM_GUARD(is_device_range(to, count), CUDA_ERROR_INVALID_VALUE);
  return blocking([=] { return fill(to, value, count); });
}

SIM_API CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
  SIM_ENTER_CONTEXT(cuMemsetD32_v2);
  if (!count) return CUDA_SUCCESS;
  SIM_GUARD(to % 4 == 0 && is_device_range(to, count * 4), CUDA_ERROR_INVALID_VALUE);
  return blocking([=] { return fill(to, value, count); });
}
