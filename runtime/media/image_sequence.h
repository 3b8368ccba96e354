// SPDX-License-Identifier: MIT
// Still pictures as a source and a sink of frames: one file, a folder in natural order (frame2 before
// frame10), or a numbered pattern such as out/%06d.png.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "media/seekable.h"

namespace unblur {

/// Names in the order a person expects: runs of digits compare as numbers.
[[nodiscard]] bool natural_less(const std::string& a, const std::string& b);

/// The pictures (PNG, JPEG) of a folder in natural order. Throws InputError if there are none.
[[nodiscard]] std::vector<std::filesystem::path> pictures_in(const std::filesystem::path& folder);

class PictureSource : public SeekableSource {
 public:
  /// `path`: a picture or a folder of pictures. Throws InputError.
  explicit PictureSource(const std::filesystem::path& path);
  [[nodiscard]] const StreamInfo& info() const override { return info_; }
  bool read(TimedFrame& out) override;
  void seek(std::int64_t index) override;

 private:
  std::vector<std::filesystem::path> files_;
  StreamInfo info_;
  std::optional<Frame> first_;  ///< read at opening, until it is delivered
  std::size_t next_ = 0;
};

/// Writes every frame as a picture of its own; each file appears complete or not at all.
class PictureSink : public FrameSink {
 public:
  enum class Names : std::uint8_t { kSingle, kFolder, kPattern };
  /// kSingle: `path` is the one picture. kFolder: named after the input's pictures, or %06d.png by frame
  /// number from 0. kPattern: `path` holds one %d or %0Nd. `overwrite` false keeps files that exist and
  /// counts them. Throws UsageError on a pattern that is not one.
  PictureSink(std::filesystem::path path, Names names, bool overwrite);
  void write(const TimedFrame& frame) override;
  void finish() override {}
  [[nodiscard]] std::int64_t kept() const noexcept { return kept_; }

 private:
  [[nodiscard]] std::filesystem::path name_of(const TimedFrame& frame) const;
  std::filesystem::path path_;
  Names names_;
  bool overwrite_;
  std::int64_t kept_ = 0;
};

/// True where the name holds a %d or %0Nd.
[[nodiscard]] bool is_pattern(const std::string& path);

/// Writes a picture by the name's ending: .png (8 or 16 bits, as deep as the frame), .jpg (quality 95).
/// Throws UsageError for other endings, ProcessingError if it cannot be written.
void write_picture(const std::filesystem::path& path, const Frame& frame);

}  // namespace unblur
