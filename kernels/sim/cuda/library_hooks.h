// What the simulated libcudnn and libcublasLt need of the simulated driver beyond its public calls.
// They are C functions, exported by libcuda.so.1, so that the libraries stay files of their own.
#pragma once
#include <cstddef>
#include <cstdint>

extern "C" {

// Queues host work on a stream in its order, or records it where the stream captures; release(data)
// is called once when neither queue nor graph can run it any more, also where this refuses. Gives a
// CUresult, as run does; faults of run are raised by morseSimFault.
int morseSimEnqueue(void* stream, const char* name, int (*run)(void* data), void* data,
                    void (*release)(void* data));

// Whether [address, address + bytes) lies within one live allocation of the device.
int morseSimIsDeviceRange(uint64_t address, size_t bytes);

// With MORSE_SIM_CHECK=1: whether all of these bytes were written, and that they are now.
int morseSimIsDefined(uint64_t address, size_t bytes);
void morseSimDefine(uint64_t address, size_t bytes);

// Raises a device fault with this message on stderr; gives the code.
int morseSimFault(int code, const char* what);

// The code that MORSE_SIM_FAIL wants this call of the function to give, or 0.
int morseSimInjected(const char* function);

// Whether the calling thread has a current context.
int morseSimHasContext(void);

// Compute capability, 90 for sm_90; 0 where there is no device.
int morseSimArchitecture(void);
}
