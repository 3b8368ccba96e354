// SPDX-License-Identifier: MIT
#include "compare_video.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "graph/error.h"
#include "media/image_file.h"
#include "media/metrics.h"
#include "media/rgb.h"

namespace unblur {
namespace {

struct FramePair {
  VideoFrameScore score;
  Frame a, b;  ///< kRgb, 8 bits
};

Picture8 picture8(const Frame& rgb) {
  return {reinterpret_cast<const std::uint8_t*>(rgb.data.data()), rgb.format.width, rgb.format.height, 3};
}

Frame difference_picture(const Frame& a, const Frame& b) {
  Frame out(a.format);
  int most = 1;
  std::vector<int> errors(a.data.size());
  for (std::size_t i = 0; i < errors.size(); ++i) {
    errors[i] = std::abs(std::to_integer<int>(a.data[i]) - std::to_integer<int>(b.data[i]));
    most = std::max(most, errors[i]);
  }
  for (std::size_t i = 0; i < errors.size(); ++i)
    out.data[i] = static_cast<std::byte>(errors[i] * 255 / most);
  return out;
}

void save_pair(const FramePair& pair, const std::filesystem::path& folder, VideoReport& report) {
  const auto save = [&](const char* what, const Frame& frame) {
    report.saved.push_back(folder / fmt::format("frame.{}.{}.png", pair.score.index, what));
    write_png(report.saved.back(), frame);
  };
  save("a", pair.a);
  save("b", pair.b);
  save("difference", difference_picture(pair.a, pair.b));
}

}  // namespace

VideoReport compare_videos(FrameSource& a, FrameSource& b, std::size_t worst,
                           const std::filesystem::path& folder) {
  VideoReport report;
  std::vector<FramePair> kept;  // the worst so far, lowest PSNR first
  SquaredError pooled;
  TimedFrame x, y;
  for (;;) {
    const bool more = a.read(x);
    if (more != b.read(y)) {
      throw InputError(fmt::format("the {} video ends after {} frames, the other one goes on",
                                   more ? "second" : "first", report.frames.size()));
    }
    if (!more) break;
    FramePair pair{
        {.index = static_cast<std::int64_t>(report.frames.size())}, to_rgb(x.frame, 8), to_rgb(y.frame, 8)};
    const SquaredError error = squared_error(picture8(pair.a), picture8(pair.b));
    pooled += error;
    pair.score.psnr_db = error.psnr();
    pair.score.ssim = ssim(picture8(pair.a), picture8(pair.b));
    report.ssim += pair.score.ssim;
    report.frames.push_back(pair.score);
    const auto at = std::ranges::upper_bound(kept, pair.score.psnr_db, {},
                                             [](const FramePair& p) { return p.score.psnr_db; });
    kept.insert(at, std::move(pair));
    if (kept.size() > worst) kept.pop_back();
  }
  if (report.frames.empty()) throw InputError("the videos hold no frame");
  report.psnr_db = pooled.psnr();
  report.ssim /= static_cast<double>(report.frames.size());
  for (const FramePair& pair : kept) report.worst.push_back(pair.score);
  if (folder.empty()) return report;
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) throw ProcessingError(fmt::format("cannot make '{}': {}", folder.string(), failed.message()));
  for (const FramePair& pair : kept) save_pair(pair, folder, report);
  return report;
}

}  // namespace unblur
