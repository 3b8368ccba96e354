// SPDX-License-Identifier: MIT
// What tests/soak/viewer.sh needs beside a shell:
//   soak_tool script SEED ACTIONS WIDTHxHEIGHT LISTS   a random script on standard output; LISTS is a file of
//                                                      lines "source NAME", "key NAME", "twice NAME" (a key),
//                                                      "widget LABEL"
//   soak_tool media FOLDER                             what the script opens: still.png, folder, clip.mp4,
//   two
//                                                      small models, half.safetensors and weak.safetensors
//   soak_tool check SAMPLES.csv [BYTES]                exit 1 if a column rises; a table on standard output.
//                                                      BYTES: resident memory that others keep per frame
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/export.h"
#include "core/random_script.h"
#include "core/test_pattern.h"
#include "graph/model.h"
#include "media/image_file.h"
#include "tiny_models.h"

namespace {

int write_script(const std::string& seed, const std::string& actions, const char* size, const char* lists) {
  unblur::RandomScriptOptions options;
  if (std::sscanf(size, "%dx%d", &options.width, &options.height) != 2) return 2;
  std::ifstream in(lists);
  for (std::string line; std::getline(in, line);) {
    const auto space = line.find(' ');
    if (space == std::string::npos || line.front() == '#') continue;
    const std::string what = line.substr(0, space), name = line.substr(space + 1);
    if (what == "source") options.sources.push_back(name);
    if (what == "key") options.keys.push_back(name);
    if (what == "twice") options.twice.push_back(name);
    if (what == "widget") options.widgets.push_back(name);
  }
  if (!in.eof()) return 2;
  fmt::print(
      "{}", unblur::random_script(static_cast<std::uint32_t>(std::stoul(seed)), std::stoi(actions), options));
  return 0;
}

int write_media(const std::filesystem::path& folder) {
  using namespace unblur;
  const TestPattern pattern(test_pattern_options("pattern:320x180"));
  std::filesystem::create_directories(folder / "folder");
  write_png(folder / "still.png", pattern.picture(0, true));
  Recorder clip((folder / "clip.mp4").string(), 320, 180, 30, true);
  for (int i = 0; i < 30; ++i) {
    const Frame picture = pattern.picture(i, false);
    clip.add(picture, i / 30.0);
    if (i < 6) write_png(folder / "folder" / fmt::format("{}.png", i), picture);
  }
  clip.finish();
  write_model(folder / "half.safetensors", test::scaling_model("half", 0.5F));
  write_model(folder / "weak.safetensors", test::scaling_model("weak", 0.75F));
  return 0;
}

struct Column {
  std::string name;
  std::vector<double> values;
};

std::vector<Column> read_columns(const char* file) {
  std::vector<Column> columns;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream cells(line);
    std::vector<std::string> row;
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
    if (columns.empty()) {
      for (const std::string& name : row) columns.push_back({name, {}});
    } else if (row.size() == columns.size()) {
      for (std::size_t i = 0; i < row.size(); ++i)
        columns[i].values.push_back(std::strtod(row[i].c_str(), nullptr));
    }
  }
  return columns;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Theil and Sen: the median of the slopes of pairs half of the time apart. What comes and goes with what
/// happens to be open moves it little; what is never given back moves it by its rate.
double slope(const std::vector<double>& seconds, const std::vector<double>& values) {
  std::vector<double> slopes;
  const std::size_t half = values.size() / 2;
  for (std::size_t i = 0; i + half < values.size(); ++i) {
    for (const std::size_t j : {i + half, i + half / 2, i + half / 4}) {
      if (seconds[j] > seconds[i]) slopes.push_back((values[j] - values[i]) / (seconds[j] - seconds[i]));
    }
  }
  return slopes.empty() ? 0 : median(std::move(slopes));
}

/// By how much the last third of the run does not come down to the lowest of the first: whatever is open
/// meanwhile, such as pictures that are kept until another source comes, goes again; what leaks does not.
double ground_rise(const std::vector<double>& values) {
  const std::ptrdiff_t third = std::ssize(values) / 3;
  return *std::min_element(values.end() - third, values.end()) -
         *std::min_element(values.begin(), values.begin() + third);
}

/// Rises over the run that are too small to be called a leak: what allocators and caches do.
double allowance(const std::string& name, double level) {
  if (name.ends_with("_bytes")) return std::max(4.0 * 1024 * 1024, 0.02 * level);
  // Their lowest lay 14 higher in the last 20 s of a run than in its first. An object per frame is hundreds
  // within a minute, one per opened source as many within an hour.
  if (name.starts_with("vulkan_")) return std::max(16.0, 0.1 * level);
  return std::max(2.0, 0.02 * level);
}

int check(const char* file, double kept_per_frame) {
  std::vector<Column> columns = read_columns(file);
  if (columns.empty() || columns[0].values.size() < 20) {
    fmt::print(stderr, "soak: {}: too few samples\n", file);
    return 2;
  }
  const std::size_t warm = columns[0].values.size() / 10;  // the first tenth is warming up
  for (Column& c : columns)
    c.values.erase(c.values.begin(), c.values.begin() + static_cast<std::ptrdiff_t>(warm));
  const std::vector<double>& seconds = columns[0].values;
  const double span = seconds.back() - seconds.front();
  double frames = 0;
  for (const Column& c : columns) {
    if (c.name == "frames") frames = c.values.back() - c.values.front();
  }
  bool rises = false;
  fmt::print("{:<22} {:>12} {:>12} {:>12} {:>12} {:>6}\n", "column", "median", "rise", "of ground", "allowed",
             "");
  for (std::size_t i = 1; i < columns.size(); ++i) {
    const Column& c = columns[i];
    // These count what happened, upwards.
    if (c.name == "frames" || c.name.ends_with("_made") || c.name.ends_with("_read")) continue;
    const double rise = slope(seconds, c.values) * span, level = median(c.values);
    // Two thirds of a leak lie between the two grounds; what comes and goes has none.
    const double floor = ground_rise(c.values),
                 allowed = allowance(c.name, level) + (c.name == "rss_bytes" ? kept_per_frame * frames : 0.0);
    const bool bad = rise > allowed && floor > allowed / 2;
    rises = rises || bad;
    fmt::print("{:<22} {:>12.0f} {:>12.0f} {:>12.0f} {:>12.0f} {:>6}\n", c.name, level, rise, floor, allowed,
               bad ? "RISES" : "");
  }
  return rises ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "script" && argc == 6) return write_script(argv[2], argv[3], argv[4], argv[5]);
  if (verb == "media" && argc == 3) return write_media(argv[2]);
  if (verb == "check" && (argc == 3 || argc == 4))
    return check(argv[2], argc == 4 ? std::strtod(argv[3], nullptr) : 0);
  fmt::print(
      stderr,
      "usage: soak_tool script SEED ACTIONS WIDTHxHEIGHT LISTS | media FOLDER | check SAMPLES.csv [BYTES]\n");
  return 2;
}
