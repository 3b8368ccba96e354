// SPDX-License-Identifier: MIT
#include "clips.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <regex>
#include <set>
#include <sstream>

namespace unblur::test {
namespace {

std::vector<std::string> split(const std::string& words) {
  std::istringstream in(words);
  std::vector<std::string> out;
  for (std::string w; in >> w;) out.push_back(w);
  return out;
}

Outcome probe(const Sandbox& box, std::vector<std::string> words, const std::string& file) {
  words.insert(words.begin(), {"ffprobe", "-v", "error"});
  words.push_back("file:" + file);
  Outcome o = box.run(words);
  EXPECT_EQ(o.code, 0) << file << ": " << o.err;
  return o;
}

}  // namespace

bool have_ffmpeg() {
  static const bool found =
      std::system("ffmpeg -version >/dev/null 2>&1 && ffprobe -version >/dev/null 2>&1") == 0;
  return found;
}

void ffmpeg(const Sandbox& box, const std::string& words) {
  std::vector<std::string> command{"ffmpeg", "-v", "error", "-nostdin", "-y"};
  for (std::string& w : split(words)) command.push_back(std::move(w));
  const Outcome o = box.run(command);
  ASSERT_EQ(o.code, 0) << words << ": " << o.err;
}

std::string packets(const Sandbox& box, const std::string& file, const std::string& stream, bool sizes) {
  const Outcome o = probe(box,
                          {"-select_streams", stream, "-show_entries",
                           sizes ? "packet=pts_time,size" : "packet=pts_time", "-of", "csv=p=0"},
                          file);
  std::istringstream in(o.out);
  std::vector<std::pair<double, std::string>> lines;
  for (std::string line; std::getline(in, line);) lines.emplace_back(std::atof(line.c_str()), line);
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const auto& [time, line] : lines) out += line + "\n";
  return out;
}

std::string properties(const Sandbox& box, const std::string& file) {
  const std::string entries =
      "stream=codec_name,pix_fmt,width,height,color_range,color_space,color_primaries,color_transfer,"
      "chroma_location,sample_aspect_ratio:stream_tags=language:stream_side_data=rotation:chapter_"
      "tags=title:format_tags=title";
  std::string text = probe(box, {"-show_entries", entries, "-show_chapters", "-of", "compact"}, file).out;
  // Side data of other kinds leaves a heading without content; `hdr` looks at it.
  text = std::regex_replace(text, std::regex("\\|?side_data\\|\n"), "\n");
  return std::regex_replace(text, std::regex("\n+"), "\n");
}

std::string hdr(const Sandbox& box, const std::string& file) {
  const std::string text = probe(box,
                                 {"-select_streams", "v:0", "-read_intervals", "%+#1", "-show_frames",
                                  "-show_streams", "-of", "default=noprint_wrappers=1"},
                                 file)
                               .out;
  constexpr const char* kNumbers[] = {"red_x",         "white_point_y", "min_luminance",
                                      "max_luminance", "max_content",   "max_average"};
  std::set<std::string> found;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const auto equals = line.find('=');
    const std::string key = line.substr(0, equals);
    if (std::find(std::begin(kNumbers), std::end(kNumbers), key) == std::end(kNumbers)) continue;
    // Containers and bitstreams count in different fractions.
    const auto slash = line.find('/');
    const double den = slash == std::string::npos ? 1 : std::atof(line.c_str() + slash + 1);
    found.insert(key + " " + std::to_string(std::atof(line.c_str() + equals + 1) / den) + "\n");
  }
  return std::accumulate(found.begin(), found.end(), std::string{});
}

std::string frame_hashes(const Sandbox& box, const std::string& file) {
  const Outcome o = box.run(
      {"ffmpeg", "-v", "error", "-nostdin", "-i", "file:" + file, "-map", "0:v:0", "-f", "framemd5", "-"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_TRUE(o.err.empty()) << file << " does not decode cleanly: " << o.err;
  return o.out;
}

int frame_count(const Sandbox& box, const std::string& file) {
  return std::atoi(probe(box,
                         {"-select_streams", "v:0", "-count_frames", "-show_entries", "stream=nb_read_frames",
                          "-of", "csv=p=0"},
                         file)
                       .out.c_str());
}

double psnr(const Sandbox& box, const std::string& a, const std::string& b) {
  const Outcome o = box.run({"ffmpeg", "-hide_banner", "-nostdin", "-i", "file:" + a, "-i", "file:" + b,
                             "-lavfi", "[0:v:0][1:v:0]psnr", "-f", "null", "-"});
  const auto at = o.err.find("average:");
  EXPECT_NE(at, std::string::npos) << o.err;
  if (at == std::string::npos) return 0;
  const std::string value = o.err.substr(at + 8, 8);
  return value.starts_with("inf") ? 1000 : std::atof(value.c_str());
}

}  // namespace unblur::test
