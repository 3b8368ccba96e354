// SPDX-License-Identifier: MIT
// Reports of runs and plans as JSON and as text.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "media/frame_io.h"
#include "pipeline/report.h"

namespace unblur {

[[nodiscard]] nlohmann::json plan_json(const PlanReport& plan);
[[nodiscard]] std::string plan_text(const StreamInfo& input, const PlanReport& plan, bool kernels);
[[nodiscard]] nlohmann::json report_json(const DeblurReport& report);
[[nodiscard]] std::vector<std::string> summary_lines(const std::string& input, const std::string& output,
                                                     const DeblurReport& report);
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);  ///< "12.3 MiB"

}  // namespace unblur
