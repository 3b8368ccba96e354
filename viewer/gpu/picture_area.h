// SPDX-License-Identifier: MIT
// Draws pictures and motion into the canvas (shaders/viewer).
#pragma once

#include <array>

#include "gpu/canvas.h"
#include "gpu/picture.h"

namespace unblur {

/// As in shaders/viewer/picture_area.glsl.
enum class ViewMode : std::int32_t { kSplit, kSideBySide, kA, kB, kDifference, kBlink };
enum class SideKind : std::int32_t { kNothing, kInput, kResult, kCorrection };

struct ViewSide {
  SideKind kind = SideKind::kNothing;
  std::int32_t before_width = 1, before_height = 1;
  float strength = 1;
  std::int32_t fault = 0, unused = 0;
};

struct ViewData {
  float left = 0, top = 0, width = 1, height = 1;
  float centre_x = 0, centre_y = 0, zoom = 1;
  std::int32_t picture_width = 1, picture_height = 1, rotation = 0, mirror = 0;
  ViewMode mode = ViewMode::kSplit;
  float divider = 0.5F, gain = 4;
  std::int32_t blink = 0, exposure_on = 0;
  float exposure = 0;
  std::int32_t path_mode = 0, map = 0;
  float full_scale = 32;
  std::int32_t directed = 1, motion_width = 0, motion_height = 0;
  float background = 0.1F;
  std::int32_t grid = 16;
  float line_width = 1.5F, arrow_reach = 14;
  std::int32_t style = 0;
  std::array<ViewSide, 2> sides;
};
static_assert(sizeof(ViewSide) == 24 && sizeof(ViewData) == 28 * 4 + 2 * 24);

/// What one side shows. `base` is the input of the same frame.
struct SidePictures {
  PicturePtr base, before, after;
};

struct ViewContent {
  ViewData data;
  std::array<SidePictures, 2> sides;
  MotionPtr motion;
  bool lines = false;  ///< draw paths or arrows
};

/// Used by the thread that draws.
class PictureArea {
 public:
  PictureArea(Gpu& gpu, VkRenderPass render_pass);

  /// Binds the content for this frame of the canvas; it is kept until the frame's next turn. Must be called
  /// after Canvas::wait_for_next.
  void prepare(int frame, const ViewContent& content);
  /// Copies one pixel of each side's pictures to where `inspected` finds it a frame later. Stored px.
  void inspect(VkCommandBuffer commands, int frame, int x, int y);
  void draw(VkCommandBuffer commands, int frame, int canvas_width, int canvas_height);

  /// Words at the inspected pixel: base, before, after of A, then of B.
  [[nodiscard]] std::array<std::uint32_t, 6> inspected(int frame) const;

 private:
  VkPipeline make_pipeline(VkRenderPass render_pass, const char* vertex, const char* fragment, bool blend);
  void draw_lines(VkCommandBuffer commands, const ViewContent& content, int canvas_width, int canvas_height);
  [[nodiscard]] const vk::Buffer& buffer_or_nothing(const PicturePtr& picture) const {
    return picture ? picture->words : nothing_;
  }

  struct Frame {
    VkDescriptorSet set = VK_NULL_HANDLE;
    vk::Buffer data, pixels;
    ViewContent content;
  };

  Gpu& gpu_;
  vk::Buffer colours_, nothing_;
  vk::SetLayoutHandle set_layout_;
  vk::PipelineLayoutHandle layout_;
  vk::DescriptorPoolHandle pool_;
  vk::PipelineHandle view_, lines_;
  std::array<Frame, Canvas::kFrames> frames_;
};

}  // namespace unblur
