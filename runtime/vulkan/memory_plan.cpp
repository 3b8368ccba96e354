// SPDX-License-Identifier: MIT
// The strategy of XNNPACK's and TensorFlow Lite's planners (Pisarchyk and Lee, "Efficient memory management
// for deep neural net inference", 2020: greedy by size).
#include "vulkan/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "graph/error.h"

namespace unblur::vk {
namespace {

bool meet(const Lifetime& a, const Lifetime& b) { return a.first <= b.last && b.first <= a.last; }

/// The first aligned offset from `from` on at which `bytes` stay within one chunk.
std::uint64_t fit_chunk(std::uint64_t from, std::uint64_t bytes, std::uint64_t chunk) {
  const bool crosses = from / chunk != (from + bytes - 1) / chunk;
  return crosses ? (from / chunk + 1) * chunk : from;
}

}  // namespace

MemoryPlan plan_memory(std::span<const Lifetime> lifetimes, std::uint64_t alignment, std::uint64_t chunk,
                       bool share) {
  chunk = chunk / alignment * alignment;
  std::vector<std::size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](auto a, auto b) { return lifetimes[a].bytes > lifetimes[b].bytes; });

  struct Placed {
    std::uint64_t begin, end;
    std::size_t index;
  };
  std::vector<Placed> placed;  // by begin
  MemoryPlan plan;
  plan.offsets.resize(lifetimes.size());
  for (const std::size_t i : order) {
    const std::uint64_t bytes =
        (std::max<std::uint64_t>(lifetimes[i].bytes, 1) + alignment - 1) / alignment * alignment;
    if (bytes > chunk) {
      throw MemoryError(
          fmt::format("one value needs {} bytes, the device allocates at most {} at once; use "
                      "smaller frames or --memory-limit",
                      bytes, chunk));
    }
    std::uint64_t offset = 0;
    for (const Placed& other : placed) {
      if (share && !meet(lifetimes[i], lifetimes[other.index])) continue;
      if (offset + bytes <= other.begin) break;
      offset = fit_chunk(std::max(offset, other.end), bytes, chunk);
    }
    const Placed mine{offset, offset + bytes, i};
    placed.insert(std::ranges::upper_bound(placed, mine.begin, {}, &Placed::begin), mine);
    plan.offsets[i] = offset;
    plan.bytes = std::max(plan.bytes, mine.end);
  }
  return plan;
}

}  // namespace unblur::vk
