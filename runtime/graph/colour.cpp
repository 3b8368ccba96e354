// SPDX-License-Identifier: MIT
// Frames <-> RGB on the CPU, one plain loop per step: the truth that the GPU's colour kernels are compared
// with. Coefficients: ITU-R BT.601-7, BT.709-6, BT.2020-2; quantisation as in BT.709-6 section 3.
#include "graph/colour.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "graph/error.h"

namespace unblur {
namespace {

constexpr int kMaxFrameSize = 65536;

struct LumaWeights {
  double r, b;
};
LumaWeights luma_weights(ColourMatrix matrix) {
  switch (matrix) {
    case ColourMatrix::kBt601:
      return {0.299, 0.114};
    case ColourMatrix::kBt709:
      return {0.2126, 0.0722};
    case ColourMatrix::kBt2020:
      return {0.2627, 0.0593};
  }
  return {};
}

void fill_matrices(ColourMatrix matrix, ColourTransform& t) {
  const auto [r, b] = luma_weights(matrix);
  const double g = 1.0 - r - b;
  const double cb = 2.0 * (1.0 - b);  // B - Y = cb * Cb
  const double cr = 2.0 * (1.0 - r);
  const double to[9] = {1, 0, cr, 1, -b * cb / g, -r * cr / g, 1, cb, 0};
  const double from[9] = {r, g, b, -r / cb, -g / cb, (1 - b) / cb, (1 - r) / cr, -g / cr, -b / cr};
  for (std::size_t i = 0; i < 9; ++i) {
    t.to_rgb[i] = static_cast<float>(to[i]);
    t.from_rgb[i] = static_cast<float>(from[i]);
  }
}

int get_code(const std::byte* samples, int bytes, std::size_t i) {
  if (bytes == 1) return std::to_integer<int>(samples[i]);
  std::uint16_t code = 0;
  std::memcpy(&code, samples + 2 * i, 2);
  return code;
}

void set_code(std::byte* samples, int bytes, std::size_t i, int code) {
  const auto word = static_cast<std::uint16_t>(code);
  if (bytes == 1) {
    samples[i] = static_cast<std::byte>(word);
  } else {
    std::memcpy(samples + 2 * i, &word, 2);
  }
}

/// Where component c (Y Cb Cr or R G B) of a format lies: sample i at index i * step + offset of a plane.
struct Component {
  int plane, w, h;
  std::size_t step, offset;
};
Component locate(const FrameFormat& f, int c) {
  if (f.layout == PixelLayout::kRgb) return {0, f.width, f.height, 3, static_cast<std::size_t>(c)};
  return {c, f.plane_width(c), f.plane_height(c), 1, 0};
}

void check(const Frame& frame) {
  const FrameFormat& f = frame.format;
  if (f.width < 1 || f.height < 1 || f.width > kMaxFrameSize || f.height > kMaxFrameSize) {
    throw InputError(fmt::format("a frame of {} x {} pixels", f.width, f.height));
  }
  if (frame.data.size() != f.total_bytes()) {
    throw InputError(
        fmt::format("a frame of {} bytes, its format needs {}", frame.data.size(), f.total_bytes()));
  }
}

/// Weights of up to three neighbouring samples, from `first` on (which may lie outside: edges repeat).
struct Taps {
  int first = 0, count = 1;
  float weight[3] = {1.0F, 0.0F, 0.0F};
};

/// Linear interpolation between chroma sites for luma sample i.
Taps taps_up(ChromaSite site, int i) {
  if (site == ChromaSite::kFull) return {i};
  if (site == ChromaSite::kCosited) return i % 2 == 0 ? Taps{i / 2} : Taps{i / 2, 2, {0.5F, 0.5F}};
  // Sites at 2j + 0.5: an even sample lies a quarter before its own site, an odd one a quarter after.
  return i % 2 == 0 ? Taps{i / 2 - 1, 2, {0.25F, 0.75F}} : Taps{i / 2, 2, {0.75F, 0.25F}};
}

/// Mean of the luma samples around chroma sample i.
Taps taps_down(ChromaSite site, int i) {
  if (site == ChromaSite::kFull) return {i};
  if (site == ChromaSite::kCosited) return {2 * i - 1, 3, {0.25F, 0.5F, 0.25F}};
  return {2 * i, 2, {0.5F, 0.5F}};
}

/// One plane of floats of size [h, w], resampled by separable taps to [out_h, out_w].
std::vector<float> resample(const std::vector<float>& in, int h, int w, int out_h, int out_w,
                            ChromaSites sites, Taps (*taps)(ChromaSite, int)) {
  const auto at = [](int row, int width, int column) {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(width) + static_cast<std::size_t>(column);
  };
  std::vector<float> wide(static_cast<std::size_t>(h) * static_cast<std::size_t>(out_w));
  for (int x = 0; x < out_w; ++x) {
    const Taps t = taps(sites.x, x);
    for (int k = 0; k < t.count; ++k) {
      const int from = std::clamp(t.first + k, 0, w - 1);
      for (int y = 0; y < h; ++y) wide[at(y, out_w, x)] += t.weight[k] * in[at(y, w, from)];
    }
  }
  std::vector<float> out(static_cast<std::size_t>(out_h) * static_cast<std::size_t>(out_w));
  for (int y = 0; y < out_h; ++y) {
    const Taps t = taps(sites.y, y);
    for (int k = 0; k < t.count; ++k) {
      const int from = std::clamp(t.first + k, 0, h - 1);
      for (int x = 0; x < out_w; ++x) out[at(y, out_w, x)] += t.weight[k] * wide[at(from, out_w, x)];
    }
  }
  return out;
}

/// Normalised samples of component c at the luma size.
std::vector<float> read_component(const Frame& frame, const ColourTransform& t, int c) {
  const FrameFormat& f = frame.format;
  const Component at = locate(f, c);
  const std::byte* samples = frame.plane(at.plane);
  const float scale = t.code_scale[static_cast<std::size_t>(c)];
  const float shift = t.code_shift[static_cast<std::size_t>(c)];
  std::vector<float> values(static_cast<std::size_t>(at.w) * static_cast<std::size_t>(at.h));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int code = get_code(samples, f.bytes_per_sample(), i * at.step + at.offset);
    values[i] = static_cast<float>(code) * scale + shift;
  }
  if (at.w == f.width && at.h == f.height) return values;
  return resample(values, at.h, at.w, f.height, f.width, chroma_sites(f), taps_up);
}

/// Adds a correction in code values, at the luma size, to the samples of component c.
void correct_component(Frame& frame, const ColourTransform& t, int c, std::vector<float> correction) {
  const FrameFormat& f = frame.format;
  const Component at = locate(f, c);
  if (at.w != f.width || at.h != f.height) {
    correction = resample(correction, f.height, f.width, at.h, at.w, chroma_sites(f), taps_down);
  }
  std::byte* samples = frame.plane(at.plane);
  const int low = t.code_low[static_cast<std::size_t>(c)];
  const int high = t.code_high[static_cast<std::size_t>(c)];
  for (std::size_t i = 0; i < correction.size(); ++i) {
    const std::size_t index = i * at.step + at.offset;
    const int code = get_code(samples, f.bytes_per_sample(), index);
    const int moved = code + static_cast<int>(std::floor(correction[i] + 0.5F));
    set_code(samples, f.bytes_per_sample(), index,
             std::clamp(moved, std::min(low, code), std::max(high, code)));
  }
}

}  // namespace

