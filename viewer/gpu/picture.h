// SPDX-License-Identifier: MIT
// Pictures and motion as the view's shaders read them: buffers on the device, used again once nobody holds
// them.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "gpu/gpu.h"
#include "graph/frame.h"
#include "graph/model.h"
#include "vulkan/buffer.h"

namespace unblur {

/// A word per pixel, ten bits per channel, red lowest, rows without gaps. As stored: not turned.
struct Picture {
  vk::Buffer words;
  int width = 0, height = 0;
};
using PicturePtr = std::shared_ptr<const Picture>;

inline constexpr int kLengthColumns = 32, kLengthRows = 18;

/// Where content is at start and end of the exposure (shaders/viewer/motion.comp), at the model's own scale.
struct PathField {
  vk::Buffer words;
  int width = 0, height = 0;
  bool quadratic = false;             ///< path between start, middle and end: a parabola, else straight lines
  bool directed = true;               ///< start and end are told apart
  bool exposure = true;               ///< over the exposure; else over a frame interval (flow)
  double median_px = 0, high_px = 0;  ///< of path lengths on a grid: 50 % and 95 %
};
using MotionPtr = std::shared_ptr<const PathField>;

/// Makes them. Used by one thread at a time.
class Pictures {
 public:
  explicit Pictures(Gpu& gpu) : gpu_(gpu) {}

  /// Uploads a frame.
  [[nodiscard]] PicturePtr from_frame(const Frame& frame);
  /// Converts a frame that lies on the device as vk::RawLayout says.
  [[nodiscard]] PicturePtr from_device(const vk::Binding& raw, const FrameFormat& format);
  /// From a model's output "control" or "flow"; `scale`: px of the picture per px of the model's frame.
  [[nodiscard]] MotionPtr motion(const vk::DeviceOutput& output, const ModelInfo& info, float scale);

  /// Back to the host as 8-bit RGB; counted as pixels read.
  [[nodiscard]] static Frame read(Gpu& gpu, const Picture& picture);

  /// Bytes that pictures hold now, those kept for use included.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  [[nodiscard]] std::shared_ptr<Picture> new_picture(int width, int height);
  std::vector<float> path_lengths(const PathField& motion);

  Gpu& gpu_;
  vk::Buffer upload_;
  vk::Buffer lengths_;
  /// Buffers that nobody holds, by size. Shared with the pictures, which come back to it.
  struct Spare {
    std::mutex mutex;
    std::multimap<std::uint64_t, vk::Buffer> buffers;
    std::uint64_t all_bytes = 0;
  };
  std::shared_ptr<Spare> spare_ = std::make_shared<Spare>();
  [[nodiscard]] vk::Buffer take_buffer(std::uint64_t bytes);
};

}  // namespace unblur
