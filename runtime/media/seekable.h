// SPDX-License-Identifier: MIT
// Sources that can go to any frame: files, not pipes or cameras.
#pragma once

#include "media/frame_io.h"

namespace unblur {

class SeekableSource : public FrameSource {
 public:
  /// The next `read` delivers frame `index` (from 0) with the samples, index and time that reading from the
  /// start would give it; beyond the end it returns false. Throws UsageError (index below 0), InputError.
  virtual void seek(std::int64_t index) = 0;
};

}  // namespace unblur