ColourTransform colour_transform(const FrameFormat& format) {
  if (format.bit_depth < 8 || format.bit_depth > 16) {
    throw InputError(fmt::format("{} bits per sample; 8 to 16 are supported", format.bit_depth));
  }
  ColourTransform t;
  if (format.layout == PixelLayout::kRgb) {
    t.to_rgb = t.from_rgb = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  } else {
    fill_matrices(format.colour.matrix, t);
  }
  const int unit = 1 << (format.bit_depth - 8);  // one 8-bit step
  const int top = (1 << format.bit_depth) - 1;
  const bool limited = format.colour.range == ColourRange::kLimited;
  for (std::size_t c = 0; c < 3; ++c) {
    const bool chroma = c > 0 && format.layout != PixelLayout::kRgb;
    t.code_low[c] = limited ? 16 * unit : 0;
    t.code_high[c] = limited ? (chroma ? 240 : 235) * unit : top;
    const int zero = chroma ? 128 * unit : t.code_low[c];
    const int span = limited ? t.code_high[c] - t.code_low[c] : top;
    t.code_scale[c] = 1.0F / static_cast<float>(span);
    t.code_shift[c] = -static_cast<float>(zero) / static_cast<float>(span);
  }
  return t;
}

ChromaSites chroma_sites(const FrameFormat& format) {
  const ChromaLocation location = format.colour.chroma;
  const ChromaSite x = location == ChromaLocation::kCentre ? ChromaSite::kBetween : ChromaSite::kCosited;
  const ChromaSite y = location == ChromaLocation::kTopLeft ? ChromaSite::kCosited : ChromaSite::kBetween;
  if (format.layout == PixelLayout::kYuv420) return {x, y};
  if (format.layout == PixelLayout::kYuv422) return {x, ChromaSite::kFull};
  return {};
}

