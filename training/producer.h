// SPDX-License-Identifier: MIT
// Clips made ahead of the trainer by worker threads. Sample i is the same whatever the number of threads and
// wherever production started, so that a run resumes from its sample counter alone.
#pragma once

#include <torch/types.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "synthesis.h"

namespace unblur {

struct ProducerOptions {
  SynthesisOptions synthesis;
  std::uint64_t seed = 1;
  int batch = 8;
  int threads = 1;
  int batches_ahead = 4;               ///< bound of the queue
  torch::Device device = torch::kCPU;  ///< where clips are rendered and batches are delivered
  /// Synthesis costs CPU time: every rendered clip is used `reuse` times on average, as it is or flipped and
  /// turned, each draw taking one of the `ring` newest clips. 1: every sample is new.
  int reuse = 1;
  int ring = 256;
  /// Clips are rendered at synthesis.width x height; a sample is a random crop of this size (px, 0: the whole
  /// clip).
  int crop = 0;
  /// More than 0: only this many different clips exist (a pre-rendered set); `reuse` and `ring` do not
  /// matter.
  std::int64_t pool = 0;
  /// Where not empty: rendered clips are kept here as safetensors and read back in later runs.
  std::filesystem::path cache;
};

/// What a training step takes; float32 on the producer's device.
struct Batch {
  torch::Tensor input;              ///< [B,T,3,H,W] in [0,1], blurred
  torch::Tensor target;             ///< [B,T,3,H,W] in [0,1], sharp
  torch::Tensor flow;               ///< [B,T,2,H,W] px, gather from t to t-1 (see Clip); frame 0: zero
  torch::Tensor visible;            ///< [B,T,1,H,W], 1 where flow is valid; frame 0: 0
  std::vector<double> blur_length;  ///< px, per clip
  std::int64_t first_sample = 0;    ///< index of the first clip
};

class Producer {
 public:
  /// Starts threads at sample `first`. `photos` must outlive the producer.
  Producer(ProducerOptions options, const PhotoLibrary& photos, std::int64_t first = 0);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// The next batch in order; waits for it. Throws what a worker threw.
  [[nodiscard]] Batch next();
  /// Index of the first sample that next() has not delivered: what a checkpoint stores.
  [[nodiscard]] std::int64_t position() const;

  /// Sample `index` by itself, as next() would deliver it (uint8 pictures). Thread-safe.
  [[nodiscard]] Clip sample(std::int64_t index);

 private:
  using ClipPointer = std::shared_ptr<const Clip>;
  void work();
  ClipPointer source_clip(std::int64_t source);
  [[nodiscard]] Clip render_or_read(std::int64_t source) const;
  [[nodiscard]] std::int64_t source_of(std::int64_t index) const;

  ProducerOptions options_;
  const PhotoLibrary& photos_;
  std::uint64_t fingerprint_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable made_, wanted_;
  std::map<std::int64_t, Clip> ready_;
  std::int64_t next_to_make_, next_to_deliver_;
  bool stopping_ = false;
  std::exception_ptr failure_;

  std::mutex ring_mutex_;
  std::map<std::int64_t, std::shared_future<ClipPointer>> ring_;
  std::list<std::int64_t> ring_order_;  // oldest use first
  std::vector<std::thread> threads_;
};

/// A clip turned: `which` in 0..7, bit 0 mirrors x, bit 1 mirrors y, bit 2 swaps x and y (square clips only).
/// Flow and paths turn along.
[[nodiscard]] Clip turned(const Clip& clip, int which);
/// A clip cut to size x size at (x, y).
[[nodiscard]] Clip cropped(const Clip& clip, int x, int y, int size);

/// A value that changes with anything that changes the clips: options, seed, photographs' names and sizes.
[[nodiscard]] std::uint64_t synthesis_fingerprint(const SynthesisOptions& options, const PhotoLibrary& photos,
                                                  std::uint64_t seed);

/// A clip as one safetensors file (flow rounded to half precision), complete or not at all, and back.
void save_clip(const std::filesystem::path& path, const Clip& clip);
[[nodiscard]] Clip load_clip(const std::filesystem::path& path);

}  // namespace unblur
