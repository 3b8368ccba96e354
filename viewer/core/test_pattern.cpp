// SPDX-License-Identifier: MIT
#include "core/test_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "graph/error.h"

namespace unblur {
namespace {

struct Wave {
  double x, y;  ///< waves per 64 px
  float amplitude, red, green, blue;
};
// Bars and checks from the first odd harmonics of square waves; two slanted waves bring colour and a
// direction of their own. The amplitudes add up to less than half of the range, so that nothing is clipped.
constexpr Wave kWaves[] = {{1, 0, 0.14F, 1, 1, 1},
                           {3, 0, 0.14F / 3, 1, 1, 1},
                           {5, 0, 0.14F / 5, 1, 1, 1},
                           {7, 0, 0.14F / 7, 1, 1, 1},
                           {0, 1.25, 0.10F, 1, 0.6F, 0.2F},
                           {0, 3.75, 0.10F / 3, 1, 0.6F, 0.2F},
                           {0, 6.25, 0.10F / 5, 1, 0.6F, 0.2F},
                           {0, 8.75, 0.10F / 7, 1, 0.6F, 0.2F},
                           {2.1, 1.3, 0.04F, -1, 0.3F, 1},
                           {-2.9, 3.1, 0.04F, 0.5F, 1, -0.8F}};
constexpr double kTurn = std::numbers::pi / 20;  ///< of the fourth tile, per frame

double radians(double waves_per_64) { return waves_per_64 * 2 * std::numbers::pi / 64; }
double sinc(double x) { return std::abs(x) < 1e-9 ? 1.0 : std::sin(x) / x; }

// The stamp: two cells that tell it from a picture (white, black), then 16 bits, the highest first.
constexpr int kStampBits = 16, kStampCells = kStampBits + 2;
int cell_size(int width) { return std::clamp(width / 32, 1, 8); }
bool cell_is_white(int cell, std::int64_t index) {
  if (cell < 2) return cell == 0;
  return ((index >> (kStampBits - 1 - (cell - 2))) & 1) != 0;
}

}  // namespace

TestPatternOptions test_pattern_options(std::string_view name) {
  TestPatternOptions o;
  const auto fail = [&] {
    throw UsageError(fmt::format("{}: expected pattern, pattern:WxH or pattern:WxH@FPS", name));
  };
  constexpr std::string_view kWord = "pattern";
  std::string_view rest = name.substr(std::min(kWord.size(), name.size()));
  if (!name.starts_with(kWord)) fail();
  if (rest.empty()) return o;
  const auto number = [&](char before, std::int64_t low, std::int64_t high) {
    std::int64_t value = 0;
    if (rest.empty() || rest.front() != before) fail();
    rest.remove_prefix(1);
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc{} || value < low || value > high) fail();
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return value;
  };
  o.width = static_cast<int>(number(':', 32, 8192));
  o.height = static_cast<int>(number('x', 32, 8192));
  if (!rest.empty()) o.rate = {number('@', 1, 1000), 1};
  if (!rest.empty()) fail();
  return o;
}

TestPattern::TestPattern(const TestPatternOptions& options) : options_(options) {
  info_.name = info_.kind = "pattern";
  info_.format.width = options.width;
  info_.format.height = options.height;
  info_.frame_rate = options.rate;
  info_.time_base = {options.rate.den, options.rate.num};
  for (const Wave& wave : kWaves) {
    for (int x = 0; x < options.width; ++x) {
      const double angle = radians(wave.x) * x;
      cosines_.push_back(static_cast<float>(std::cos(angle)));
      sines_.push_back(static_cast<float>(std::sin(angle)));
    }
  }
}

int TestPattern::tile_at(int x, int y) const {
  return (y < options_.height / 2 ? 0 : 2) + (x < options_.width / 2 ? 0 : 1);
}

/// Content, over one exposure.
TestPattern::Vector TestPattern::motion_of(int tile, std::int64_t index) const {
  constexpr double kHalf = std::numbers::sqrt2 / 2;
  constexpr Vector kDirections[] = {{1, 0}, {0, 1}, {kHalf, kHalf}};
  const double angle = kTurn * static_cast<double>(index);
  const Vector d = tile < 3 ? kDirections[tile] : Vector{std::cos(angle), std::sin(angle)};
  return {d.x * options_.blur, d.y * options_.blur};
}

/// Where the texture's origin is at the middle of the exposure: the sum of the motions between frames.
TestPattern::Vector TestPattern::place_of(int tile, std::int64_t index) const {
  const auto n = static_cast<double>(index);
  if (tile < 3) {
    const Vector d = motion_of(tile, index);
    return {d.x * n / options_.exposure, d.y * n / options_.exposure};
  }
  const double radius = options_.blur / options_.exposure / kTurn;  // its tangent is the motion
  return {radius * std::sin(kTurn * n), -radius * std::cos(kTurn * n)};
}

Motion TestPattern::motion(std::int64_t index, int x, int y) const {
  const Vector d = motion_of(tile_at(x, y), index);
  return {static_cast<float>(d.x), static_cast<float>(d.y)};
}

