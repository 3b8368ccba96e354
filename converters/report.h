// SPDX-License-Identifier: MIT
// What unblur-convert says about files: operators of a model, contents of a safetensors file, and how two
// files differ. Everything exists as text for people and as JSON for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "graph/model.h"

namespace unblur {

/// One row per operator of the closed set that the graph uses: nodes, weights, multiply-adds at 1280x720.
[[nodiscard]] nlohmann::json operator_report(const Model& model);
[[nodiscard]] std::string operator_table(const nlohmann::json& report);

/// Metadata (long values shortened) and tensors with type, shape, range and mean.
[[nodiscard]] nlohmann::json contents_report(const SafeTensors& file);
[[nodiscard]] std::string contents_text(const nlohmann::json& report);

/// Names only in one file, tensors of another type or shape, largest absolute difference of the others;
/// `same` is true if nothing differs.
[[nodiscard]] nlohmann::json difference_report(const SafeTensors& a, const SafeTensors& b);
[[nodiscard]] std::string difference_text(const nlohmann::json& report);

}  // namespace unblur