std::vector<float> frame_to_rgb(const Frame& frame) {
  const ColourTransform t = colour_transform(frame.format);
  check(frame);
  const std::vector<float> y = read_component(frame, t, 0);
  const bool grey = frame.format.layout == PixelLayout::kGrey;
  const std::vector<float> u = grey ? std::vector<float>(y.size()) : read_component(frame, t, 1);
  const std::vector<float> v = grey ? u : read_component(frame, t, 2);
  std::vector<float> rgb(3 * y.size());
  for (std::size_t c = 0; c < 3; ++c) {
    const float* m = t.to_rgb.data() + 3 * c;
    for (std::size_t i = 0; i < y.size(); ++i) {
      rgb[c * y.size() + i] = std::clamp(m[0] * y[i] + m[1] * u[i] + m[2] * v[i], 0.0F, 1.0F);
    }
  }
  return rgb;
}

Frame apply_correction(const Frame& frame, std::span<const float> original, std::span<const float> restored,
                       float strength) {
  const ColourTransform t = colour_transform(frame.format);
  check(frame);
  const std::size_t pixels =
      static_cast<std::size_t>(frame.format.width) * static_cast<std::size_t>(frame.format.height);
  if (original.size() != 3 * pixels || restored.size() != 3 * pixels) {
    throw InputError("a correction of another size than its frame");
  }
  std::vector<float> change(3 * pixels);
  for (std::size_t i = 0; i < change.size(); ++i) {
    // In this order a NaN becomes 0 and not an undefined conversion below.
    change[i] = strength * (std::min(std::max(0.0F, restored[i]), 1.0F) - original[i]);
  }

  Frame result = frame;
  const int components = frame.format.layout == PixelLayout::kGrey ? 1 : 3;
  for (int c = 0; c < components; ++c) {
    const auto i_c = static_cast<std::size_t>(c);
    const float* m = t.from_rgb.data() + 3 * i_c;
    std::vector<float> correction(pixels);
    for (std::size_t i = 0; i < pixels; ++i) {
      correction[i] =
          (m[0] * change[i] + m[1] * change[pixels + i] + m[2] * change[2 * pixels + i]) / t.code_scale[i_c];
    }
    correct_component(result, t, c, std::move(correction));
  }
  return result;
}

}  // namespace unblur
