// SPDX-License-Identifier: MIT
// Two observed plans of one model in lock-step: what every layer adds to the error, and what it inherits.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compare.h"
#include "graph/observed.h"

namespace unblur {

/// |second - first| over all elements of two tensors.
struct ElementError {
  double largest = 0, mean = 0;  ///< infinite where one is not a finite number
};
/// Throws ProcessingError where counts differ.
[[nodiscard]] ElementError element_error(const Tensor& a, const Tensor& b);

/// Largest error per pixel over the channels; of larger tensors, over blocks of pixels.
struct ErrorMap {
  int width = 0, height = 0;
  std::vector<float> values;
};
inline constexpr int kMapSide = 96, kPictureSide = 960;  ///< most pixels a side, for layers and for outputs
/// Of two tensors [1,c,h,w].
[[nodiscard]] ErrorMap error_map(const Tensor& a, const Tensor& b, int most_side = kMapSide);
[[nodiscard]] Tensor as_tensor(const NamedOutput& output);  ///< [1,c,h,w]

/// One kernel of the examined plan in the frame where it came closest to its bound, or went furthest beyond;
/// inherited and total errors are the worst over all frames. Errors are in the value's own unit.
struct LayerDifference {
  std::string name = {}, op = {}, kernel = {};
  std::vector<std::string> covers = {};  ///< graph nodes computed by it
  double range = 0;                      ///< largest minus smallest reference value
  double bound = 0;                      ///< for the added error
  ElementError added = {};               ///< fed the reference's operands: against the reference's value
  ElementError inherited = {};           ///< its own value against that
  ElementError total = {};               ///< its own value against the reference's
  int frame = 0;
  bool holds = true;
  ErrorMap map = {};  ///< of the added error
  /// Added error in units of the bound.
  [[nodiscard]] double share() const noexcept { return bound > 0 ? judged / bound : judged; }
  double judged = 0;  ///< the added error that the bound is for
};

/// What a layer may add.
struct LayerTolerance {
  double relative = 1e-4;     ///< of the range
  double small_range = 0.01;  ///< below it:
  double absolute = 1e-6;
  /// Of a pixel volume at every position; nothing in fp16, where the rounded flow alone moves samples by
  /// whole pixels: then the mean error has the bound of other layers.
  std::optional<double> volume = 1e-6;
  /// fp32; 2e-2 of the range where a side has half precision.
  [[nodiscard]] static LayerTolerance of(std::span<const BackendChoice> choices);
  void judge(LayerDifference& d) const;  ///< sets bound, judged and holds
};

struct LayerReport {
  std::vector<LayerDifference> layers;  ///< in the examined plan's order
  std::vector<std::string> unjudged;    ///< "concat NAME": kernels that only move values between memories
  int frames = 0;
  std::optional<std::size_t> first;      ///< of `layers`: the first one beyond tolerance, frames in order
  std::vector<FrameDifference> outputs;  ///< of the padded frames, per frame
  std::vector<std::uint64_t> bytes;      ///< of tensors: most that all held at once, per frame
  std::uint64_t peak_bytes = 0;          ///< the graph's liveness peak at this size, fp32
  std::uint64_t node_bytes = 0;          ///< operands and output of the largest node, fp32
  [[nodiscard]] std::uint64_t tensor_bytes() const noexcept {
    return bytes.empty() ? 0 : *std::max_element(bytes.begin(), bytes.end());
  }
  [[nodiscard]] std::uint64_t allowed_bytes() const noexcept { return 3 * peak_bytes + node_bytes; }
};

/// The first layer that went beyond its bound, as it happened.
struct Offence {
  const LayerDifference& difference;
  const ObservedLayer& layer;
  std::span<const Tensor* const> operands;
  const Tensor& expected;  ///< the reference's
  const Tensor& got;       ///< examined, fed those operands
};

struct LayerWatch {
  std::function<void(const Offence&)> offence;  ///< called once, at the first
  /// Every value of the reference as it is computed: frame, name of the node, value.
  std::function<void(int, const std::string&, const Tensor&)> value;
};

/// Runs frames[0 .. count) through both; windows as in compare_frames. Frames are padded by replication to
/// the model's multiple and least size. Throws UsageError where the reference does not compute apart what a
/// layer reads, and what the backends throw.
[[nodiscard]] LayerReport compare_layers(const Model& model, std::span<const Frame> frames, std::size_t count,
                                         ObservedPlan& reference, ObservedPlan& examined,
                                         const LayerTolerance& tolerance, const LayerWatch& watch = {});

/// Height and width that observed plans of these frames must have.
struct PlanSize {
  int height = 0, width = 0;
};
[[nodiscard]] PlanSize plan_size(const ModelInfo& info, const FrameFormat& format);

}  // namespace unblur
