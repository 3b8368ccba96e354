// SPDX-License-Identifier: MIT
#include "media/image_sequence.h"

#include <fmt/format.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "graph/error.h"
#include "media/image_file.h"
#include "media/rgb.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// The %d or %0Nd of a pattern: its position, length and width.
struct Placeholder {
  std::size_t at = std::string::npos, length = 0;
  int width = 0;
};

Placeholder find_placeholder(const std::string& text) {
  for (std::size_t at = text.find('%'); at != std::string::npos; at = text.find('%', at + 1)) {
    std::size_t end = at + 1;
    int width = 0;
    while (end < text.size() && is_digit(text[end]) && width < 100) width = width * 10 + (text[end++] - '0');
    if (end < text.size() && text[end] == 'd' && width < 20) return {at, end + 1 - at, width};
  }
  return {};
}

void write_jpeg(const fs::path& path, const Frame& frame) {
  const Frame rgb = to_rgb(frame, 8);
  const std::unique_ptr<void, int (*)(tjhandle)> handle(tjInitCompress(), tjDestroy);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  constexpr int kQuality = 95;
  const int code = !handle
                       ? -1
                       : tjCompress2(handle.get(), reinterpret_cast<const unsigned char*>(rgb.data.data()),
                                     rgb.format.width, 0, rgb.format.height, TJPF_RGB, &bytes, &size,
                                     TJSAMP_444, kQuality, TJFLAG_ACCURATEDCT);
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owned(bytes, tjFree);
  if (code != 0) throw ProcessingError(fmt::format("{}: {}", path.string(), tjGetErrorStr2(handle.get())));
  const fs::path part = path.string() + ".part";
  std::FILE* file = std::fopen(part.c_str(), "wb");
  bool good = file != nullptr && std::fwrite(bytes, 1, size, file) == size;
  if (file != nullptr) good = std::fclose(file) == 0 && good;
  if (!good) throw ProcessingError(fmt::format("{}: {}", part.string(), std::strerror(errno)));
  fs::rename(part, path);
}

}  // namespace

bool natural_less(const std::string& a, const std::string& b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      // Numbers without their leading zeros: the longer one is larger.
      while (i < a.size() && a[i] == '0') ++i;
      while (j < b.size() && b[j] == '0') ++j;
      std::size_t m = i, n = j;
      while (m < a.size() && is_digit(a[m])) ++m;
      while (n < b.size() && is_digit(b[n])) ++n;
      if (m - i != n - j) return m - i < n - j;
      const int order = a.compare(i, m - i, b, j, n - j);
      if (order != 0) return order < 0;
      i = m, j = n;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
  return a < b;  // "01" and "1": any fixed order
}

std::vector<fs::path> pictures_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_regular_file(error) && is_image_name(entry.path())) files.push_back(entry.path());
  }
  if (error) throw InputError(fmt::format("{}: {}", folder.string(), error.message()));
  if (files.empty())
    throw InputError(fmt::format("{}: no PNG or JPEG picture in this folder", folder.string()));
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.filename().string(), b.filename().string());
  });
  return files;
}

PictureSource::PictureSource(const fs::path& path) {
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  files_ = folder ? pictures_in(path) : std::vector<fs::path>{path};
  first_ = read_image(files_.front()).frame;
  info_.name = path.string();
  info_.kind = folder ? "folder" : "picture";
  info_.codec = files_.front().extension().string().substr(1);
  info_.format = first_->format;
  info_.frames = static_cast<std::int64_t>(files_.size());
}

bool PictureSource::read(TimedFrame& out) {
  if (next_ >= files_.size()) return false;
  out.frame = next_ == 0 && first_ ? std::move(*first_) : read_image(files_[next_]).frame;
  first_.reset();
  out.name = files_[next_].filename().string();
  out.index = out.pts = static_cast<std::int64_t>(next_++);
  out.duration = 1;
  return true;
}

void PictureSource::seek(std::int64_t index) {
  if (index < 0) throw UsageError(fmt::format("{}: there is no frame {}", info_.name, index));
  next_ = static_cast<std::size_t>(index);
}

bool is_pattern(const std::string& path) { return find_placeholder(path).at != std::string::npos; }

PictureSink::PictureSink(fs::path path, Names names, bool overwrite)
    : path_(std::move(path)), names_(names), overwrite_(overwrite) {
  if (names == Names::kPattern && !is_pattern(path_.string())) {
    throw UsageError(fmt::format("{}: no %06d in this name", path_.string()));
  }
  const fs::path folder = names == Names::kFolder ? path_ : path_.parent_path();
  std::error_code error;
  if (!folder.empty()) fs::create_directories(folder, error);
  if (error) throw ProcessingError(fmt::format("{}: {}", folder.string(), error.message()));
}

fs::path PictureSink::name_of(const TimedFrame& frame) const {
  if (names_ == Names::kSingle) return path_;
  if (names_ == Names::kFolder) {
    return path_ / (frame.name.empty() ? fmt::format("{:06}.png", frame.index)
                                       : fs::path(frame.name).replace_extension(".png").string());
  }
  const std::string text = path_.string();
  const Placeholder p = find_placeholder(text);
  return text.substr(0, p.at) + fmt::format("{:0{}}", frame.index, p.width) + text.substr(p.at + p.length);
}

void PictureSink::write(const TimedFrame& frame) {
  const fs::path path = name_of(frame);
  if (!overwrite_ && fs::exists(path)) {
    ++kept_;
  } else {
    write_picture(path, frame.frame);
  }
}

void write_picture(const fs::path& path, const Frame& frame) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (ending == ".jpg" || ending == ".jpeg") {
    write_jpeg(path, frame);
  } else if (ending == ".png") {
    const bool is_picture =
        frame.format.layout == PixelLayout::kGrey || frame.format.layout == PixelLayout::kRgb;
    const bool as_is = is_picture && (frame.format.layout == PixelLayout::kRgb ||
                                      frame.format.colour.range == ColourRange::kFull);
    write_png(path, as_is ? frame : to_rgb(frame, frame.format.bit_depth > 8 ? 16 : 8));
  } else {
    throw UsageError(fmt::format("{}: pictures are written as .png or .jpg", path.string()));
  }
}

}  // namespace unblur
