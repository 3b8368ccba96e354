// SPDX-License-Identifier: MIT
// Diagrams of curves as SVG.
#pragma once

#include <string>
#include <vector>

namespace unblur {

/// Column names and rows; NaN where there is no value.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows;
  [[nodiscard]] std::size_t column(const std::string& name) const;  ///< throws InputError if absent
  [[nodiscard]] std::vector<double> values(const std::string& name) const;
};

/// One diagram: lines of `curves` (column names) and what they measure. Colours and legend come from the
/// order.
struct Panel {
  std::vector<std::string> curves;
  std::string label;
};
/// Panels one below the other over column `x` times `x_scale`.
[[nodiscard]] std::string chart_svg(const CsvTable& table, const std::string& x, double x_scale,
                                    const std::string& x_label, const std::vector<Panel>& panels);

}  // namespace unblur
