// SPDX-License-Identifier: MIT
#include "plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <limits>

#include "graph/error.h"

namespace unblur {
namespace {

constexpr double kWidth = 720, kLeft = 60, kRight = 130, kTop = 16, kBottom = 48;  // px
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

struct Axis {
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
  double part(double v) const { return (v - low) / (high - low); }
};

std::string text(double x, double y, const std::string& anchor, const std::string& content) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, content);
}

std::string line(double x1, double y1, double x2, double y2, const std::string& colour) {
  return fmt::format("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2, y2, colour);
}

/// Where a panel lies in the picture, px.
struct Rows {
  double top, bottom;
};

std::string draw(Rows rows, const Axis& horizontal, const CsvTable& table, const std::string& x,
                 double x_scale, const Panel& panel) {
  Axis vertical;
  for (const auto& name : panel.curves) {
    for (const double v : table.values(name)) vertical.include(v);
  }
  vertical.include(0);
  vertical.finish();
  const double right = kWidth - kRight;
  const auto to_x = [&](double v) { return kLeft + horizontal.part(v) * (right - kLeft); };
  const auto to_y = [&](double v) { return rows.bottom - vertical.part(v) * (rows.bottom - rows.top); };

  std::string svg, labels;
  for (double v = vertical.low, step = vertical.step(); v <= vertical.high + step / 2; v += step) {
    svg += line(kLeft, to_y(v), right, to_y(v), std::abs(v) < step / 2 ? "#888888" : "#dddddd");
    labels += text(kLeft - 6, to_y(v) + 4, "end", fmt::format("{:.4g}", std::abs(v) < step / 1000 ? 0.0 : v));
  }
  for (double v = horizontal.low, step = horizontal.step(); v <= horizontal.high + step / 2; v += step) {
    svg += line(to_x(v), rows.top, to_x(v), rows.bottom, "#eeeeee");
    labels += text(to_x(v), rows.bottom + 16, "middle", fmt::format("{:.4g}", v));
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
    svg += line(right + 10, y - 4, right + 28, y - 4, colour);
    labels += text(right + 34, y, "start", panel.curves[i]);
  }
  return svg + "<g fill=\"#222222\">\n" + labels + "</g>\n";
}

/// The mean of the last `window` finite values up to each row; NaN where there is none yet.
std::vector<double> running_mean(const std::vector<double>& values, std::size_t window) {
  std::vector<double> means;
  std::deque<double> recent;
  double sum = 0;
  for (const double v : values) {
    if (std::isfinite(v)) {
      recent.push_back(v);
      sum += v;
    }
    if (recent.size() > window) {
      sum -= recent.front();
      recent.pop_front();
    }
    means.push_back(std::isfinite(v) ? sum / static_cast<double>(recent.size()) : v);
  }
  return means;
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
                     const std::vector<Panel>& panels) {
  const double count = static_cast<double>(panels.size());
  const double height = count == 1 ? kPlotHeight : kPanelHeight, step = kTop + height + kBottom;
  Axis horizontal;
  for (const double v : table.values(x)) horizontal.include(v * x_scale);
  horizontal.finish();

  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"12\" fill=\"none\">\n<rect width=\"{0}\" height=\"{1}\" "
      "fill=\"white\"/>\n",
      kWidth, step * count);
  double top = kTop;
  for (const Panel& panel : panels) {
    svg += draw({top, top + height}, horizontal, table, x, x_scale, panel);
    top += step;
  }
  svg += fmt::format("<g fill=\"#222222\">\n{}</g>\n",
                     text((kLeft + kWidth - kRight) / 2, step * count - 10, "middle", x_label));
  return svg + "</svg>\n";
}

std::string plot_log(const CsvTable& table) {
  constexpr double kMinutes = 1.0 / 60;
  const std::string x_label = "minutes of training";
  std::vector<std::string> gains, ratios;
  for (const auto& name : table.columns) {
    if (name.starts_with("gain_") && name != "gain_db") gains.push_back(name);
    if (name.starts_with("ratio_")) ratios.push_back(name);
  }
  if (!gains.empty())
    return plot_svg(table, "seconds", kMinutes, x_label, {{gains, "PSNR over the input, dB"}});
  if (!ratios.empty())
    return plot_svg(table, "seconds", kMinutes, x_label,
                    {{ratios, "end-point error of paths over that of zero motion"}});
  std::vector<Panel> panels{
      {{"motion"}, "loss of the flow"},     {{"epe", "epe_zero"}, "end-point error, px"},
      {{"path"}, "loss of the paths"},      {{"squared"}, "squared error of the reblur"},
      {{"picture"}, "loss of the picture"}, {{"gain_db"}, "PSNR over the input, dB"}};
  std::erase_if(panels, [&](const Panel& panel) {
    return std::ranges::find(table.columns, panel.curves.front()) == table.columns.end();
  });
  CsvTable smooth = table;
  const std::size_t window = std::max<std::size_t>(table.rows.size() / 50, 50);
  for (const Panel& panel : panels) {
    for (const auto& name : panel.curves) {
      const std::vector<double> means = running_mean(table.values(name), window);
      for (std::size_t i = 0; i < means.size(); ++i) smooth.rows[i][table.column(name)] = means[i];
    }
  }
  return plot_svg(smooth, "seconds", kMinutes, x_label, panels);
}

}  // namespace unblur
