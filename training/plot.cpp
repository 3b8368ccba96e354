// SPDX-License-Identifier: MIT
#include "plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "graph/error.h"

namespace unblur {
namespace {

constexpr double kWidth = 720, kHeight = 400, kLeft = 60, kRight = 130, kTop = 16, kBottom = 48;  // px
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

struct Axis {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void include(double v) {
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  }
  void finish() {
    if (!(low < high)) low = std::isfinite(low) ? low - 1 : 0, high = low + 2;
    const double step = tick_step(high - low);
    low = std::floor(low / step) * step, high = std::ceil(high / step) * step;
  }
};

std::string text(double x, double y, const std::string& anchor, const std::string& content) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, content);
}

std::string line(double x1, double y1, double x2, double y2, const std::string& colour) {
  return fmt::format("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2, y2, colour);
}

}  // namespace

std::size_t CsvTable::column(const std::string& name) const {
  const auto found = std::find(columns.begin(), columns.end(), name);
  if (found == columns.end()) throw InputError("the table has no column '" + name + "'");
  return static_cast<std::size_t>(found - columns.begin());
}

CsvTable read_csv(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw InputError("cannot read " + path.string());
  const auto split = [](const std::string& row) {
    std::vector<std::string> fields(1);
    for (const char c : row) {
      if (c == ',') {
        fields.emplace_back();
      } else if (c != '\r') {
        fields.back() += c;
      }
    }
    return fields;
  };
  CsvTable table;
  std::string row;
  for (int number = 1; std::getline(file, row); ++number) {
    const auto fields = split(row);
    if (number == 1) {
      table.columns = fields;
      continue;
    }
    if (fields.size() != table.columns.size()) {
      throw InputError(fmt::format("{}:{}: {} fields, the header has {}", path.string(), number,
                                   fields.size(), table.columns.size()));
    }
    std::vector<double> values;
    for (const auto& field : fields) {
      char* end = nullptr;
      const double value = std::strtod(field.c_str(), &end);
      if (*end != '\0')
        throw InputError(fmt::format("{}:{}: '{}' is no number", path.string(), number, field));
      values.push_back(field.empty() ? std::numeric_limits<double>::quiet_NaN() : value);
    }
    table.rows.push_back(std::move(values));
  }
  return table;
}

std::string plot_svg(const CsvTable& table, const std::string& x, double x_scale, const std::string& x_label,
                     const std::vector<std::string>& curves, const std::string& y_label) {
  const std::size_t x_column = table.column(x);
  Axis horizontal, vertical;
  for (const auto& row : table.rows) {
    horizontal.include(row[x_column] * x_scale);
    for (const auto& name : curves) vertical.include(row[table.column(name)]);
  }
  horizontal.finish();
  vertical.include(0);
  vertical.finish();
  const double right = kWidth - kRight, bottom = kHeight - kBottom;
  const auto to_x = [&](double v) {
    return kLeft + (v - horizontal.low) / (horizontal.high - horizontal.low) * (right - kLeft);
  };
  const auto to_y = [&](double v) {
    return bottom - (v - vertical.low) / (vertical.high - vertical.low) * (bottom - kTop);
  };

  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"12\" fill=\"none\">\n<rect width=\"{0}\" height=\"{1}\" "
      "fill=\"white\"/>\n",
      kWidth, kHeight);
  std::string labels;
  for (double v = vertical.low, step = tick_step(vertical.high - vertical.low); v <= vertical.high + step / 2;
       v += step) {
    svg += line(kLeft, to_y(v), right, to_y(v), std::abs(v) < step / 2 ? "#888888" : "#dddddd");
    labels += text(kLeft - 6, to_y(v) + 4, "end", fmt::format("{:.4g}", std::abs(v) < step / 1000 ? 0.0 : v));
  }
  for (double v = horizontal.low, step = tick_step(horizontal.high - horizontal.low);
       v <= horizontal.high + step / 2; v += step) {
    svg += line(to_x(v), kTop, to_x(v), bottom, "#eeeeee");
    labels += text(to_x(v), bottom + 16, "middle", fmt::format("{:.4g}", v));
  }
  labels += text((kLeft + right) / 2, kHeight - 10, "middle", x_label);
  labels +=
      fmt::format("<text transform=\"translate(16 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                  (kTop + bottom) / 2, y_label);
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const std::string colour = kColours[i % kColours.size()];
    const std::size_t column = table.column(curves[i]);
    std::string path;
    for (const auto& row : table.rows) {
      if (!std::isfinite(row[column]) || !std::isfinite(row[x_column])) continue;
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", to_x(row[x_column] * x_scale),
                          to_y(row[column]));
    }
    svg += fmt::format("<path d=\"{}\" stroke=\"{}\" stroke-width=\"2\"/>\n", path.empty() ? "M0 0" : path,
                       colour);
    const double y = kTop + 14 + 18 * static_cast<double>(i);
    svg += line(right + 10, y - 4, right + 28, y - 4, colour);
    labels += text(right + 34, y, "start", curves[i]);
  }
  return svg + "<g fill=\"#222222\">\n" + labels + "</g>\n</svg>\n";
}

std::string plot_log(const CsvTable& table) {
  constexpr double kMinutes = 1.0 / 60;
  std::vector<std::string> gains;
  for (const auto& name : table.columns) {
    if (name.starts_with("gain_") && name != "gain_db") gains.push_back(name);
  }
  if (!gains.empty())
    return plot_svg(table, "seconds", kMinutes, "minutes of training", gains, "PSNR over the input, dB");
  CsvTable smooth = table;
  constexpr std::size_t kWindow = 50;
  for (const char* name : {"loss", "epe", "epe_zero"}) {
    const std::size_t c = table.column(name);
    double sum = 0;
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
      sum += table.rows[i][c] - (i >= kWindow ? table.rows[i - kWindow][c] : 0.0);
      smooth.rows[i][c] = sum / static_cast<double>(std::min(i + 1, kWindow));
    }
  }
  return plot_svg(smooth, "seconds", kMinutes, "minutes of training", {"loss", "epe", "epe_zero"},
                  "loss; end-point error of the flow and of zero motion, px");
}

}  // namespace unblur
