// SPDX-License-Identifier: MIT
#include "scaled.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace unblur {
namespace {

/// Which samples a new one covers, and their shares.
struct Cover {
  int first = 0;
  std::vector<float> shares;
};

std::vector<Cover> covers(int from, int to) {
  std::vector<Cover> all(static_cast<std::size_t>(to));
  const double ratio = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double begin = i * ratio, end = (i + 1) * ratio;
    Cover& cover = all[static_cast<std::size_t>(i)];
    cover.first = static_cast<int>(begin);
    for (int s = cover.first; s < from && s < end; ++s) {
      const double share = std::min<double>(s + 1, end) - std::max<double>(s, begin);
      cover.shares.push_back(static_cast<float>(share / ratio));
    }
  }
  return all;
}

template <typename Sample>
void scale_plane(const Frame& from, Frame& to, int plane) {
  const int channels = from.format.samples_per_pixel();
  const auto columns = covers(from.format.plane_width(plane), to.format.plane_width(plane));
  const auto rows = covers(from.format.plane_height(plane), to.format.plane_height(plane));
  const auto* source = reinterpret_cast<const Sample*>(from.plane(plane));
  auto* target = reinterpret_cast<Sample*>(to.plane(plane));
  const std::size_t pitch = from.format.row_bytes(plane) / sizeof(Sample);
  std::vector<float> sums(columns.size() * static_cast<std::size_t>(channels));
  for (const Cover& row : rows) {
    std::ranges::fill(sums, 0.0F);
    for (std::size_t j = 0; j < row.shares.size(); ++j) {
      const Sample* line = source + (static_cast<std::size_t>(row.first) + j) * pitch;
      std::size_t at = 0;
      for (const Cover& column : columns) {
        for (int c = 0; c < channels; ++c, ++at) {
          const Sample* sample = line + static_cast<std::ptrdiff_t>(column.first) * channels + c;
          float mean = 0;
          for (std::size_t i = 0; i < column.shares.size(); ++i, sample += channels)
            mean += column.shares[i] * static_cast<float>(*sample);
          sums[at] += row.shares[j] * mean;
        }
      }
    }
    for (const float sum : sums) *target++ = static_cast<Sample>(std::lround(sum));
  }
}

}  // namespace

Frame scaled(const Frame& frame, int percent) {
  if (percent >= 100) return frame;
  FrameFormat format = frame.format;
  const auto even = [&](int size) { return std::max(2, (size * percent + 100) / 200 * 2); };
  format.width = even(frame.format.width);
  format.height = even(frame.format.height);
  Frame small(format);
  for (int plane = 0; plane < format.plane_count(); ++plane) {
    format.bytes_per_sample() == 1 ? scale_plane<std::uint8_t>(frame, small, plane)
                                   : scale_plane<std::uint16_t>(frame, small, plane);
  }
  return small;
}

}  // namespace unblur
