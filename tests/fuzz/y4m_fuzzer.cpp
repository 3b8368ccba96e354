// SPDX-License-Identifier: MIT
// Any bytes as a y4m stream: frames or an InputError, never more memory than the bytes account for, and what
// was read can be written and reads back the same.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "graph/error.h"
#include "media/y4m.h"

namespace {

void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "y4m: %s\n", what);
  std::abort();
}

/// The header that we write for a stream describes the same stream.
void check_header(const unblur::StreamInfo& info) {
  const std::string line = unblur::y4m_header(info);
  check(line.back() == '\n', "a header without its newline");
  const unblur::StreamInfo again =
      unblur::parse_y4m_header(std::string_view(line).substr(0, line.size() - 1));
  check(again.format == info.format, "the format changed on the way");
  check(again.frame_rate == info.frame_rate, "the frame rate changed on the way");
  check(again.sample_aspect == info.sample_aspect, "the sample aspect changed on the way");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {  // NOLINT
  if (size == 0) return 0;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      fmemopen(const_cast<std::uint8_t*>(data), size, "rb"), std::fclose);
  check(file != nullptr, "fmemopen failed");
  try {
    unblur::Y4mSource source(file.get(), "fuzz");
    check_header(source.info());
    unblur::TimedFrame frame;
    for (std::int64_t i = 0; source.read(frame); ++i) {
      check(frame.index == i, "frames are counted wrongly");
      check(frame.frame.data.size() == frame.frame.format.total_bytes(), "a frame of the wrong size");
      check(frame.frame.data.size() <= size, "a frame from nowhere");
    }
  } catch (const unblur::InputError&) {
  }
  return 0;
}
