// SPDX-License-Identifier: MIT
// The verb `trajectories`: what its arguments ask for, and the outputs that come of it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drawing/plot.h"
#include "pipeline/trajectories.h"
#include "program/endpoints.h"
#include "program/selection.h"

namespace unblur {

struct TrajectoryArguments {
  Selection selection;
  std::string output, sharp, style = "paths", background, format, max_length = "auto";
  int grid = 0, extract = 0;
  bool style_given = false;
  bool yes = false, resume = false, numbers = false, null_output = false;
};

/// The arguments, checked. All members throw UsageError on what does not fit together.
class TrajectoryRequest {
 public:
  explicit TrajectoryRequest(const TrajectoryArguments& arguments);

  [[nodiscard]] bool needs_sharp() const { return needs_sharp_; }
  /// Whether anything is drawn that depends on the full scale.
  [[nodiscard]] bool draws_to_scale() const;
  /// The number of --max-length; nothing for "auto".
  [[nodiscard]] std::optional<float> scale() const { return scale_; }

  /// -o, or the default beside the input, before styles are told apart. With several inputs -o is a folder.
  [[nodiscard]] std::string output_for(const std::string& input, const StreamInfo& info, bool several) const;

  /// Fills the sink; returns the names of what it will write. `options`: codec and the like, and the settings
  /// that a resumed run must share.
  std::vector<std::string> add_outputs(TrajectorySink& sink, const std::string& output,
                                       const FrameSource& source, float full_scale,
                                       const OutputOptions& options) const;

 private:
  enum class Kind : std::uint8_t { kPictures, kSvg, kVideo, kGif, kStream };
  [[nodiscard]] Kind kind_of(const std::string& output) const;
  [[nodiscard]] std::string default_name(const std::string& input, const StreamInfo& info) const;
  [[nodiscard]] std::optional<std::int64_t> expected_frames(const StreamInfo& info) const;
  [[nodiscard]] NameOf name_of(const std::string& output, const StreamInfo& info, const char* ending) const;
  std::string add_plot(TrajectorySink& sink, const std::string& output, const FrameSource& source,
                       Style style, const PlotOptions& plot, const OutputOptions& options) const;
  std::string add_extract(TrajectorySink& sink, const std::string& output, const FrameSource& source,
                          OutputOptions options) const;

  TrajectoryArguments arguments_;
  DeblurOptions range_;
  std::vector<Style> styles_;
  std::optional<Background> background_;
  std::optional<float> scale_;
  bool needs_sharp_ = false;
};

}  // namespace unblur
