// SPDX-License-Identifier: MIT
#include "clip_feed.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/util/ParallelGuard.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "clip_windows.h"
#include "folders.h"
#include "rng.h"
#include "synthesis.h"

namespace unblur {
namespace {

constexpr int kAheadBatches = 2;

/// One of the eight symmetries of the square applied to planes [...,h,w].
at::Tensor turn(at::Tensor x, int symmetry) {
  if ((symmetry & 4) != 0) x = x.transpose(-1, -2);
  std::vector<std::int64_t> flips;
  if ((symmetry & 1) != 0) flips.push_back(-1);
  if ((symmetry & 2) != 0) flips.push_back(-2);
  return flips.empty() ? x : x.flip(flips);
}

std::vector<PairSequence> recorded_sequences(const DataConfig& config) {
  std::vector<PairSequence> all;
  for (const auto& root : config.sequences) {
    const auto found = find_pairs(root, config.gamma_blur);
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

/// Adds noise of deviation `sigma` to half of the frames [t,n,3,h,w], drawn one by one, and clips to [0,1].
void add_noise(at::Tensor& frames, double sigma, CounterRng& rng) {
  for (std::int64_t t = 0; t < frames.size(0); ++t) {
    for (std::int64_t n = 0; n < frames.size(1); ++n) {
      if (!rng.chance(0.5)) continue;
      at::Tensor frame = frames[t][n];
      const auto generator = at::make_generator<at::CPUGeneratorImpl>(rng.next());
      frame.add_(at::randn(frame.sizes(), generator, frame.options()), sigma).clamp_(0, 1);
    }
  }
}

/// Displacements [...,2,h,w] turn with the plane they live on.
at::Tensor turn_flow(const at::Tensor& flow, int symmetry) {
  at::Tensor x = turn(flow, symmetry);
  if ((symmetry & 4) != 0) x = x.flip(-3);
  const float sx = (symmetry & 1) != 0 ? -1.0F : 1.0F, sy = (symmetry & 2) != 0 ? -1.0F : 1.0F;
  if (sx < 0 || sy < 0) x = x * at::tensor({sx, sy}, x.options()).view({2, 1, 1});
  return x;
}

/// Paths are learned at 1/4 scale; nobody reads the trajectory.
void keep_small_paths(Clip& clip) {
  const at::Tensor& g = clip.gather;
  const auto height = g.size(3) / 4, width = g.size(4) / 4;
  const PathTruth small = reduce_paths({g, clip.shown}, height, width);
  clip.gather = small.gather;
  clip.shown = small.mask;
  clip.trajectory.reset();
}

}  // namespace

std::int64_t batches_per_epoch(const DataConfig& config, const Phase& phase) {
  if (!config.windows) return 0;
  return ClipWindows(recorded_sequences(config), phase.frames, phase.batch).batches_per_epoch();
}

struct ClipFeed::Impl {
  // The pool is a window over the endless row of synthesised clips: batch i draws from the `pool` clips below
  // head(i). With reuse 1 the window is the batch itself.
  DataConfig config;
  const PhotoLibrary* photos;
  std::vector<PairSequence> sequences;
  std::optional<ClipWindows> windows;
  Phase phase;
  std::uint64_t seed, stream;
  c10::Device device;
  std::int64_t pool, next_batch;

  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::int64_t, Clip> clips;
  std::int64_t next_clip;  ///< to synthesise
  std::exception_ptr failure;
  bool stopping = false;
  double waited = 0;
  std::vector<std::thread> workers;

  Impl(const DataConfig& c, const PhotoLibrary* p, const Phase& ph, std::uint64_t s, std::uint64_t st,
       std::int64_t first, c10::Device d)
      : config(c), photos(p), phase(ph), seed(s), stream(st), device(d), next_batch(first) {
    config.synthesis.frames = phase.frames + 2 * config.context;
    config.synthesis.width = config.synthesis.height = phase.crop;
    pool = config.reuse > 1 ? std::llround(2 * config.reuse * phase.batch) : phase.batch;
    next_clip = head(first) - pool;
    sequences = recorded_sequences(config);
    if (config.windows) windows.emplace(sequences, phase.frames, phase.batch);
    // Synthesis on a GPU would fight the trainer for it from several threads; one is enough there.
    const int count = std::max(1, config.workers);
    for (int i = 0; i < count; ++i) workers.emplace_back([this] { work(); });
  }

  std::int64_t head(std::int64_t batch) const {
    return pool +
           static_cast<std::int64_t>(std::floor(static_cast<double>(batch) * phase.batch / config.reuse));
  }

  /// Clip `number` of the row; a clip without pictures where a batch has fewer.
  Clip make(std::int64_t number) const {
    const std::uint64_t index = (stream << 40) + static_cast<std::uint64_t>(number);
    if (windows) {
      const auto w = windows->at(seed, number / phase.batch, static_cast<int>(number % phase.batch));
      if (!w) return {};
      return load_window(sequences[w->sequence], w->first, phase.frames, config.context, phase.crop,
                         config.flips, seed, index);
    }
    const bool recorded = !sequences.empty() && CounterRng(seed, index, 3000).chance(config.sequence_share);
    if (recorded || photos == nullptr) return draw_pair_clip(sequences, config.synthesis, seed, index);
    Clip clip = synthesise(config.synthesis, *photos, seed, index, device);
    if (clip.gather.defined()) keep_small_paths(clip);
    return clip;
  }

  void work() {
    const c10::ParallelGuard one_thread(true);  // the pool of LibTorch belongs to the trainer
    const at::NoGradGuard no_grad;
    while (true) {
      std::int64_t mine = 0;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return stopping || next_clip < head(next_batch + kAheadBatches); });
        if (stopping) return;
        mine = next_clip++;
      }
      try {
        Clip clip = make(mine);
        const std::lock_guard lock(mutex);
        clips.emplace(mine, std::move(clip));
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
        stopping = true;
      }
      changed.notify_all();
    }
  }

