// SPDX-License-Identifier: MIT
#include "media/y4m.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "graph/error.h"

namespace unblur {
namespace {

constexpr std::size_t kMaxHeader = 1024;                      ///< bytes of one text line
constexpr int kMaxSide = 32768;                               ///< px
constexpr std::size_t kMaxFrameBytes = std::size_t{1} << 30;  ///< of one frame

struct Chroma {
  std::string_view name;
  PixelLayout layout;
  int bit_depth;
  ChromaLocation location;
};

// The first row of a layout and depth is what the writer uses, by chroma location.
constexpr Chroma kChroma[] = {
    {"420mpeg2", PixelLayout::kYuv420, 8, ChromaLocation::kLeft},
    {"420jpeg", PixelLayout::kYuv420, 8, ChromaLocation::kCentre},
    {"420paldv", PixelLayout::kYuv420, 8, ChromaLocation::kTopLeft},
    {"420", PixelLayout::kYuv420, 8, ChromaLocation::kCentre},
    {"422", PixelLayout::kYuv422, 8, ChromaLocation::kLeft},
    {"444", PixelLayout::kYuv444, 8, ChromaLocation::kLeft},
    {"mono", PixelLayout::kGrey, 8, ChromaLocation::kLeft},
    {"mono9", PixelLayout::kGrey, 9, ChromaLocation::kLeft},
    {"mono10", PixelLayout::kGrey, 10, ChromaLocation::kLeft},
    {"mono12", PixelLayout::kGrey, 12, ChromaLocation::kLeft},
    {"mono16", PixelLayout::kGrey, 16, ChromaLocation::kLeft},
    {"420p9", PixelLayout::kYuv420, 9, ChromaLocation::kLeft},
    {"420p10", PixelLayout::kYuv420, 10, ChromaLocation::kLeft},
    {"420p12", PixelLayout::kYuv420, 12, ChromaLocation::kLeft},
    {"420p14", PixelLayout::kYuv420, 14, ChromaLocation::kLeft},
    {"420p16", PixelLayout::kYuv420, 16, ChromaLocation::kLeft},
    {"422p9", PixelLayout::kYuv422, 9, ChromaLocation::kLeft},
    {"422p10", PixelLayout::kYuv422, 10, ChromaLocation::kLeft},
    {"422p12", PixelLayout::kYuv422, 12, ChromaLocation::kLeft},
    {"422p14", PixelLayout::kYuv422, 14, ChromaLocation::kLeft},
    {"422p16", PixelLayout::kYuv422, 16, ChromaLocation::kLeft},
    {"444p9", PixelLayout::kYuv444, 9, ChromaLocation::kLeft},
    {"444p10", PixelLayout::kYuv444, 10, ChromaLocation::kLeft},
    {"444p12", PixelLayout::kYuv444, 12, ChromaLocation::kLeft},
    {"444p14", PixelLayout::kYuv444, 14, ChromaLocation::kLeft},
    {"444p16", PixelLayout::kYuv444, 16, ChromaLocation::kLeft},
};

int parse_int(std::string_view text, int low, int high, std::string_view what) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high) {
    throw InputError(fmt::format("y4m header: {} '{}' is not between {} and {}", what, text, low, high));
  }
  return value;
}

/// "30000:1001"; 0:0 stands for unknown.
Rational parse_ratio(std::string_view text, std::string_view what) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    throw InputError(fmt::format("y4m header: {} '{}' is not of the form A:B", what, text));
  }
  constexpr int kMax = 1'000'000'000;
  const Rational r{parse_int(text.substr(0, colon), 0, kMax, what),
                   parse_int(text.substr(colon + 1), 0, kMax, what)};
  return r.known() ? r : Rational{};
}

const Chroma& find_chroma(std::string_view name) {
  for (const Chroma& c : kChroma) {
    if (c.name == name) return c;
  }
  throw InputError(fmt::format("y4m header: colour space C{} is not supported", name));
}

void parse_extension(std::string_view text, FrameFormat& format) {
  if (text == "COLORRANGE=FULL") format.colour.range = ColourRange::kFull;
  if (text == "COLORRANGE=LIMITED") format.colour.range = ColourRange::kLimited;
}

/// Bytes up to a newline, which is taken but not returned; false at the end of the file before any byte.
bool read_line(std::FILE* file, std::string& line) {
  line.clear();
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
    if (c == '\n') return true;
    if (line.size() >= kMaxHeader) throw InputError("y4m: a header line is longer than 1024 bytes");
    line.push_back(static_cast<char>(c));
  }
  return !line.empty();
}

}  // namespace

StreamInfo parse_y4m_header(std::string_view line) {
  constexpr std::string_view kMagic = "YUV4MPEG2";
  if (!line.starts_with(kMagic)) throw InputError("not a y4m stream: it does not start with YUV4MPEG2");
  line.remove_prefix(kMagic.size());

  StreamInfo info;
  info.kind = "y4m";
  info.frame_rate = {25, 1};
  info.format.colour.range = ColourRange::kLimited;
  std::string_view chroma = "420";
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    if (word.empty()) continue;
    const std::string_view value = word.substr(1);
    switch (word[0]) {
      case 'W':
        info.format.width = parse_int(value, 1, kMaxSide, "width");
        break;
      case 'H':
        info.format.height = parse_int(value, 1, kMaxSide, "height");
        break;
      case 'F':
        info.frame_rate = parse_ratio(value, "frame rate");
        break;
      case 'A':
        info.sample_aspect = parse_ratio(value, "sample aspect");
        break;
      case 'C':
        chroma = value;
        break;
      case 'X':
        parse_extension(value, info.format);
        break;
      default:
        break;  // interlacing and comments change nothing for us
    }
  }
  if (info.format.width == 0 || info.format.height == 0) throw InputError("y4m header: no frame size");
  const Chroma& c = find_chroma(chroma);
  info.format.layout = c.layout;
  info.format.bit_depth = c.bit_depth;
  info.format.colour.chroma = c.location;
  info.format.colour.matrix = info.format.height >= 720 ? ColourMatrix::kBt709 : ColourMatrix::kBt601;
  if (info.format.total_bytes() > kMaxFrameBytes) throw InputError("y4m header: a frame is above 1 GiB");
  if (!info.frame_rate.known()) info.frame_rate = {25, 1};
  if (!info.sample_aspect.known()) info.sample_aspect = {1, 1};
  info.time_base = {info.frame_rate.den, info.frame_rate.num};
  return info;
}

