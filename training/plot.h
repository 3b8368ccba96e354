// SPDX-License-Identifier: MIT
// Curves of a run's logs as SVG.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace unblur {

/// A table read from CSV: column names and rows; empty fields are NaN. Throws InputError naming the line.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows;
  [[nodiscard]] std::size_t column(const std::string& name) const;  ///< throws InputError if absent
};
[[nodiscard]] CsvTable read_csv(const std::filesystem::path& path);

/// Lines of `curves` (column names) over column `x` times `x_scale`. Colours and legend come from the order.
[[nodiscard]] std::string plot_svg(const CsvTable& table, const std::string& x, double x_scale,
                                   const std::string& x_label, const std::vector<std::string>& curves,
                                   const std::string& y_label);

/// What suits a log of this program: gains per bin over minutes of validation.csv; loss, and end-point error
/// against that of zero motion, smoothed over 50 rows, of train.csv.
[[nodiscard]] std::string plot_log(const CsvTable& table);

}  // namespace unblur
