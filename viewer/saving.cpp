// SPDX-License-Identifier: MIT
// What leaves the viewer: pictures, recordings, an exposure as a clip.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "app.h"
#include "graph/colour.h"
#include "graph/error.h"
#include "graph/tensor.h"
#include "media/image_file.h"
#include "media/rgb.h"
#include "vulkan/program.h"

namespace unblur {
namespace {

constexpr int kRecordedRate = 30;

}  // namespace

std::string App::file_name(const std::string& what, const std::string& ending) const {
  std::string stem = std::filesystem::path(source_).filename().stem().string();
  std::ranges::replace(stem, ':', '-');
  return fmt::format("{}-{:06}-{}{}", stem.empty() ? "unblur" : stem, shown_ ? shown_->index : 0, what,
                     ending);
}

/// A side at one to one, drawn as on the screen but for motion and labels: upright, and at the moment of the
/// exposure that is looked at; or as `stored`, at its middle.
Frame App::side_picture(int side, bool stored) {
  ViewContent content = view_content();
  const ViewSide& how = content.data.sides.at(static_cast<std::size_t>(side));
  if (!content.sides.at(static_cast<std::size_t>(side)).base || how.kind == SideKind::kNothing)
    throw ProcessingError("there is no picture to save yet");
  if (how.fault != 0) throw ProcessingError(last_error_.empty() ? "this side has no picture" : last_error_);
  ViewData& d = content.data;
  d.mode = side == 0 ? ViewMode::kA : ViewMode::kB;
  d.left = d.top = 0;
  d.zoom = 1;
  d.map = d.mirror = 0;
  content.lines = false;
  if (stored) d.rotation = d.exposure_on = 0;
  const bool turned = d.rotation % 2 != 0;
  const int width = turned ? d.picture_height : d.picture_width,
            height = turned ? d.picture_width : d.picture_height;
  VkPhysicalDeviceProperties properties{};
  vkGetPhysicalDeviceProperties(gpu_.device()->physical().handle, &properties);
  if (std::max(width, height) > static_cast<int>(properties.limits.maxImageDimension2D))
    throw ProcessingError(fmt::format("this device draws no {} x {} px", width, height));
  d.width = static_cast<float>(width);
  d.height = static_cast<float>(height);
  d.centre_x = d.width / 2;
  d.centre_y = d.height / 2;

  Canvas canvas(gpu_);
  canvas.resize(width, height);
  canvas_.wait_all();  // what its frames use is used here
  const int frame = canvas.wait_for_next();
  area_.prepare(frame, content);
  Canvas::Work work;
  work.draw = [&](VkCommandBuffer commands, int at) { area_.draw(commands, at, width, height); };
  canvas.draw(work);
  return canvas.read();
}

void App::save(const std::string& what) {
  try {
    const std::string file = file_name(what, ".png");
    write_png(file, what == "view" ? canvas_.read() : side_picture(what == "a" ? 0 : 1, false));
    action_error_.clear();
    note("saved " + file);
  } catch (const Error& error) {
    fail_action(error.what());
  }
}

void App::toggle_recording() {
  try {
    if (recorder_) {
      recorder_->finish();
      note(fmt::format("recorded {}: {} frames", record_file_, recorder_->written()));
      recorder_.reset();
      action_error_.clear();
    } else {
      record_file_ = file_name("view", ".mp4");
      record_width_ = canvas_.width() / 2 * 2;
      record_height_ = canvas_.height() / 2 * 2;
      recorder_ = std::make_unique<Recorder>(record_file_, record_width_, record_height_, kRecordedRate,
                                             window_ == nullptr);
    }
  } catch (const Error& error) {
    recorder_.reset();
    fail_action(error.what());
  }
}

/// A video has one size: another window ends the recording.
void App::record(double seconds) {
  if (canvas_.width() / 2 * 2 != record_width_ || canvas_.height() / 2 * 2 != record_height_)
    return toggle_recording();
  Frame whole = canvas_.read();
  if (whole.format.width != record_width_ || whole.format.height != record_height_) {
    Frame even(FrameFormat{.layout = PixelLayout::kRgb, .width = record_width_, .height = record_height_});
    for (int y = 0; y < record_height_; ++y) {
      std::memcpy(even.data.data() + static_cast<std::size_t>(y) * even.format.row_bytes(0),
                  whole.data.data() + static_cast<std::size_t>(y) * whole.format.row_bytes(0),
                  even.format.row_bytes(0));
    }
    whole = std::move(even);
  }
  try {
    recorder_->add(std::move(whole), seconds);
  } catch (const Error& error) {
    recorder_.reset();
    fail_action(error.what());
  }
}

/// The motion comes back from the device for this: pairs of halves, from the model's scale to the picture's.
void App::export_exposure_to(const std::string& path) {
  try {
    if (!shown_ || !shown_->motion) throw ProcessingError("no model here estimates motion");
    const PathField& field = *shown_->motion;
    const std::vector<std::byte> bytes =
        vk::download(gpu_.device(), *gpu_.pipelines(), field.words, 0,
                     static_cast<std::uint64_t>(field.width) * static_cast<std::uint64_t>(field.height) * 8);
    gpu_.count_pixels_read(bytes.size());
    const int side = view_.picks[1] == Pick::kInput ? 0 : 1;
    const Frame sharp = side_picture(side, true);
    const int w = sharp.format.width, h = sharp.format.height;
    const auto plane = static_cast<std::size_t>(w) * static_cast<std::size_t>(h);
    std::vector<float> control(4 * plane);
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        const std::size_t cell =
            static_cast<std::size_t>(y * field.height / h) * static_cast<std::size_t>(field.width) +
            static_cast<std::size_t>(x * field.width / w);
        std::array<std::uint16_t, 4> m{};
        std::memcpy(m.data(), bytes.data() + 8 * cell, 8);
        const std::size_t at =
            static_cast<std::size_t>(y) * static_cast<std::size_t>(w) + static_cast<std::size_t>(x);
        // Gather offsets (S.dy, S.dx, E.dy, E.dx) are minus the content's displacements.
        control[at] = -half_to_float(m[1]);
        control[plane + at] = -half_to_float(m[0]);
        control[2 * plane + at] = -half_to_float(m[3]);
        control[3 * plane + at] = -half_to_float(m[2]);
      }
    }
    const TrajectoryField trajectories({field.quadratic ? "quad" : "bilin", 15, field.directed}, {4, h, w},
                                       std::move(control));
    ExposureClip clip;
    clip.reverse = view_.exposure_reversed;
    clip.rotation = shown_->info.rotation;
    export_exposure(path, frame_to_rgb(sharp), trajectories, clip);
    action_error_.clear();
    note("saved " + path);
  } catch (const Error& error) {
    fail_action(error.what());
  }
}

}  // namespace unblur
