// SPDX-License-Identifier: MIT
#include "drawing/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "graph/error.h"

namespace unblur {
namespace {

constexpr double kWidth = 720, kLeft = 84, kLeastRight = 130, kTop = 16, kBottom = 48;  // px
constexpr double kPlotHeight = 336, kPanelHeight = 150;  // of a diagram alone, and of one of several; px
constexpr std::array<const char*, 6> kColours{"#4477aa", "#228833", "#ccbb44",
                                              "#ee6677", "#aa3377", "#66ccee"};

/// 1, 2 or 5 times a power of ten, so that `range` has four to ten ticks.
double tick_step(double range) {
  const double power = std::pow(10.0, std::floor(std::log10(range / 4)));
  for (const double factor : {5.0, 2.0}) {
    if (range / (factor * power) >= 4) return factor * power;
  }
  return power;
}

struct ChartAxis {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void include(double v) {
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  }
  void finish() {
    if (!(low < high)) low = std::isfinite(low) ? low - 1 : 0, high = low + 2;
    const double by = step();
    low = std::floor(low / by) * by, high = std::ceil(high / by) * by;
  }
  double step() const { return tick_step(high - low); }
  std::vector<double> ticks() const {
    std::vector<double> at(static_cast<std::size_t>(std::lround((high - low) / step())) + 1);
    for (std::size_t i = 0; i < at.size(); ++i) at[i] = low + static_cast<double>(i) * step();
    return at;
  }
  double part(double v) const { return (v - low) / (high - low); }
};

std::string chart_text(double x, double y, const std::string& anchor, const std::string& content) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, content);
}

std::string chart_line(double x1, double y1, double x2, double y2, const std::string& colour) {
  return fmt::format("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2, y2, colour);
}

/// Where a panel lies in the picture, px; behind `right` are the names of its curves.
struct PanelBox {
  double top, bottom, right;
};

/// Room for the longest name.
double names_width(const std::vector<Panel>& panels) {
  std::size_t longest = 0;
  for (const Panel& panel : panels) {
    for (const std::string& name : panel.curves) longest = std::max(longest, name.size());
  }
  return std::max(kLeastRight, 40 + 7 * static_cast<double>(longest));
}

std::string draw_panel(PanelBox rows, const ChartAxis& horizontal, const CsvTable& table,
                       const std::string& x, double x_scale, const Panel& panel) {
  ChartAxis vertical;
  for (const auto& name : panel.curves) {
    for (const double v : table.values(name)) vertical.include(v);
  }
  vertical.include(0);
  vertical.finish();
  const double right = rows.right;
  const auto to_x = [&](double v) { return kLeft + horizontal.part(v) * (right - kLeft); };
  const auto to_y = [&](double v) { return rows.bottom - vertical.part(v) * (rows.bottom - rows.top); };

  std::string svg, labels;
  for (const double v : vertical.ticks()) {
    const bool zero = std::abs(v) < vertical.step() / 2;
    svg += chart_line(kLeft, to_y(v), right, to_y(v), zero ? "#888888" : "#dddddd");
    labels += chart_text(kLeft - 6, to_y(v) + 4, "end", fmt::format("{:.4g}", zero ? 0.0 : v));
  }
  for (const double v : horizontal.ticks()) {
    svg += chart_line(to_x(v), rows.top, to_x(v), rows.bottom, "#eeeeee");
    labels += chart_text(to_x(v), rows.bottom + 16, "middle", fmt::format("{:.4g}", v));
  }
  labels +=
      fmt::format("<text transform=\"translate(16 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                  (rows.top + rows.bottom) / 2, panel.label);
  const std::vector<double> times = table.values(x);
  for (std::size_t i = 0; i < panel.curves.size(); ++i) {
    const std::string colour = kColours[i % kColours.size()];
    const std::vector<double> values = table.values(panel.curves[i]);
    std::string path;
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (!std::isfinite(values[k]) || !std::isfinite(times[k])) continue;
      path +=
          fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", to_x(times[k] * x_scale), to_y(values[k]));
    }
    svg += fmt::format("<path d=\"{}\" stroke=\"{}\" stroke-width=\"2\"/>\n", path.empty() ? "M0 0" : path,
                       colour);
    const double y = rows.top + 14 + 18 * static_cast<double>(i);
    svg += chart_line(right + 10, y - 4, right + 28, y - 4, colour);
    labels += chart_text(right + 34, y, "start", panel.curves[i]);
  }
  return svg + "<g fill=\"#222222\">\n" + labels + "</g>\n";
}

}  // namespace

std::size_t CsvTable::column(const std::string& name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found == columns.end()) throw InputError("the table has no column '" + name + "'");
  return static_cast<std::size_t>(found - columns.begin());
}

std::vector<double> CsvTable::values(const std::string& name) const {
  const std::size_t c = column(name);
  std::vector<double> out;
  for (const auto& row : rows) out.push_back(row[c]);
  return out;
}

std::string chart_svg(const CsvTable& table, const std::string& x, double x_scale, const std::string& x_label,
                      const std::vector<Panel>& panels) {
  const double count = static_cast<double>(panels.size());
  const double height = count == 1 ? kPlotHeight : kPanelHeight, step = kTop + height + kBottom;
  const double right = kWidth - names_width(panels);
  ChartAxis horizontal;
  for (const double v : table.values(x)) horizontal.include(v * x_scale);
  horizontal.finish();

  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"12\" fill=\"none\">\n<rect width=\"{0}\" height=\"{1}\" "
      "fill=\"white\"/>\n",
      kWidth, step * count);
  double top = kTop;
  for (const Panel& panel : panels) {
    svg += draw_panel({top, top + height, right}, horizontal, table, x, x_scale, panel);
    top += step;
  }
  svg += fmt::format("<g fill=\"#222222\">\n{}</g>\n",
                     chart_text((kLeft + right) / 2, step * count - 10, "middle", x_label));
  return svg + "</svg>\n";
}

}  // namespace unblur