std::string y4m_header(const StreamInfo& info) {
  const FrameFormat& f = info.format;
  const Chroma* found = nullptr;
  for (const Chroma& c : kChroma) {
    if (c.layout != f.layout || c.bit_depth != f.bit_depth) continue;
    if (found == nullptr || c.location == f.colour.chroma) found = &c;
    if (c.location == f.colour.chroma) break;
  }
  if (found == nullptr) {
    throw UsageError(fmt::format("y4m cannot hold {} samples of {} bits; write a picture or a video file",
                                 f.layout == PixelLayout::kRgb ? "RGB" : "YUV", f.bit_depth));
  }
  const Rational rate = info.frame_rate.known() ? info.frame_rate : Rational{25, 1};
  return fmt::format("YUV4MPEG2 W{} H{} F{}:{} Ip A{}:{} C{} XCOLORRANGE={}\n", f.width, f.height, rate.num,
                     rate.den, info.sample_aspect.num, info.sample_aspect.den, found->name,
                     f.colour.range == ColourRange::kFull ? "FULL" : "LIMITED");
}

Y4mSource::Y4mSource(std::FILE* file, const std::string& name) : file_(file) {
  std::string line;
  if (!read_line(file_, line)) throw InputError(fmt::format("{}: empty, a y4m stream was expected", name));
  try {
    info_ = parse_y4m_header(line);
  } catch (const InputError& e) {
    throw InputError(fmt::format("{}: {}", name, e.what()));
  }
  info_.name = name;
}

std::unique_ptr<Y4mSource> Y4mSource::open(const std::string& path) {
  if (path == "-") return std::make_unique<Y4mSource>(stdin, "standard input");
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) throw InputError(fmt::format("{}: {}", path, std::strerror(errno)));
  std::unique_ptr<std::FILE, Closer> owned(file);
  auto source = std::make_unique<Y4mSource>(file, path);
  source->owned_ = std::move(owned);
  return source;
}

bool Y4mSource::read(TimedFrame& out) {
  std::string line;
  if (!read_line(file_, line)) {
    if (std::ferror(file_) != 0) throw InputError(fmt::format("{}: read error", info_.name));
    return false;
  }
  if (line != "FRAME" && !line.starts_with("FRAME ")) {
    throw InputError(fmt::format("{}: frame {} does not start with FRAME; the stream is damaged there",
                                 info_.name, next_));
  }
  // Memory grows with the bytes that really come, so that a header alone cannot claim a gigabyte.
  constexpr std::size_t kStep = std::size_t{16} << 20;
  const std::size_t total = info_.format.total_bytes();
  out.frame.format = info_.format;
  auto& data = out.frame.data;
  for (std::size_t have = 0; have < total;) {
    const std::size_t want = std::min(total - have, kStep);
    data.resize(have + want);
    const std::size_t got = std::fread(data.data() + have, 1, want, file_);
    have += got;
    if (got < want) {
      throw InputError(
          fmt::format("{}: cut off inside frame {} ({} of {} bytes)", info_.name, next_, have, total));
    }
  }
  out.index = out.pts = next_++;
  out.duration = 1;
  out.name.clear();
  return true;
}

Y4mSink::Y4mSink(const std::string& path, const StreamInfo& info) : path_(path), format_(info.format) {
  const std::string header = y4m_header(info);
  file_ = path == "-" ? stdout : std::fopen((path + ".part").c_str(), "wb");
  if (file_ == nullptr) throw ProcessingError(fmt::format("{}.part: {}", path, std::strerror(errno)));
  put(header.data(), header.size());
}

Y4mSink::~Y4mSink() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

void Y4mSink::put(const void* data, std::size_t bytes) {
  if (std::fwrite(data, 1, bytes, file_) == bytes) return;
  throw ProcessingError(
      fmt::format("{}: {}", path_ == "-" ? "standard output" : path_ + ".part", std::strerror(errno)));
}

void Y4mSink::write(const TimedFrame& frame) {
  if (frame.frame.format != format_) {
    throw ProcessingError(fmt::format("frame {} changes its format; y4m holds one format only", frame.index));
  }
  put("FRAME\n", 6);
  put(frame.frame.data.data(), frame.frame.data.size());
}

void Y4mSink::close_partial() {
  if (file_ == nullptr) return;
  if (std::fflush(file_) != 0) {
    throw ProcessingError(fmt::format("{}: {}", path_, std::strerror(errno)));
  }
  if (file_ == stdout) return;
  std::FILE* file = file_;
  file_ = nullptr;
  if (std::fclose(file) != 0) throw ProcessingError(fmt::format("{}.part: {}", path_, std::strerror(errno)));
}

void Y4mSink::finish() {
  close_partial();
  if (path_ != "-") std::filesystem::rename(path_ + ".part", path_);
}

}  // namespace unblur
