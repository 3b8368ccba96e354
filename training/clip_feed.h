// SPDX-License-Identifier: MIT
// Batches for the trainer, prepared ahead by worker threads. Batch i of a feed is a function of (seed, i)
// alone: a resumed run sees what an unbroken one would have seen.
#pragma once

#include <cstdint>
#include <memory>

#include "steps.h"
#include "train_config.h"

namespace unblur {

/// Batches until every window has been shown, where clips are windows; else 0.
[[nodiscard]] std::int64_t batches_per_epoch(const DataConfig& config, const Phase& phase);

class ClipFeed {
 public:
  /// A feed of batches of one shape. `stream` separates stages and phases; `first` is the number of the first
  /// batch that will be asked for. `photos` may be null where all clips come from recorded sequences; it must
  /// outlive the feed.
  ClipFeed(const DataConfig& config, const PhotoLibrary* photos, const Phase& phase, std::uint64_t seed,
           std::uint64_t stream, std::int64_t first, c10::Device device);
  ~ClipFeed();
  ClipFeed(const ClipFeed&) = delete;
  ClipFeed& operator=(const ClipFeed&) = delete;

  /// The next batch, waiting for the workers. Rethrows what a worker threw.
  [[nodiscard]] ClipBatch next();
  /// Seconds that `next` has waited in total: above a few percent of the run, workers are too few.
  [[nodiscard]] double waited_seconds() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unblur
