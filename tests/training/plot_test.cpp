// SPDX-License-Identifier: MIT
#include "plot.h"

#include <gtest/gtest.h>

#include <cmath>

namespace unblur {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Plot, LinesGoWhereTheValuesAre) {
  const CsvTable table{{"t", "v"}, {{0, 0}, {60, 10}, {120, kNan}, {180, 5}}};
  const std::string svg = chart_svg(table, "t", 1.0 / 60, "minutes", {{{"v"}, "what"}});
  // 0 to 3 minutes over x 84 to 590, 0 to 10 over y 352 to 16; the row without a value is left out.
  EXPECT_NE(svg.find("\"M84.0 352.0L252.7 16.0L590.0 184.0\""), std::string::npos) << svg;
}

TEST(Plot, TrainingLogsHaveAPanelPerUnit) {
  CsvTable table{{"seconds", "motion", "picture", "gain_db", "epe", "epe_zero"}, {}};
  for (int i = 0; i < 4; ++i) table.rows.push_back({60.0 * i, 4, kNan, kNan, 3, 6});
  for (int i = 4; i < 8; ++i) table.rows.push_back({60.0 * i, kNan, 0.1, 0.2, 1, 6});
  const std::string svg = plot_log(table);
  EXPECT_EQ(count_of(svg, "rotate(-90)"), 4U);
  EXPECT_EQ(count_of(svg, "nan"), 0U);
  EXPECT_EQ(count_of(svg, "minutes of training"), 1U);
  EXPECT_EQ(count_of(svg, "stroke-width=\"2\""), 5U);
}

}  // namespace
}  // namespace unblur
