// SPDX-License-Identifier: MIT
#include "pipeline/window.h"

#include <algorithm>

namespace unblur {

bool WindowBuilder::next(std::vector<PipelineFramePtr>& window) {
  if (at_ >= frames_.size()) {
    if (ended_) {
      frames_.clear();
      at_ = 0;
      ended_ = false;
    }
    return false;
  }
  const auto last = static_cast<std::ptrdiff_t>(frames_.size()) - 1;
  const auto at = static_cast<std::ptrdiff_t>(at_);
  if (!ended_ && at + max_ > last) return false;
  window.clear();
  for (int offset = min_; offset <= max_; ++offset) {
    window.push_back(frames_[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(at + offset, 0, last))]);
  }
  ++at_;
  while (static_cast<std::ptrdiff_t>(at_) + min_ > 0) {  // nobody looks back further
    frames_.pop_front();
    --at_;
  }
  return true;
}

}  // namespace unblur
