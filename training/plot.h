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
  [[nodiscard]] std::vector<double> values(const std::string& name) const;
};
[[nodiscard]] CsvTable read_csv(const std::filesystem::path& path);

/// One diagram: lines of `curves` (column names) and what they measure. Colours and legend come from the
/// order.
struct Panel {
  std::vector<std::string> curves;
  std::string label;
};
/// Panels one below the other over column `x` times `x_scale`.
[[nodiscard]] std::string plot_svg(const CsvTable& table, const std::string& x, double x_scale,
                                   const std::string& x_label, const std::vector<Panel>& panels);

/// What suits a log of this program: gains per bin over minutes of validation.csv; of train.csv a panel for
/// each of the losses, end-point errors and gains that the run logged, each value the mean of the last 50th
/// of all rows (at least 50).
[[nodiscard]] std::string plot_log(const CsvTable& table);

}  // namespace unblur
