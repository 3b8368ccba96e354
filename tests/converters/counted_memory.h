// SPDX-License-Identifier: MIT
// Counts what a test program has allocated with new: live bytes and their peak.
#pragma once

#include <cstddef>

namespace unblur::test {

/// The most bytes that were live at once since its making, beyond those live then. One at a time.
class PeakMemory {
 public:
  PeakMemory();
  [[nodiscard]] std::size_t bytes() const;

 private:
  std::size_t before_;
};

}  // namespace unblur::test
