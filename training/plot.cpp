// SPDX-License-Identifier: MIT
#include "plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <limits>

#include "graph/error.h"

namespace unblur {
namespace {

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

std::string plot_log(const CsvTable& table) {
  constexpr double kMinutes = 1.0 / 60;
  const std::string x_label = "minutes of training";
  std::vector<std::string> gains, ratios;
  for (const auto& name : table.columns) {
    if (name.starts_with("gain_") && name != "gain_db") gains.push_back(name);
    if (name.starts_with("ratio_")) ratios.push_back(name);
  }
  if (!gains.empty())
    return chart_svg(table, "seconds", kMinutes, x_label, {{gains, "PSNR over the input, dB"}});
  if (!ratios.empty())
    return chart_svg(table, "seconds", kMinutes, x_label,
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
  return chart_svg(smooth, "seconds", kMinutes, x_label, panels);
}

}  // namespace unblur
