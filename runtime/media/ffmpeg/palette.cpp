// SPDX-License-Identifier: MIT
#include "media/ffmpeg/palette.h"

#include <algorithm>
#include <span>

namespace unblur::ff {
namespace {

using Rgb = std::array<int, 3>;

/// All pixels whose colours share their five high bits.
struct Bin {
  Rgb cell{};  ///< 0 to 31
  std::array<std::int64_t, 3> sum{};
  std::int64_t count = 0;
};

std::size_t cell_index(const Rgb& cell) {
  return static_cast<std::size_t>(cell[0]) << 10U | static_cast<std::size_t>(cell[1]) << 5U |
         static_cast<std::size_t>(cell[2]);
}

std::vector<Bin> used_bins(std::span<const std::uint8_t> rgb) {
  std::vector<Bin> bins(32768);
  for (std::size_t i = 0; i + 2 < rgb.size(); i += 3) {
    const Rgb cell{rgb[i] >> 3, rgb[i + 1] >> 3, rgb[i + 2] >> 3};
    Bin& bin = bins[cell_index(cell)];
    bin.cell = cell;
    for (std::size_t c = 0; c < 3; ++c) bin.sum[c] += rgb[i + c];
    ++bin.count;
  }
  std::erase_if(bins, [](const Bin& b) { return b.count == 0; });
  return bins;
}

/// A part of the bins, to be cut across its longest side.
struct Cut {
  std::span<Bin> bins;
  std::size_t axis = 0;
  int side = 0;
  std::int64_t count = 0;

  explicit Cut(std::span<Bin> b) : bins(b) {
    for (std::size_t c = 0; c < 3; ++c) {
      const auto [low, high] = std::ranges::minmax(b, {}, [c](const Bin& bin) { return bin.cell[c]; });
      if (high.cell[c] - low.cell[c] > side) axis = c, side = high.cell[c] - low.cell[c];
    }
    for (const Bin& bin : b) count += bin.count;
  }
  [[nodiscard]] std::int64_t weight() const { return side * count; }
  [[nodiscard]] Rgb mean() const {
    Rgb out{};
    for (std::size_t c = 0; c < 3; ++c) {
      std::int64_t sum = 0;
      for (const Bin& bin : bins) sum += bin.sum[c];
      out[c] = static_cast<int>((sum + count / 2) / count);
    }
    return out;
  }
};

std::vector<Rgb> median_cut(std::vector<Bin>& bins, std::size_t most) {
  std::vector<Cut> cuts{Cut(bins)};
  while (cuts.size() < most) {
    const auto largest = std::ranges::max_element(cuts, {}, &Cut::weight);
    if (largest->side == 0) break;
    const std::span<Bin> part = largest->bins;
    const std::size_t axis = largest->axis;
    std::ranges::sort(part, {}, [axis](const Bin& b) { return b.cell[axis]; });
    std::int64_t seen = 0;
    std::size_t at = 0;
    while (at + 1 < part.size() && seen + part[at].count <= largest->count / 2) seen += part[at++].count;
    at = std::max<std::size_t>(at, 1);
    *largest = Cut(part.first(at));
    cuts.emplace_back(part.subspan(at));
  }
  std::vector<Rgb> colours;
  for (const Cut& cut : cuts) colours.push_back(cut.mean());
  return colours;
}

/// The nearest colour of the palette, remembered per cell.
class Nearest {
 public:
  explicit Nearest(const std::vector<Rgb>& colours) : colours_(colours) {}
  std::uint8_t operator()(const Rgb& wanted) {
    std::int16_t& known = known_[cell_index({wanted[0] >> 3, wanted[1] >> 3, wanted[2] >> 3})];
    if (known < 0) {
      const auto distance = [&](const Rgb& c) {
        int sum = 0;
        for (std::size_t i = 0; i < 3; ++i) {
          const int d = c[i] - ((wanted[i] & ~7) + 4);
          sum += d * d;
        }
        return sum;
      };
      known = static_cast<std::int16_t>(std::ranges::min_element(colours_, {}, distance) - colours_.begin());
    }
    return static_cast<std::uint8_t>(known);
  }

 private:
  const std::vector<Rgb>& colours_;
  std::vector<std::int16_t> known_ = std::vector<std::int16_t>(32768, -1);
};

}  // namespace

PalettePicture to_palette(const Frame& rgb) {
  const auto width = static_cast<std::size_t>(rgb.format.width),
             height = static_cast<std::size_t>(rgb.format.height);
  const std::span from(reinterpret_cast<const std::uint8_t*>(rgb.data.data()), rgb.data.size());
  std::vector<Bin> bins = used_bins(from);
  const std::vector<Rgb> colours = median_cut(bins, 256);
  PalettePicture out;
  out.colours.fill(0xFF000000U);
  for (std::size_t i = 0; i < colours.size(); ++i) {
    const Rgb& c = colours[i];
    out.colours[i] = 0xFF000000U | static_cast<std::uint32_t>(c[0] << 16 | c[1] << 8 | c[2]);
  }
  out.pixels.resize(width * height);
  Nearest nearest(colours);
  // Errors in sixteenths, of this row and the next; a pixel more on either side saves the tests.
  std::vector<Rgb> now(width + 2), next(width + 2);
  for (std::size_t y = 0; y < height; ++y) {
    std::ranges::fill(next, Rgb{});
    for (std::size_t x = 0; x < width; ++x) {
      Rgb wanted{};
      for (std::size_t c = 0; c < 3; ++c)
        wanted[c] = std::clamp(from[3 * (y * width + x) + c] + now[x + 1][c] / 16, 0, 255);
      const std::uint8_t chosen = out.pixels[y * width + x] = nearest(wanted);
      for (std::size_t c = 0; c < 3; ++c) {
        const int error = wanted[c] - colours[chosen][c];
        now[x + 2][c] += 7 * error;
        next[x][c] += 3 * error;
        next[x + 1][c] += 5 * error;
        next[x + 2][c] += error;
      }
    }
    now.swap(next);
  }
  return out;
}

}  // namespace unblur::ff
