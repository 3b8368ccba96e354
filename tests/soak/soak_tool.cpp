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
//   soak_tool chart SAMPLES.csv                        its curves as SVG on standard output
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/export.h"
#include "core/random_script.h"
#include "core/test_pattern.h"
#include "drawing/chart.h"
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

/// In ten minutes and more, whatever is open was closed in each third: grounds are equal, and are compared
/// closely. A leak of one object per opened source is ten within that time.
constexpr double kLongRun = 600;  // s

struct Trend {
  double level, rise, ground;  ///< median; slope times the run; rise of the ground
  bool long_run;
};

/// Rises that are too small to be called a leak: what allocators and caches do.
double allowance(const std::string& name, const Trend& t) {
  constexpr double kMiB = 1024 * 1024;
  if (name == "host_bytes") return kMiB;
  if (t.long_run && name == "vulkan_bytes") return 2 * kMiB;
  if (t.long_run && name != "rss_bytes") return 2;
  if (name.ends_with("_bytes")) return std::max(4 * kMiB, 0.02 * t.level);
  // Their lowest lay 14 higher in the last 20 s of a run than in its first. An object per frame is hundreds
  // within a minute.
  if (name.starts_with("vulkan_")) return std::max(16.0, 0.1 * t.level);
  return std::max(2.0, 0.02 * t.level);
}

bool rises(const std::string& name, const Trend& t, double allowed) {
  if (name == "host_bytes") return t.rise > allowed;  // nothing that comes and goes is in it
  if (t.long_run && name != "rss_bytes") return t.ground > allowed;
  // Two thirds of a leak lie between the two grounds; what comes and goes has none.
  return t.rise > allowed && t.ground > allowed / 2;
}

/// Resident memory without what the device's buffers take of it, on a CPU device.
Column host_bytes(const std::vector<Column>& columns) {
  Column host{"host_bytes", {}};
  const auto named = [&](const char* name) { return std::ranges::find(columns, name, &Column::name); };
  const auto rss = named("rss_bytes"), device = named("vulkan_bytes");
  if (rss == columns.end() || device == columns.end()) return host;
  std::ranges::transform(rss->values, device->values, std::back_inserter(host.values), std::minus{});
  return host;
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
  const bool long_run = span > kLongRun;
  if (Column host = host_bytes(columns); long_run && kept_per_frame == 0 && !host.values.empty())
    columns.push_back(std::move(host));
  bool leaks = false;
  fmt::print("{:<22} {:>12} {:>12} {:>12} {:>12} {:>6}\n", "column", "median", "rise", "of ground", "allowed",
             "");
  for (std::size_t i = 1; i < columns.size(); ++i) {
    const Column& c = columns[i];
    // These count what happened, upwards.
    if (c.name == "frames" || c.name.ends_with("_made") || c.name.ends_with("_read")) continue;
    const Trend t{median(c.values), slope(seconds, c.values) * span, ground_rise(c.values), long_run};
    const double allowed = allowance(c.name, t) + (c.name == "rss_bytes" ? kept_per_frame * frames : 0.0);
    const bool bad = rises(c.name, t, allowed);
    leaks = leaks || bad;
    fmt::print("{:<22} {:>12.0f} {:>12.0f} {:>12.0f} {:>12.0f} {:>6}\n", c.name, t.level, t.rise, t.ground,
               allowed, bad ? "RISES" : "");
  }
  return leaks ? 1 : 0;
}

/// The picture of a run, as it stands in docs/measurements/.
int chart(const char* file) {
  const std::vector<Column> columns = read_columns(file);
  std::vector<std::vector<double>> values;
  for (const char* name :
       {"seconds", "rss_bytes", "vulkan_bytes", "vulkan_objects", "vulkan_allocations", "descriptors"}) {
    const auto found = std::ranges::find(columns, name, &Column::name);
    if (found == columns.end() || found->values.empty()) return 2;
    values.push_back(found->values);
  }
  unblur::CsvTable table{{"s", "resident", "Vulkan", "difference", "objects", "allocations", "descriptors"},
                         {}};
  const std::size_t rows = values[0].size(), step = std::max<std::size_t>(1, rows / 600);
  for (std::size_t i = 0; i < rows; i += step) {
    const double rss = values[1][i] / 1e6, device = values[2][i] / 1e6;
    table.rows.push_back(
        {values[0][i] - values[0][0], rss, device, rss - device, values[3][i], values[4][i], values[5][i]});
  }
  fmt::print("{}", unblur::chart_svg(table, "s", 1.0 / 60, "minutes",
                                     {{{"resident", "Vulkan", "difference"}, "memory, MB"},
                                      {{"objects", "allocations"}, "of Vulkan"},
                                      {{"descriptors"}, "open descriptors"}}));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "script" && argc == 6) return write_script(argv[2], argv[3], argv[4], argv[5]);
  if (verb == "media" && argc == 3) return write_media(argv[2]);
  if (verb == "chart" && argc == 3) return chart(argv[2]);
  if (verb == "check" && (argc == 3 || argc == 4))
    return check(argv[2], argc == 4 ? std::strtod(argv[3], nullptr) : 0);
  fmt::print(
      stderr,
      "usage: soak_tool script SEED ACTIONS WIDTHxHEIGHT LISTS | media FOLDER | check SAMPLES.csv [BYTES] | "
      "chart SAMPLES.csv\n");
  return 2;
}
