// SPDX-License-Identifier: MIT
// Frames in slices, and what their pieces cost: the parts of FrameEngine that go by time.
#include <algorithm>
#include <chrono>

#include "graph/error.h"
#include "vulkan/check.h"
#include "vulkan/frame_engine.h"

namespace unblur::vk {

/// Every run in commands of its own; `commands` is ended and becomes those behind the last run.
void FrameEngine::record_pieces(VkCommandBuffer& commands, Slot& slot, const Workspace& memory) {
  const auto cut = [&] {
    recorder_->end(commands);
    slot.frame_commands.push_back(commands);
    commands = recorder_->begin("slice");
  };
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const PlannedRun& run = plan_.frame.runs[i];
    for (int part = 0; part < parts_[i]; ++part) {
      cut();
      if (part == 0 && run.barrier_before) recorder_->barrier(commands);
      frame_->record_run(*recorder_, commands, memory, i, part, parts_[i], options_.faulty);
      if (slot.marks.capacity > 0) slot.marks.mark(commands, run.step);
    }
  }
  cut();
}

/// As many pieces at once as fit into a slice by what they cost when they were measured last.
void FrameEngine::submit_slices(Slot& slot, bool first) {
  if (record_again_) {
    computed_.wait(*device_, computed_.value);
    record_all();
  }
  const Timeline* before = staged_ ? &uploaded_ : nullptr;
  if (first && slot.first_commands != VK_NULL_HANDLE) {
    submit_after(before, computed_, {&slot.first_commands, 1}, false);
    before = nullptr;
  }
  const std::span<const VkCommandBuffer> pieces(slot.frame_commands);
  if (intervals_.size() != pieces.size()) return learn_costs(before, pieces);
  for (std::size_t at = 0, end = 0; at < pieces.size(); at = end) {
    stop_if_cancelled();
    double ms = intervals_[at];
    for (end = at + 1; end < pieces.size() && ms + intervals_[end] <= options_.slice_ms; ++end)
      ms += intervals_[end];
    if (computed_.value > 0) computed_.wait(*device_, computed_.value - 1);
    submit_after(before, computed_, pieces.subspan(at, end - at), false);
    before = nullptr;
  }
}

/// The pieces of a frame one by one, measured by the host's clock: time stamps of all would be too much to
/// read. Runs that alone take longer than a slice are recorded again in parts, and learned again.
void FrameEngine::learn_costs(const Timeline* before, std::span<const VkCommandBuffer> pieces) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> ms;
  computed_.wait(*device_, computed_.value);
  for (const VkCommandBuffer& piece : pieces) {
    stop_if_cancelled();
    const Clock::time_point start = Clock::now();
    submit_after(before, computed_, {&piece, 1}, false);
    before = nullptr;
    computed_.wait(*device_, computed_.value);
    ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  intervals_ = std::move(ms);
  if (parts_known_) return;
  parts_known_ = true;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Range rows = plan_.frame.runs[i].rows;
    const int most = std::max(1, (rows.end - rows.begin) / 8);
    // Behind the first piece, which converts colours.
    const int wanted =
        std::clamp(static_cast<int>(1.25 * intervals_[i + 1] / options_.slice_ms) + 1, 1, most);
    record_again_ = record_again_ || wanted != parts_[i];
    parts_[i] = wanted;
  }
}

void FrameEngine::stop_if_cancelled() const {
  if (options_.cancelled != nullptr && *options_.cancelled) throw ProcessingError("the frame was given up");
}

/// Of slices no more than kMostStampsRead: each frame measures the pieces behind those of the frame before.
void FrameEngine::read_stamps(const Slot& slot) {
  stamps_read_ = 0;
  if (slot.marks.next == 0) return;
  const auto read = [&](std::uint32_t first, std::uint32_t count) {
    std::vector<std::uint64_t> ticks(count);
    UNBLUR_VK(vkGetQueryPoolResults(device_->get(), slot.queries.get(), first, count, ticks.size() * 8,
                                    ticks.data(), 8, VK_QUERY_RESULT_64_BIT));
    stamps_read_ += count;
    return ticks;
  };
  const auto ms = [&](std::uint64_t from, std::uint64_t to) {
    return static_cast<double>(to - from) * device_->physical().limits.timestamp_ns * 1e-6;
  };
  const std::uint32_t last = slot.marks.next - 1;
  const bool some = sliced() && slot.marks.next > kMostStampsRead;
  const std::uint32_t first = some ? next_read_ : 0;
  const std::uint32_t end = some ? std::min(last, first + kMostStampsRead - 3) : last;
  const std::vector<std::uint64_t> ticks = read(first, end - first + 1);
  intervals_.resize(last);
  for (std::uint32_t i = first; i < end; ++i) intervals_[i] = ms(ticks[i - first], ticks[i - first + 1]);
  next_read_ = end == last ? 0 : end;
  total_ms_ = some ? ms(read(0, 1).front(), read(last, 1).front()) : ms(ticks.front(), ticks.back());
}

}  // namespace unblur::vk
