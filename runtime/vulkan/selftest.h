// SPDX-License-Identifier: MIT
// Every kernel family on this device, with its driver, against float64 loops: what `unblur selftest` prints
// and what a bug report should begin with. Takes seconds; most of them compile shaders.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vulkan/device.h"
#include "vulkan/pipeline.h"

namespace unblur::vk {

/// One kernel on one storage.
struct SelftestResult {
  std::string kernel;     ///< "warp", "conv_reg"
  std::string operation;  ///< "warp(flow_scale=1, border=replicate)"
  std::string storage;    ///< "fp32", "fp16", "fp16 packed"
  double error = 0;       ///< largest |error| / max(1, |truth|)
  double tolerance = 0;
  double ms = 0;        ///< wall time, compilation included
  std::string skipped;  ///< why it did not run; empty = it ran
  [[nodiscard]] bool passed() const noexcept { return skipped.empty() && error <= tolerance; }
  [[nodiscard]] bool failed() const noexcept { return skipped.empty() && !(error <= tolerance); }
};

/// Runs all of them; a kernel that throws counts as failed with an infinite error. `forced_wrong` names a
/// kernel whose result is disturbed, to see that the test can fail.
[[nodiscard]] std::vector<SelftestResult> selftest(const std::shared_ptr<Device>& device,
                                                   Pipelines& pipelines,
                                                   const std::string& forced_wrong = {});

}  // namespace unblur::vk
