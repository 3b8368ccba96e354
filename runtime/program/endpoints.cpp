// SPDX-License-Identifier: MIT
#include "program/endpoints.h"

#include <fmt/format.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "graph/error.h"
#include "media/camera.h"
#include "media/image_file.h"
#include "media/image_sequence.h"
#include "media/y4m.h"
#ifdef UNBLUR_WITH_FFMPEG
#include "media/ffmpeg/video.h"
#endif

namespace unblur {
namespace {

namespace fs = std::filesystem;

class NullSink : public FrameSink {
 public:
  void write(const TimedFrame&) override {}
  void finish() override {}
};

bool is_y4m(const std::string& path) { return fs::path(path).extension() == ".y4m"; }

std::unique_ptr<FrameSink> create_video_sink(const std::string& output, const FrameSource& source,
                                             const OutputOptions& options) {
#ifdef UNBLUR_WITH_FFMPEG
  VideoWriteOptions video;
  video.codec = options.codec;
  video.pix_fmt = options.pix_fmt;
  video.crf = options.crf;
  video.resume = options.resume;
  video.from_zero = options.cut_start;
  video.cut_copied = options.cut_start || options.cut_end;
  video.settings = options.settings;
  return create_video(output, source, video);
#else
  (void)source, (void)options;
  throw UsageError(fmt::format("{}: this build has no FFmpeg; write .y4m, .png or a folder", output));
#endif
}

void refuse_overwriting(const std::string& output, const FrameSource& source, const OutputOptions& options) {
  std::error_code ignored;
  if (fs::equivalent(output, source.info().name, ignored)) {
    throw UsageError(fmt::format("{} is the input; choose another -o", output));
  }
  if (options.overwrite || options.resume || options.skip_existing) return;
  if (output_exists(output)) throw UsageError(fmt::format("{} exists; -y overwrites it", output));
  if (fs::exists(output + ".part.json", ignored)) {
    throw UsageError(
        fmt::format("{} was begun and interrupted; --resume goes on with it, -y starts over", output));
  }
}

/// Files that a pattern names, sorted; what matches nothing stays, and is reported where it is opened.
std::vector<std::string> expand_glob(const std::string& pattern) {
  std::error_code ignored;
  if (fs::exists(pattern, ignored)) return {pattern};  // a name may hold brackets
  glob_t found{};
  const std::unique_ptr<glob_t, void (*)(glob_t*)> owned(&found, globfree);
  if (glob(pattern.c_str(), GLOB_NOCHECK, nullptr, &found) != 0) return {pattern};
  return {found.gl_pathv, found.gl_pathv + found.gl_pathc};
}

}  // namespace

bool is_camera(const std::string& input) {
  return input.starts_with("camera:") || input.starts_with("/dev/video");
}

std::unique_ptr<FrameSource> open_source(const std::string& input, const CameraOptions& camera) {
  if (input == "-") return Y4mSource::open("-");
  if (is_camera(input)) return std::make_unique<CameraSource>(open_camera_device(input), input, camera);
  std::error_code error;
  const fs::file_status status = fs::status(input, error);
  if (!fs::exists(status)) throw InputError(fmt::format("{}: no such file or folder", input));
  if (fs::is_directory(status)) return std::make_unique<PictureSource>(input);
  if (fs::is_regular_file(status) && fs::file_size(input, error) == 0) {
    throw InputError(fmt::format("{}: the file is empty", input));
  }
  if (::access(input.c_str(), R_OK) != 0) throw InputError(fmt::format("{}: may not be read", input));
  if (is_y4m(input) || fs::is_fifo(status)) return Y4mSource::open(input);
  if (is_image_name(input)) return std::make_unique<PictureSource>(input);
#ifdef UNBLUR_WITH_FFMPEG
  return open_video(input);
#else
  throw InputError(fmt::format("{}: this build has no FFmpeg; it reads .y4m, .png and .jpg", input));
#endif
}

std::vector<std::string> expand_inputs(const std::vector<std::string>& inputs) {
  std::vector<std::string> out;
  for (const std::string& input : inputs) {
    if (!input.starts_with('@')) {
      std::vector<std::string> matches = expand_glob(input);
      std::move(matches.begin(), matches.end(), std::back_inserter(out));
      continue;
    }
    std::ifstream list(input.substr(1));
    if (!list) throw InputError(fmt::format("{}: cannot be read", input.substr(1)));
    for (std::string line; std::getline(list, line);) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) out.push_back(line);
    }
  }
  return out;
}

bool is_folder_name(const std::string& output) {
  std::error_code ignored;
  return output.ends_with('/') || fs::is_directory(output, ignored) || fs::path(output).extension().empty();
}

std::string default_output(const std::string& input, const std::string& verb) {
  if (input == "-") return "-";
  if (is_camera(input)) throw UsageError("a camera needs an output: -o FILE");
  fs::path path = input;
  if (path.filename().empty()) path = path.parent_path();  // "frames/"
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return path.string() + "." + verb + "/";
  return (path.parent_path() / (path.stem().string() + "." + verb + path.extension().string())).string();
}

bool output_exists(const std::string& output) {
  if (output == "-" || is_pattern(output)) return false;
  std::error_code ignored;
  if (!fs::is_directory(output, ignored)) return fs::exists(output, ignored);
  for (const auto& entry : fs::directory_iterator(output, ignored)) {
    if (is_image_name(entry.path())) return true;
  }
  return false;
}

std::unique_ptr<FrameSink> create_sink(const std::string& output, const FrameSource& source,
                                       const OutputOptions& options) {
  const bool to_terminal = output == "-" && ::isatty(STDOUT_FILENO) == 1;
  if (to_terminal) throw UsageError("raw video is not written to a terminal; use -o FILE or a pipe");
  const bool picture_name = output != "-" && !is_pattern(output) && is_image_name(output);
  const bool to_video =
      output != "-" && !is_y4m(output) && !is_pattern(output) && !picture_name && !is_folder_name(output);
  if (options.resume && !to_video)
    throw UsageError("--resume works with video files; for pictures use --skip-existing");
  if (options.resume && source.info().live)
    throw UsageError("--resume: what a camera saw is gone; -y starts over");
  if (output != "-") refuse_overwriting(output, source, options);
  if (output == "-" || is_y4m(output)) return std::make_unique<Y4mSink>(output, source.info());
  if (is_pattern(output))
    return std::make_unique<PictureSink>(output, PictureSink::Names::kPattern, !options.skip_existing);
  if (picture_name) {
    if (source.info().frames.value_or(0) != 1) {
      throw UsageError(
          fmt::format("{} holds one picture; name a folder or a pattern such as out/%06d.png", output));
    }
    return std::make_unique<PictureSink>(output, PictureSink::Names::kSingle, true);
  }
  if (!to_video)
    return std::make_unique<PictureSink>(output, PictureSink::Names::kFolder, !options.skip_existing);
  return create_video_sink(output, source, options);
}

std::string pixel_format_for(const StreamInfo& info, const std::string& wanted) {
  const bool picture = info.format.layout == PixelLayout::kRgb || info.format.layout == PixelLayout::kGrey;
  if (!wanted.empty() || !picture || info.kind == "video") return wanted;
  return info.format.width % 2 == 0 && info.format.height % 2 == 0 ? "yuv420p" : "yuv444p";
}

std::unique_ptr<FrameSink> create_null_sink() { return std::make_unique<NullSink>(); }

}  // namespace unblur
