// SPDX-License-Identifier: MIT
// One model, one input, several backends: how far apart are their results, frame by frame, states carried
// along?
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/executor.h"

namespace unblur {

/// "torch:cpu", "torch:cuda:1+fp16", "vulkan:0+nofuse+conv2d=conv_tile". Without a suffix: fp32, fused.
struct BackendChoice {
  std::string text = {};                 ///< as written
  std::string family = {}, device = {};  ///< "torch", "cuda:1"
  Precision precision = Precision::kFp32;
  bool fuse = true;                              ///< of observed plans (Vulkan)
  bool storage_buffers = false;                  ///< in place of device addresses (Vulkan)
  bool tf32 = false;                             ///< products of ten bits (torch:cuda)
  std::map<std::string, std::string> kernels{};  ///< by operator (Vulkan)
  [[nodiscard]] bool is_half() const noexcept {
    return precision == Precision::kFp16 || precision == Precision::kBf16 || tf32;
  }
};
[[nodiscard]] BackendChoice parse_backend(const std::string& text);                ///< throws UsageError
[[nodiscard]] std::unique_ptr<Backend> open_backend(const BackendChoice& choice);  ///< throws DeviceError

/// Shares of all values whose error stays below OutputDifference::quantiles.
inline constexpr std::array<double, 4> kQuantiles{0.5, 0.9, 0.99, 0.999};

/// How two values of the same output differ. Absolute numbers are in the output's own unit.
struct OutputDifference {
  std::string name = {};
  double largest = 0, mean = 0;       ///< of |second - first|; infinite where one is not finite
  std::array<double, 4> quantiles{};  ///< of the same
  double scale = 0;                   ///< largest |first|
  double psnr_db = 0;                 ///< pictures: against the model's range; infinite where equal
  std::optional<double> ssim = {};    ///< pictures of at least 11 px
  [[nodiscard]] double relative() const noexcept { return scale > 0 ? largest / scale : largest; }
};
/// Throws ProcessingError where shapes differ.
[[nodiscard]] OutputDifference output_difference(const NamedOutput& first, const NamedOutput& second,
                                                 const ModelInfo& info);

struct FrameDifference {
  std::int64_t index = 0;
  std::vector<OutputDifference> outputs = {};  ///< "frame" first where there is one, then as in the graph
  double ms[2] = {0, 0};                       ///< submitting, computing and fetching; 0 for saved results
};

/// Bounds for the first output.
struct Tolerance {
  double relative = 1e-4;                             ///< largest difference over largest value
  std::optional<double> mean_abs = {}, max_abs = {};  ///< in place of `relative` where set
  std::optional<double> min_psnr_db = {};             ///< asked for besides
  std::string reason = {};                            ///< for the report
  [[nodiscard]] bool holds(const OutputDifference& d) const noexcept;
  [[nodiscard]] std::string text() const;
};
/// Half precision on either side 2e-2, unless the model file states a bound for it (card entry
/// "tolerance_fp16", a number, relative). In fp32: the card's "tolerance", else for a graph with a pixel
/// volume mean 1e-3 and maximum 0.05, since that truncates positions and a rounding error then moves a pixel;
/// otherwise 1e-4. Throws ModelError where the file's entry is no number above 0.
[[nodiscard]] Tolerance default_tolerance(const Model& model, std::span<const BackendChoice> choices);

/// Something that gives a model's outputs frame by frame.
class FrameRun {
 public:
  virtual ~FrameRun() = default;
  /// Outputs ("frame" first) of the frame at `at`; calls come in order. Neighbours that the model asks for
  /// are taken from `frames`, beyond its ends the nearest one.
  virtual std::vector<NamedOutput> run(std::span<const Frame> frames, std::size_t at, double& ms) = 0;
};
/// `poison`: BindOptions::poison.
[[nodiscard]] std::unique_ptr<FrameRun> run_backend(Backend& backend, std::shared_ptr<const Model> model,
                                                    const FrameFormat& format, Precision precision,
                                                    bool poison = false);

/// What is seen of every frame as it is compared; `examined` counts from 0.
struct FrameView {
  std::size_t examined = 0;
  std::span<const NamedOutput> reference, outputs;
  const FrameDifference& difference;
};

/// Runs all over frames[0 .. count). Per examined run one list of frames. Throws what the backends throw.
[[nodiscard]] std::vector<std::vector<FrameDifference>> compare_frames(
    const ModelInfo& info, std::span<const Frame> frames, std::size_t count, FrameRun& reference,
    std::span<FrameRun* const> examined, const std::function<void(const FrameView&)>& watch = {});

}  // namespace unblur