  /// Numbers of the clips of a batch, drawn without repetition.
  std::vector<std::int64_t> members(std::int64_t batch) const {
    std::vector<std::int64_t> window(static_cast<std::size_t>(pool));
    std::iota(window.begin(), window.end(), head(batch) - pool);
    if (pool == phase.batch) return window;
    CounterRng rng(seed, static_cast<std::uint64_t>(batch), 1000 + stream);
    for (std::size_t i = 0; i < static_cast<std::size_t>(phase.batch); ++i) {
      std::swap(window[i],
                window[i + static_cast<std::size_t>(rng.below(static_cast<int>(window.size() - i)))]);
    }
    window.resize(static_cast<std::size_t>(phase.batch));
    return window;
  }

  std::vector<Clip> take(std::int64_t batch) {
    const auto wanted = members(batch);
    std::vector<Clip> out;
    std::unique_lock lock(mutex);
    const auto start = std::chrono::steady_clock::now();
    changed.wait(lock, [&] {
      return failure || std::all_of(wanted.begin(), wanted.end(), [&](auto n) { return clips.contains(n); });
    });
    waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (failure) std::rethrow_exception(failure);
    for (const auto n : wanted) {
      if (const Clip& clip = clips.at(n); clip.blurred.defined()) out.push_back(clip);
    }
    ++next_batch;
    clips.erase(clips.begin(), clips.lower_bound(head(next_batch) - pool));
    lock.unlock();
    changed.notify_all();
    return out;
  }
};

ClipFeed::ClipFeed(const DataConfig& config, const PhotoLibrary* photos, const Phase& phase,
                   std::uint64_t seed, std::uint64_t stream, std::int64_t first, c10::Device device)
    : impl_(std::make_unique<Impl>(config, photos, phase, seed, stream, first, device)) {}

ClipFeed::~ClipFeed() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  for (auto& worker : impl_->workers) worker.join();
}

ClipBatch ClipFeed::next() {
  const std::int64_t number = impl_->next_batch;
  const std::vector<Clip> clips = impl_->take(number);
  CounterRng rng(impl_->seed, static_cast<std::uint64_t>(number), 2000 + impl_->stream);
  std::vector<at::Tensor> blurred, sharp, flow, valid, gather, shown;
  for (const Clip& clip : clips) {
    const int symmetry = impl_->config.reuse > 1 ? rng.below(8) : 0;
    blurred.push_back(turn(clip.blurred, symmetry));
    sharp.push_back(turn(clip.sharp, symmetry));
    flow.push_back(turn_flow(clip.flow, symmetry));
    valid.push_back(turn(clip.visible, symmetry));
    if (!clip.gather.defined()) continue;
    gather.push_back(turn_flow(clip.gather, symmetry));
    shown.push_back(turn(clip.shown, symmetry));
  }
  const auto picture = [](const std::vector<at::Tensor>& parts) {
    return at::stack(parts, 1).to(at::kFloat).div_(255.0);
  };
  at::Tensor inputs = picture(blurred);
  if (impl_->config.input_noise > 0) add_noise(inputs, impl_->config.input_noise / 2, rng);
  const auto on_device = [&](const std::vector<at::Tensor>& parts) {
    return parts.empty() ? at::Tensor() : at::stack(parts, 1).to(impl_->device);
  };
  return {.blurred = inputs.to(impl_->device),
          .sharp = picture(sharp).to(impl_->device),
          .flow = on_device(flow),
          .valid = on_device(valid),
          .context = impl_->config.context,
          .gather = on_device(gather),
          .shown = on_device(shown)};
}

double ClipFeed::waited_seconds() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->waited;
}

}  // namespace unblur
