// SPDX-License-Identifier: MIT
// One model, one input, two backends: how far apart are their results, frame by frame, states carried along?
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/executor.h"

namespace unblur {

/// "torch:cpu", "torch:cuda:1+fp16", "vulkan:0+fp32". Without a suffix: fp32.
struct BackendChoice {
  std::string text;            ///< as written
  std::string family, device;  ///< "torch", "cuda:1"
  Precision precision = Precision::kFp32;
};
[[nodiscard]] BackendChoice parse_backend(const std::string& text);                ///< throws UsageError
[[nodiscard]] std::unique_ptr<Backend> open_backend(const BackendChoice& choice);  ///< throws DeviceError

/// How two values of the same output differ. Absolute numbers are in the output's own unit.
struct OutputDifference {
  std::string name;
  double largest = 0, mean = 0;  ///< of |second - first|; infinite where one is not a finite number
  double scale = 0;              ///< largest |first|
  double psnr_db = 0;  ///< against the value range of the model; infinite where equal. Pictures only.
  [[nodiscard]] double relative() const noexcept { return scale > 0 ? largest / scale : largest; }
};

struct FrameDifference {
  std::int64_t index = 0;
  std::vector<OutputDifference> outputs;  ///< "frame" first where there is one, then as in the graph
  double ms[2] = {0, 0};                  ///< per backend: submitting, computing and fetching
};

/// Bounds for the first output.
struct Tolerance {
  double relative = 1e-4;                   ///< largest difference over largest value
  std::optional<double> mean_abs, max_abs;  ///< in place of `relative` where set
  std::string reason;                       ///< for the report
  [[nodiscard]] bool holds(const OutputDifference& d) const noexcept;
  [[nodiscard]] std::string text() const;
};
/// fp16 on either side 2e-2; a graph with a pixel volume mean 1e-3 and maximum 0.05, since that truncates
/// positions and a rounding error then moves a pixel; otherwise 1e-4.
[[nodiscard]] Tolerance default_tolerance(const Graph& graph, std::span<const BackendChoice> choices);

/// Runs both over frames[0 .. count): neighbours that the model asks for are taken from `frames`, beyond its
/// ends the nearest one. Throws what the backends throw.
[[nodiscard]] std::vector<FrameDifference> compare_backends(const std::shared_ptr<const Model>& model,
                                                            std::span<const Frame> frames, std::size_t count,
                                                            Backend& first, Precision first_precision,
                                                            Backend& second, Precision second_precision);

}  // namespace unblur
