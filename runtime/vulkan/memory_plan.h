// SPDX-License-Identifier: MIT
// Places values with known lifetimes in one range of memory so that those alive together never overlap.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace unblur::vk {

struct Lifetime {
  std::uint64_t bytes = 0;
  int first = 0, last = 0;  ///< dependency levels, both included
};

struct MemoryPlan {
  std::vector<std::uint64_t> offsets;  ///< per lifetime, multiples of the alignment
  std::uint64_t bytes = 0;             ///< end of the last one
};

/// Greedy by size, largest first, each at the lowest offset that is free over its lifetime. None crosses a
/// multiple of `chunk`, the largest single allocation. `share`: false gives every value memory of its own
/// (tests compare the two). Throws MemoryError if one value exceeds `chunk`.
[[nodiscard]] MemoryPlan plan_memory(std::span<const Lifetime> lifetimes, std::uint64_t alignment,
                                     std::uint64_t chunk, bool share = true);

}  // namespace unblur::vk
