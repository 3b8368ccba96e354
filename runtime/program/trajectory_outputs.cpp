// SPDX-License-Identifier: MIT
#include "program/trajectory_outputs.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "graph/error.h"
#include "media/image_file.h"
#include "media/image_sequence.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

std::vector<Style> parse_styles(const std::string& text) {
  std::vector<Style> styles;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string name = text.substr(at, end - at);
    const std::optional<Style> style = style_of(name);
    if (!style) {
      throw UsageError(
          fmt::format("--style '{}': there are paths, quiver, middlebury, hsv, length and authors", name));
    }
    if (std::ranges::find(styles, *style) != styles.end())
      throw UsageError(fmt::format("--style: '{}' stands there twice", name));
    styles.push_back(*style);
    at = end + 1;
  }
  return styles;
}

std::optional<Background> parse_background(const std::string& text) {
  constexpr std::array<std::string_view, 4> kNames{"input", "grey", "sharp", "none"};
  if (text.empty()) return std::nullopt;
  const auto* found = std::ranges::find(kNames, text);
  if (found == kNames.end())
    throw UsageError(fmt::format("--background '{}': there are input, grey, sharp and none", text));
  return static_cast<Background>(found - kNames.begin());
}

std::optional<float> parse_scale(const std::string& text) {
  if (text == "auto") return std::nullopt;
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0.1F && value <= 10000))
    throw UsageError(fmt::format("--max-length '{}': expected auto, or px from 0.1 to 10000", text));
  return value;
}

std::string without_ending(const std::string& output) {
  fs::path path = output;
  if (path.filename().empty()) path = path.parent_path();
  return is_folder_name(output) ? path.string() : (path.parent_path() / path.stem()).string();
}

std::string with_style(const std::string& output, Style style) {
  if (output == "-") throw UsageError("several styles do not fit on standard output; name a file with -o");
  const std::string base = fmt::format("{}.{}", without_ending(output), style_name(style));
  return is_folder_name(output) ? base + "/" : base + fs::path(output).extension().string();
}

/// The sink's frames once they are 8-bit RGB and upright.
StreamInfo upright(StreamInfo info) {
  FrameFormat format;
  format.width = info.rotation % 180 == 0 ? info.format.width : info.format.height;
  format.height = info.rotation % 180 == 0 ? info.format.height : info.format.width;
  info.format = format;
  if (info.rotation % 180 != 0) std::swap(info.sample_aspect.num, info.sample_aspect.den);
  info.rotation = 0;
  return info;
}

}  // namespace

TrajectoryRequest::TrajectoryRequest(const TrajectoryArguments& arguments)
    : arguments_(arguments),
      styles_(parse_styles(arguments.style)),
      background_(parse_background(arguments.background)),
      scale_(parse_scale(arguments.max_length)) {
  apply_range(arguments.selection, range_);
  const TrajectoryArguments& a = arguments_;
  if (a.extract > 0 && a.style_given)
    throw UsageError("--extract writes the frames of the exposure; --style belongs to drawings");
  if (a.extract > 0 && a.format == "svg") throw UsageError("--extract writes png, mp4 or gif");
  if (a.numbers && a.output == "-") throw UsageError("--numbers needs a name: -o FILE");
  if (a.null_output && a.extract > 0) throw UsageError("--null throws away what --extract makes");
  needs_sharp_ = (a.extract > 0 || background_ == Background::kSharp) && a.sharp != "none";
  if (background_ == Background::kSharp && a.sharp == "none")
    throw UsageError("--background sharp needs a model; --sharp none leaves it out");
  if (!a.sharp.empty() && a.extract == 0 && background_ != Background::kSharp)
    throw UsageError("--sharp serves --extract and --background sharp; neither is asked for");
  if (a.resume && a.yes) throw UsageError("--resume goes on, -y starts over; choose one");
  if (a.resume && (styles_.size() > 1 || a.extract > 0))
    throw UsageError("--resume works with one video of one style");
}

bool TrajectoryRequest::draws_to_scale() const {
  return arguments_.extract == 0 && !arguments_.null_output && std::ranges::any_of(styles_, uses_scale);
}

std::optional<std::int64_t> TrajectoryRequest::expected_frames(const StreamInfo& info) const {
  std::optional<std::int64_t> frames = info.frames;
  if (frames && range_.start_seconds) frames.reset();
  if (frames) *frames = std::max<std::int64_t>(0, *frames - range_.start_frame);
  if (range_.max_frames >= 0) frames = std::min(frames.value_or(range_.max_frames), range_.max_frames);
  return frames;
}

TrajectoryRequest::Kind TrajectoryRequest::kind_of(const std::string& output) const {
  const std::string& format = arguments_.format;
  const std::string ending = fs::path(output).extension().string();
  if (!is_folder_name(output) && !format.empty() && ending != "." + format)
    throw UsageError(fmt::format("{}: --format {} wants another ending", output, format));
  if (output == "-" || ending == ".y4m") return Kind::kStream;
  if (format == "svg" || ending == ".svg") {
    if (is_pattern(output)) throw UsageError(fmt::format("{}: for SVG name a file or a folder", output));
    return Kind::kSvg;
  }
  if (format == "gif" || ending == ".gif") return Kind::kGif;
  const bool pictures = is_folder_name(output) || is_pattern(output) || is_image_name(output);
  if (pictures && format == "mp4") throw UsageError(fmt::format("{}: a folder holds no mp4", output));
  return pictures ? Kind::kPictures : Kind::kVideo;
}

