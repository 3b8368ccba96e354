// SPDX-License-Identifier: MIT
// The training clips of PVDNet's authors (Son et al. 2021): every recorded sequence is cut into windows of
// fixed phase, an epoch shows each window once in a new order.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "folders.h"

namespace unblur {

/// Frames `first` to first + frames - 1 of a sequence.
struct ClipWindow {
  std::size_t sequence = 0;
  std::int64_t first = 0;
};

class ClipWindows {
 public:
  /// Windows begin at 0, `frames`, 2 `frames`, ... while they fit. Throws InputError where none does.
  ClipWindows(const std::vector<PairSequence>& sequences, int frames, int batch);
  [[nodiscard]] std::int64_t batches_per_epoch() const noexcept;
  /// Clip `k` of batch `number`, counted through all epochs; none where an epoch's last batch is smaller.
  [[nodiscard]] std::optional<ClipWindow> at(std::uint64_t seed, std::int64_t number, int k) const;

 private:
  std::vector<ClipWindow> windows_;
  int batch_;
};

/// The window and `context` frames at either end (the sequence's first and last frame stand for those beyond
/// it), all cut at the same place, `side` px square: offsets trunc(U(0, size - side) - 1), so that a picture
/// must be larger than the cut (InputError). With `flips`, as Motion-ETR's authors: offsets uniform in 0 to
/// size - side - 1, mirrored left to right and upside down with probability 1/2 each.
[[nodiscard]] Clip load_window(const PairSequence& sequence, std::int64_t first, int frames, int context,
                               int side, bool flips, std::uint64_t seed, std::uint64_t index);

}  // namespace unblur
