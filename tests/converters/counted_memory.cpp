// SPDX-License-Identifier: MIT
// The program's own operator new: sanitizers' checks of new against delete are off in this program.
#include "counted_memory.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

std::size_t live_bytes = 0, peak_bytes = 0;  // the tests have one thread

void* counted(void* p) {
  if (p == nullptr) throw std::bad_alloc();
  live_bytes += malloc_usable_size(p);
  peak_bytes = std::max(peak_bytes, live_bytes);
  return p;
}
void release(void* p) noexcept {
  live_bytes -= malloc_usable_size(p);  // 0 of a null pointer
  std::free(p);                         // NOLINT: what malloc gave
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(std::malloc(std::max<std::size_t>(size, 1)));
}  // NOLINT
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(step, (std::max<std::size_t>(size, 1) + step - 1) / step * step));
}
void* operator new(std::size_t size, const std::nothrow_t& /*unused*/) noexcept {  // that of std::stable_sort
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }

namespace unblur::test {

PeakMemory::PeakMemory() : before_(live_bytes) { peak_bytes = live_bytes; }
std::size_t PeakMemory::bytes() const { return peak_bytes - before_; }

}  // namespace unblur::test
