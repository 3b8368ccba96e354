// SPDX-License-Identifier: MIT
// A whole comparison: what unblur-compare is asked for, and everything that its reports say.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compare.h"
#include "layers.h"

namespace unblur {

struct CompareRequest {
  std::shared_ptr<const Model> model = {};
  std::string model_name = {}, input_name = {};  ///< for the report
  std::vector<Frame> frames = {};                ///< those compared, then what the model looks ahead at
  std::size_t count = 1;                         ///< frames to compare, at least 1
  std::vector<BackendChoice> backends = {};      ///< the first is the reference, unless `against` is
  std::filesystem::path against = {};  ///< saved results (saved.h) in place of a reference; may be empty
  std::filesystem::path save = {};     ///< where the reference's results go; may be empty
  std::filesystem::path dump = {};     ///< folder for .npy files and the first offender; may be empty
  bool layers = false;
  int repeat = 0;                        ///< more runs of every backend on poisoned memory
  std::optional<double> tolerance = {};  ///< relative, of outputs and layers
  std::optional<double> min_psnr_db = {};
};

struct BackendNote {
  std::string text = {};               ///< as on the command line
  std::string name = {}, driver = {};  ///< with the settings that matter; no driver behind saved results
  [[nodiscard]] std::string device() const { return driver.empty() ? name : name + ", " + driver; }
};

/// Planar RGB [3,height,width], 0 to 1.
struct ReportPicture {
  int width = 0, height = 0;
  std::vector<float> rgb = {};
};

/// The frame where an output differed most.
struct WorstFrame {
  std::int64_t frame = 0;
  double largest = -1;
  ReportPicture reference = {}, examined = {};  ///< of pictures
  ErrorMap errors = {};
};

/// `runs` more runs with poisoned scratch memory; `difference` says where the bits changed, empty if nowhere.
struct RepeatReport {
  std::string backend = {};
  int runs = 0;
  std::string difference = {};
};

/// One backend against the reference.
struct Examined {
  BackendNote backend = {};
  Tolerance tolerance = {};
  std::vector<FrameDifference> frames = {};
  WorstFrame worst = {};  ///< of the first output
  std::optional<LayerReport> layers = {};
  std::string verdict = {};  ///< what is outside tolerance; empty if nothing
};

struct Comparison {
  std::string model = {}, input = {};
  int width = 0, height = 0;  ///< of the input
  BackendNote reference = {};
  std::vector<Examined> examined = {};
  std::vector<RepeatReport> repeats = {};
  /// What is outside tolerance first; empty if nothing.
  [[nodiscard]] std::string verdict() const;
};

/// Runs frames [0, count) and compares the bits of all outputs with `prints` (fingerprints per frame), which
/// grow where they hold fewer. The first frame that differs, or nothing.
[[nodiscard]] std::optional<std::size_t> first_change(FrameRun& run, std::span<const Frame> frames,
                                                      std::size_t count, std::vector<std::uint64_t>& prints);

/// Throws UsageError for requests that make no sense, and what backends and files throw.
[[nodiscard]] Comparison compare(const CompareRequest& request);

}  // namespace unblur
