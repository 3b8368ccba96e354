// SPDX-License-Identifier: MIT
// Curves of a run's logs as SVG.
#pragma once

#include <filesystem>
#include <string>

#include "drawing/chart.h"

namespace unblur {

/// A table read from CSV; empty fields are NaN. Throws InputError naming the line.
[[nodiscard]] CsvTable read_csv(const std::filesystem::path& path);

/// What suits a log of this program: gains per bin over minutes of validation.csv; of train.csv a panel for
/// each of the losses, end-point errors and gains that the run logged, each value the mean of the last 50th
/// of all rows (at least 50).
[[nodiscard]] std::string plot_log(const CsvTable& table);

}  // namespace unblur
