// SPDX-License-Identifier: MIT
#include "recipe.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace unblur {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

EndPointError all_bins(const BinnedPathError& bins) {
  EndPointError sum;
  for (const EndPointError& bin : bins) sum += bin;
  return sum;
}

}  // namespace

Recipe recipe_of(const ModelInfo& info, const Graph& graph) {
  if (!info.trajectory || graph.has_output("frame")) return Recipe::kPictures;
  return info.trajectory->directed ? Recipe::kTrajectories : Recipe::kReblur;
}

std::vector<std::string> train_columns(Recipe recipe) {
  if (recipe == Recipe::kPictures) {
    return {"stage",  "seconds",  "clips",    "rate",    "loss", "picture", "auxiliary",
            "motion", "temporal", "gradient", "gain_db", "epe",  "epe_zero"};
  }
  if (recipe == Recipe::kReblur) {
    return {"stage",     "seconds",   "clips",    "rate",    "loss", "squared", "structure",
            "variation", "magnitude", "gradient", "gain_db", "epe",  "epe_zero"};
  }
  std::vector<std::string> columns{"stage",    "seconds",   "clips",      "rate",     "loss",
                                   "path",     "auxiliary", "motion",     "gradient", "epe",
                                   "epe_zero", "still_epe", "still_zero", "flow_epe", "flow_zero"};
  for (int b = 0; b < kBinCount; ++b) {
    columns.push_back(fmt::format("epe_{}", bin_name(b)));
    columns.push_back(fmt::format("zero_{}", bin_name(b)));
  }
  return columns;
}

std::vector<double> train_values(Recipe recipe, const StepReport& r, bool motion_stage) {
  const auto joint = [&](double value) { return motion_stage ? kNone : value; };
  if (recipe == Recipe::kPictures) {
    return {r.loss,
            joint(r.picture),
            joint(r.auxiliary),
            r.motion > 0 ? r.motion : kNone,  // where the branch stands still it has no loss
            joint(r.temporal),
            r.gradient_norm,
            joint(10 * std::log10(r.input_mse / r.output_mse)),
            r.epe.mean(),
            r.epe.mean_zero()};
  }
  if (recipe == Recipe::kReblur) {
    const double epe = r.still.count > 0 ? r.still.mean() : kNone,
                 zero = r.still.count > 0 ? r.still.mean_zero() : kNone;
    return {r.loss,
            r.picture,
            r.structure,
            r.variation,
            r.magnitude,
            r.gradient_norm,
            10 * std::log10(r.input_mse / r.output_mse),
            epe,
            zero};
  }
  const EndPointError error = motion_error(recipe, r, motion_stage);
  std::vector<double> values{r.loss,
                             joint(r.path),
                             joint(r.auxiliary),
                             r.motion,
                             r.gradient_norm,
                             error.mean(),
                             error.mean_zero(),
                             joint(r.still.mean()),
                             joint(r.still.mean_zero()),
                             r.epe.mean(),
                             r.epe.mean_zero()};
  for (const EndPointError& bin : r.paths) {
    const bool seen = bin.count > 0;
    values.push_back(seen ? bin.mean() : kNone);
    values.push_back(seen ? bin.mean_zero() : kNone);
  }
  return values;
}

EndPointError motion_error(Recipe recipe, const StepReport& report, bool motion_stage) {
  if (recipe == Recipe::kReblur) return report.still;
  return recipe == Recipe::kPictures || motion_stage ? report.epe : all_bins(report.paths);
}

}  // namespace unblur
