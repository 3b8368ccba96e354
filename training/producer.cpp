// SPDX-License-Identifier: MIT
#include "producer.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>

#include "graph/error.h"

// libgomp's setting for the calling thread alone; at::set_num_threads would change it for the trainer as
// well.
extern "C" void omp_set_num_threads(int);

namespace unblur {
namespace {

constexpr std::uint64_t kDrawStream = 10;

std::int64_t samples_ahead(const ProducerOptions& options) {
  return static_cast<std::int64_t>(options.batch) * std::max(options.batches_ahead, 1);
}

}  // namespace

Producer::Producer(ProducerOptions options, const PhotoLibrary& photos, std::int64_t first)
    : options_(std::move(options)), photos_(photos), next_to_make_(first), next_to_deliver_(first) {
  if (options_.batch < 1 || options_.threads < 1 || options_.reuse < 1 || options_.ring < 1) {
    throw UsageError("batch, threads, reuse and ring of the data source must be at least 1");
  }
  if (options_.crop > std::min(options_.synthesis.width, options_.synthesis.height)) {
    throw UsageError(fmt::format("the crop of {} px is larger than the rendered clip", options_.crop));
  }
  fingerprint_ = synthesis_fingerprint(options_.synthesis, photos_, options_.seed);
  if (!options_.cache.empty()) std::filesystem::create_directories(options_.cache);
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
}

Producer::~Producer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_all();
  made_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Producer::work() {
  static_cast<void>(at::get_num_threads());  // LibTorch sets a thread up at first use; ours must come after
  omp_set_num_threads(1);                    // clips are made side by side, not one faster
  for (;;) {
    std::int64_t index = 0;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(
          lock, [this] { return stopping_ || next_to_make_ < next_to_deliver_ + samples_ahead(options_); });
      if (stopping_) return;
      index = next_to_make_++;
    }
    try {
      Clip clip = sample(index);
      const std::lock_guard lock(mutex_);
      ready_.emplace(index, std::move(clip));
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stopping_ = true;
    }
    made_.notify_all();
  }
}

std::int64_t Producer::position() const {
  const std::lock_guard lock(mutex_);
  return next_to_deliver_;
}

Batch Producer::next() {
  std::vector<Clip> clips;
  Batch batch;
  {
    std::unique_lock lock(mutex_);
    const std::int64_t end = next_to_deliver_ + options_.batch;
    const auto complete = [&] {
      return failure_ != nullptr || std::distance(ready_.begin(), ready_.lower_bound(end)) == options_.batch;
    };
    made_.wait(lock, complete);
    if (failure_) std::rethrow_exception(failure_);
    batch.first_sample = next_to_deliver_;
    for (auto it = ready_.begin(); it != ready_.lower_bound(end);) {
      clips.push_back(std::move(it->second));
      it = ready_.erase(it);
    }
    next_to_deliver_ = end;
  }
  wanted_.notify_all();
  const torch::NoGradGuard no_grad;
  const auto stacked = [&](torch::Tensor Clip::*member, double scale) {
    std::vector<torch::Tensor> parts;
    for (const Clip& clip : clips) parts.push_back(clip.*member);
    return torch::stack(parts).to(options_.device, torch::kFloat32).mul_(scale);
  };
  batch.input = stacked(&Clip::blurred, 1.0 / 255);
  batch.target = stacked(&Clip::sharp, 1.0 / 255);
  batch.flow = stacked(&Clip::flow, 1);
  batch.visible = stacked(&Clip::visible, 1);
  for (const Clip& clip : clips) batch.blur_length.push_back(clip.blur_length);
  return batch;
}

std::int64_t Producer::source_of(std::int64_t index) const {
  CounterRng rng(options_.seed, static_cast<std::uint64_t>(index), kDrawStream);
  if (options_.pool > 0) return rng.below(static_cast<int>(options_.pool));
  if (options_.reuse == 1) return index;
  const std::int64_t newest = index / options_.reuse;
  return newest - rng.below(static_cast<int>(std::min<std::int64_t>(options_.ring, newest + 1)));
}

Clip Producer::sample(std::int64_t index) {
  const std::int64_t source = source_of(index);
  const bool fresh = options_.reuse == 1 && options_.pool == 0;
  Clip clip = fresh && options_.cache.empty() ? render_or_read(source) : *source_clip(source);
  CounterRng rng(options_.seed, static_cast<std::uint64_t>(index), kDrawStream + 1);
  const auto height = clip.blurred.size(2), width = clip.blurred.size(3);
  if (options_.crop > 0) {
    const int x = rng.below(static_cast<int>(width) - options_.crop + 1);
    const int y = rng.below(static_cast<int>(height) - options_.crop + 1);
    clip = cropped(clip, x, y, options_.crop);
  }
  const bool square = clip.blurred.size(2) == clip.blurred.size(3);
  if (!fresh && options_.synthesis.turns) clip = turned(clip, rng.below(square ? 8 : 4));
  clip.index = static_cast<std::uint64_t>(index);
  return clip;
}

Producer::ClipPointer Producer::source_clip(std::int64_t source) {
  std::promise<ClipPointer> promise;
  std::shared_future<ClipPointer> future;
  bool mine = false;
  {
    const std::lock_guard lock(ring_mutex_);
    const auto found = ring_.find(source);
    if (found != ring_.end()) {
      future = found->second;
      ring_order_.remove(source);
    } else {
      future = promise.get_future().share();
      ring_.emplace(source, future);
      mine = true;
    }
    ring_order_.push_back(source);
    if (ring_order_.size() > static_cast<std::size_t>(options_.ring)) {
      ring_.erase(ring_order_.front());
      ring_order_.pop_front();
    }
  }
  if (mine) {
    try {
      promise.set_value(std::make_shared<const Clip>(render_or_read(source)));
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  }
  return future.get();
}

Clip Producer::render_or_read(std::int64_t source) const {
  const auto index = static_cast<std::uint64_t>(source);
  if (options_.cache.empty())
    return synthesise(options_.synthesis, photos_, options_.seed, index, options_.device);
  const auto path = options_.cache / fmt::format("{:016x}-{:08d}.safetensors", fingerprint_, source);
  if (std::filesystem::exists(path)) return load_clip(path);
  Clip clip = synthesise(options_.synthesis, photos_, options_.seed, index, options_.device);
  save_clip(path, clip);
  // What is read back has rounded flow; a first use must not differ from a later one.
  return load_clip(path);
}

}  // namespace unblur
