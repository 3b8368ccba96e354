// SPDX-License-Identifier: MIT
#include "clip_windows.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "graph/error.h"
#include "rng.h"

namespace unblur {
namespace {
constexpr std::uint64_t kOrderStream = 30, kCutStream = 31;
}  // namespace

ClipWindows::ClipWindows(const std::vector<PairSequence>& sequences, int frames, int batch) : batch_(batch) {
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    for (std::int64_t first = 0; first + frames <= std::ssize(sequences[s].frames); first += frames)
      windows_.push_back({s, first});
  }
  if (windows_.empty()) throw InputError(fmt::format("no recorded sequence has {} frames", frames));
}

std::int64_t ClipWindows::batches_per_epoch() const noexcept {
  return (std::ssize(windows_) + batch_ - 1) / batch_;
}

std::optional<ClipWindow> ClipWindows::at(std::uint64_t seed, std::int64_t number, int k) const {
  const std::int64_t epoch = number / batches_per_epoch(), at = number % batches_per_epoch() * batch_ + k;
  if (at >= std::ssize(windows_)) return std::nullopt;
  std::vector<std::size_t> order(windows_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  CounterRng rng(seed, static_cast<std::uint64_t>(epoch), kOrderStream);
  for (std::size_t i = 0; i < order.size(); ++i)
    std::swap(order[i], order[i + static_cast<std::size_t>(rng.below(static_cast<int>(order.size() - i)))]);
  return windows_[order[static_cast<std::size_t>(at)]];
}

Clip load_window(const PairSequence& sequence, std::int64_t first, int frames, int context, int side,
                 bool flips, std::uint64_t seed, std::uint64_t index) {
  const std::int64_t total = std::ssize(sequence.frames), begin = first - context,
                     end = first + frames + context;
  Clip clip = load_pairs(sequence, std::max<std::int64_t>(begin, 0),
                         std::min(end, total) - std::max<std::int64_t>(begin, 0));
  CounterRng rng(seed, index, kCutStream);
  const auto offset = [&](std::int64_t size) {
    if (size <= side) {
      throw InputError(
          fmt::format("{}: pictures of {} px do not hold a cut of {} px", sequence.name, size, side));
    }
    if (flips) return static_cast<std::int64_t>(rng.below(static_cast<int>(size - side)));
    return static_cast<std::int64_t>(rng.uniform(0, static_cast<double>(size - side)) - 1);
  };
  const std::int64_t y = offset(clip.blurred.size(2)), x = offset(clip.blurred.size(3));
  std::vector<std::int64_t> mirrored;
  for (const std::int64_t axis : {3, 2}) {
    if (flips && rng.chance(0.5)) mirrored.push_back(axis);
  }
  const auto cut = [&](const torch::Tensor& all) {
    const torch::Tensor part = all.slice(2, y, y + side).slice(3, x, x + side).flip(mirrored);
    std::vector<torch::Tensor> parts{part};
    for (std::int64_t t = begin; t < 0; ++t) parts.insert(parts.begin(), part.slice(0, 0, 1));
    for (std::int64_t t = total; t < end; ++t) parts.push_back(part.slice(0, -1));
    return at::cat(parts).contiguous();
  };
  for (torch::Tensor* all : {&clip.blurred, &clip.sharp, &clip.flow, &clip.visible}) *all = cut(*all);
  clip.index = index;
  return clip;
}

}  // namespace unblur
