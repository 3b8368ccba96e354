// SPDX-License-Identifier: MIT
#include "drawing/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "media/image_file.h"
#include "media/rgb.h"

namespace unblur {
namespace {

std::string base64(std::span<const std::byte> bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8U | (k < count ? static_cast<unsigned>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out.push_back(k <= count ? kDigits[group >> (18 - 6 * k) & 63U] : '=');
  }
  return out;
}

std::string hex(const Colour& c) {
  const auto level = [](float v) { return std::lround(std::clamp(v, 0.0F, 1.0F) * 255); };
  return fmt::format("#{:02x}{:02x}{:02x}", level(c.r), level(c.g), level(c.b));
}

class SvgWriter {
 public:
  explicit SvgWriter(std::string& out) : out_(out) {}

  void operator()(const Box& box) {
    fmt::format_to(std::back_inserter(out_),
                   "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" fill=\"{}\" "
                   "fill-opacity=\"{:.2f}\"/>\n",
                   box.low.x, box.low.y, box.high.x - box.low.x, box.high.y - box.low.y, hex(box.colour),
                   box.opacity);
  }

  void operator()(const Stroke& stroke) {
    if (stroke.points.empty()) return;
    if (stroke.rim > 0) {
      line(stroke.points, "#000", stroke.width + 2 * stroke.rim,
           fmt::format(" stroke-opacity=\"{:.2f}\"", kRimOpacity));
    }
    if (stroke.colours.size() == 1 || stroke.points.size() == 1) {
      line(stroke.points, hex(stroke.colours.front()), stroke.width, "");
      return;
    }
    // SVG has no gradient along a line: every piece has the mean colour of its ends.
    for (std::size_t i = 1; i < stroke.points.size(); ++i) {
      line(std::span(stroke.points).subspan(i - 1, 2),
           hex(blend(stroke.colours[i - 1], stroke.colours[i], 0.5F)), stroke.width, "");
    }
  }

 private:
  void line(std::span<const Vertex> points, const std::string& colour, float width, const std::string& more) {
    out_ += "<path d=\"";
    for (std::size_t i = 0; i < points.size(); ++i)
      fmt::format_to(std::back_inserter(out_), "{}{:.2f} {:.2f}", i == 0 ? 'M' : 'L', points[i].x,
                     points[i].y);
    if (points.size() == 1) out_ += "h0";  // a round cap makes it a disc
    fmt::format_to(std::back_inserter(out_), "\" stroke=\"{}\" stroke-width=\"{:.2f}\"{}/>\n", colour, width,
                   more);
  }
  std::string& out_;
};

/// The turn as a matrix on pixel centres.
std::string turn_matrix(const Plot& plot, int rotation) {
  const int w = plot.width - 1, h = plot.height - 1;
  switch (rotation) {
    case 90:
      return fmt::format("matrix(0 1 -1 0 {} 0)", h);
    case 180:
      return fmt::format("matrix(-1 0 0 -1 {} {})", w, h);
    case 270:
      return fmt::format("matrix(0 -1 1 0 0 {})", w);
    default:
      return "matrix(1 0 0 1 0 0)";
  }
}

}  // namespace

std::string markup_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string png_address(std::span<const float> rgb, int width, int height) {
  return "data:image/png;base64," + base64(encode_png(rgb_frame(rgb, width, height, 8)));
}

std::string plot_svg(const Plot& plot, int rotation, const std::string& title) {
  const bool sideways = rotation % 180 != 0;
  const int width = sideways ? plot.height : plot.width, height = sideways ? plot.width : plot.height;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"-0.5 -0.5 {0} "
      "{1}\">\n"
      "<title>{2}</title>\n<g transform=\"{3}\">\n"
      "<image x=\"-0.5\" y=\"-0.5\" width=\"{4}\" height=\"{5}\" href=\"{6}\"/>\n"
      "<g fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\n",
      width, height, markup_escaped(title), turn_matrix(plot, rotation), plot.width, plot.height,
      png_address(plot.base, plot.width, plot.height));
  SvgWriter writer(out);
  for (const Mark& mark : plot.over) std::visit(writer, mark);
  out += "</g>\n</g>\n</svg>\n";
  return out;
}

}  // namespace unblur