std::string TrajectoryRequest::default_name(const std::string& input, const StreamInfo& info) const {
  std::string like_input = default_output(input, "trajectories");
  std::string format = arguments_.format;
  if (format.empty() && info.kind == "picture") format = arguments_.extract > 0 ? "mp4" : "png";
  if (format.empty()) return like_input;
  if (like_input == "-") throw UsageError("--format: standard output takes y4m; name a file with -o");
  const std::string base = without_ending(like_input);
  const bool one = expected_frames(info) == 1 && arguments_.extract == 0;
  if ((format == "png" || format == "svg") && !one) return base + "/";
  return base + "." + format;
}

std::string TrajectoryRequest::output_for(const std::string& input, const StreamInfo& info,
                                          bool several) const {
  if (!several && !arguments_.output.empty()) return arguments_.output;
  std::string name = default_name(input, info);
  if (arguments_.output.empty()) return name;
  if (arguments_.output == "-") throw UsageError("-o - takes one input at a time");
  fs::create_directories(arguments_.output);
  const bool folder = name.ends_with('/');
  const fs::path file = folder ? fs::path(name).parent_path().filename() : fs::path(name).filename();
  return (fs::path(arguments_.output) / file).string() + (folder ? "/" : "");
}

/// A name per frame, without `ending` where the caller appends several.
NameOf TrajectoryRequest::name_of(const std::string& output, const StreamInfo& info,
                                  const char* ending) const {
  if (output == "-") throw UsageError("--numbers needs a name: -o FILE");
  const bool one = expected_frames(info) == 1, folder = is_folder_name(output);
  const bool keep = !arguments_.yes && !arguments_.resume;
  if (folder) fs::create_directories(output);
  return [=, base = without_ending(output), text = std::string(ending)](const TimedFrame& frame) {
    std::string name = base;
    if (folder) {
      const std::string stem =
          frame.name.empty() ? fmt::format("{:06}", frame.index) : fs::path(frame.name).stem().string();
      name += "/" + stem;
    } else if (!one) {
      name += fmt::format(".{:06}", frame.index);
    }
    const bool svg = text == ".svg";
    if (folder && !svg) name += ".trajectories";
    if (svg) name += text;
    const std::string first = svg ? name : name + text;
    std::error_code ignored;
    if (keep && fs::exists(first, ignored))
      throw UsageError(fmt::format("{} exists; -y overwrites it", first));
    return fs::path(name);
  };
}

std::string TrajectoryRequest::add_plot(TrajectorySink& sink, const std::string& output,
                                        const FrameSource& source, Style style, const PlotOptions& plot,
                                        const OutputOptions& options) const {
  const Kind kind = kind_of(output);
  if (options.resume && kind != Kind::kVideo) throw UsageError("--resume works with video files");
  if (kind == Kind::kSvg) {
    if (expected_frames(source.info()) != 1 && !is_folder_name(output))
      throw UsageError(fmt::format("{} holds one picture; name a folder", output));
    sink.add(svg_output(style, plot, name_of(output, source.info(), ".svg")));
    return output;
  }
  const bool stored = kind == Kind::kVideo || kind == Kind::kStream;
  OutputOptions own = options;
  if (stored) {
    own.pix_fmt = pixel_format_for(source.info(), options.pix_fmt);
    sink.add(plot_output(style, plot, create_sink(output, source, own), FrameForm::kAsStored));
    return output;
  }
  StreamInfo info = upright(source.info());
  info.frames = expected_frames(source.info());
  own.codec.clear(), own.pix_fmt.clear();
  sink.add(plot_output(style, plot, create_sink(output, DescribedSource(info), own), FrameForm::kUpright));
  return output;
}

std::string TrajectoryRequest::add_extract(TrajectorySink& sink, const std::string& output,
                                           const FrameSource& source, OutputOptions options) const {
  constexpr Rational kStillRate{12, 1};  // frames per second of the exposure of a single picture
  const Kind kind = kind_of(output);
  if (kind == Kind::kSvg) throw UsageError("--extract writes png, mp4 or gif");
  const bool stored = (kind == Kind::kVideo || kind == Kind::kStream) && source.info().rotation == 0;
  StreamInfo info = stored ? source.info() : upright(source.info());
  const bool still = info.kind == "picture" || info.kind == "folder";
  if (still || !info.frame_rate.known()) info.frame_rate = still ? kStillRate : Rational{25, 1};
  info.time_base = {info.frame_rate.den, info.frame_rate.num};
  info.kind = "extract";
  if (const auto frames = expected_frames(source.info())) info.frames = *frames * arguments_.extract;
  options.pix_fmt = kind == Kind::kGif ? "" : pixel_format_for(info, options.pix_fmt);
  if (kind == Kind::kGif) options.codec.clear();
  options.cut_start = options.cut_end = false;
  sink.add(extract_output(arguments_.extract, source.info().rotation,
                          create_sink(output, DescribedSource(info), options),
                          stored ? FrameForm::kAsStored : FrameForm::kUpright));
  return output;
}

std::vector<std::string> TrajectoryRequest::add_outputs(TrajectorySink& sink, const std::string& output,
                                                        const FrameSource& source, float full_scale,
                                                        const OutputOptions& options) const {
  std::vector<std::string> names;
  if (arguments_.numbers) {
    sink.add(numbers_output(name_of(output, source.info(), ".safetensors")));
    if (expected_frames(source.info()).value_or(2) > 1)
      spdlog::info("--numbers: a set of files for every frame; --frames 1 takes one");
  }
  if (arguments_.null_output) return names;
  if (arguments_.extract > 0) return {add_extract(sink, output, source, options)};
  PlotOptions plot;
  plot.grid = arguments_.grid;
  plot.full_scale = full_scale;
  plot.background = background_;
  plot.rotation = source.info().rotation;
  for (const Style style : styles_) {
    const std::string name = styles_.size() == 1 ? output : with_style(output, style);
    names.push_back(add_plot(sink, name, source, style, plot, options));
  }
  return names;
}

}  // namespace unblur