std::vector<float> TestPattern::control(std::int64_t index) const {
  const auto plane = static_cast<std::size_t>(options_.width) * static_cast<std::size_t>(options_.height);
  std::vector<float> out(4 * plane);
  for (int y = 0; y < options_.height; ++y) {
    for (int x = 0; x < options_.width; ++x) {
      const Motion d = motion(index, x, y);
      const std::size_t i = static_cast<std::size_t>(y) * static_cast<std::size_t>(options_.width) +
                            static_cast<std::size_t>(x);
      // What is seen here at the start lies half of the way ahead in the sharp picture of the middle.
      out[i] = d.dy / 2, out[plane + i] = d.dx / 2;
      out[2 * plane + i] = -d.dy / 2, out[3 * plane + i] = -d.dx / 2;
    }
  }
  return out;
}

void TestPattern::render(Frame& out, int tile, std::int64_t index, bool sharp) const {
  const int w = options_.width, h = options_.height;
  const int x0 = tile % 2 == 0 ? 0 : w / 2, x1 = tile % 2 == 0 ? w / 2 : w;
  const int y0 = tile < 2 ? 0 : h / 2, y1 = tile < 2 ? h / 2 : h;
  const Vector d = motion_of(tile, index), at = place_of(tile, index);
  const auto count = static_cast<std::size_t>(x1 - x0);
  std::array<std::vector<float>, 3> rgb;
  for (int y = y0; y < y1; ++y) {
    for (auto& channel : rgb) channel.assign(count, 255 * 0.5F + 0.5F);  // rounded by what casts cut off
    for (std::size_t i = 0; i < std::size(kWaves); ++i) {
      const Wave& wave = kWaves[i];
      const double kx = radians(wave.x), ky = radians(wave.y);
      const double blur = sharp ? 1.0 : sinc((kx * d.x + ky * d.y) / 2);
      const double angle = ky * y - kx * at.x - ky * at.y;
      const float amplitude = 255 * wave.amplitude * static_cast<float>(blur);
      const float c = amplitude * static_cast<float>(std::cos(angle));
      const float s = amplitude * static_cast<float>(std::sin(angle));
      const float* cosines = &cosines_[i * static_cast<std::size_t>(w) + static_cast<std::size_t>(x0)];
      const float* sines = &sines_[i * static_cast<std::size_t>(w) + static_cast<std::size_t>(x0)];
      for (std::size_t x = 0; x < count; ++x) {
        const float v = cosines[x] * c - sines[x] * s;
        rgb[0][x] += wave.red * v, rgb[1][x] += wave.green * v, rgb[2][x] += wave.blue * v;
      }
    }
    std::byte* row = out.plane(0) + static_cast<std::size_t>(y) * out.format.row_bytes(0) + 3 * x0;
    for (std::size_t x = 0; x < count; ++x) {
      for (std::size_t c = 0; c < 3; ++c)
        row[3 * x + c] = static_cast<std::byte>(static_cast<int>(rgb[c][x]));
    }
  }
}

void TestPattern::stamp(Frame& out, std::int64_t index) const {
  const int size = cell_size(options_.width);
  for (int y = options_.height - size; y < options_.height; ++y) {
    std::byte* row = out.plane(0) + static_cast<std::size_t>(y) * out.format.row_bytes(0);
    for (int x = 0; x < kStampCells * size; ++x)
      std::fill_n(row + 3 * x, 3, cell_is_white(x / size, index) ? std::byte{255} : std::byte{0});
  }
}

Frame TestPattern::picture(std::int64_t index, bool sharp) const {
  Frame out(info_.format);
  for (int tile = 0; tile < 4; ++tile) render(out, tile, index, sharp);
  stamp(out, index);
  return out;
}

bool TestPattern::read(TimedFrame& out) {
  out.frame = picture(next_, false);
  out.index = out.pts = next_++;
  out.duration = 1;
  out.name.clear();
  return true;
}

void TestPattern::seek(std::int64_t index) {
  if (index < 0) throw UsageError(fmt::format("pattern: there is no frame {}", index));
  next_ = index;
}

std::optional<int> read_stamp(const Frame& rgb) {
  const FrameFormat& f = rgb.format;
  if (f.layout != PixelLayout::kRgb || f.bit_depth != 8 || f.width < 32 || f.height < 32) return std::nullopt;
  const int size = cell_size(f.width);
  int number = 0;
  for (int cell = 0; cell < kStampCells; ++cell) {
    const auto y = static_cast<std::size_t>(f.height - 1 - size / 2);
    const std::byte* at = rgb.plane(0) + y * f.row_bytes(0) + 3 * (cell * size + size / 2);
    const bool white = static_cast<int>(at[1]) >= 128;
    if (cell < 2 && white != (cell == 0)) return std::nullopt;
    if (cell >= 2) number = 2 * number + (white ? 1 : 0);
  }
  return number;
}

}  // namespace unblur
