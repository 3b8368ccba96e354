// SPDX-License-Identifier: MIT
// The program `unblur`: parse, call a library, report. What needs a GPU comes in through Services.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/executor.h"

namespace unblur {

/// A device as `devices` and `doctor` show it.
struct DeviceRow {
  DeviceInfo info;
  std::string unusable;  ///< why it cannot be used; empty = usable
  std::string advice;    ///< what would make it better ("old lavapipe: install ..."), empty = nothing
  bool chosen = false;   ///< what an empty selector takes
};

/// One line of `doctor`.
struct Finding {
  enum class Level : std::uint8_t { kGood, kNote, kProblem } level = Level::kGood;
  std::string what;    ///< "Vulkan loader 1.3.239"
  std::string remedy;  ///< what to install or set; empty if nothing is wrong
};

/// One kernel of `selftest`.
struct SelftestRow {
  std::string kernel, operation, storage;
  double error = 0, tolerance = 0;  ///< largest |error| / max(1, |truth|)
  double ms = 0;                    ///< wall time, compilation included
  std::string skipped;              ///< why it did not run; empty = it ran
  bool failed = false;
};

/// One kind of layer of `tune`.
struct TunedRow {
  std::string node;                    ///< the first node of the network that is such a layer
  int count = 1;                       ///< how many are
  std::string before, after;           ///< kernels: the built-in choice and what is stored; equal = no change
  double before_ms = 0, after_ms = 0;  ///< of one run
};

struct TuneRequest {
  std::string device;  ///< as Services::open_backend takes it
  const Model* model = nullptr;
  int width = 0, height = 0;  ///< of the frames, px
  Precision precision = Precision::kAuto;
  std::function<void(int done, int total)> progress;
};

struct Services {
  /// `selector`: index, part of the name or UUID; empty = the best. Throws DeviceError.
  std::function<std::unique_ptr<Backend>(const std::string& selector)> open_backend;
  /// Throws DeviceError where the system has no Vulkan at all.
  std::function<std::vector<DeviceRow>(const std::string& selector)> list_devices;
  /// What the machine lacks, drivers and layers included.
  std::function<std::vector<Finding>()> examine;
  /// Every kernel on a device against plain loops. Throws DeviceError.
  std::function<std::vector<SelftestRow>(const std::string& selector)> selftest;
  /// Times the kernels of every convolution and stores the fastest for the device. Throws DeviceError,
  /// ModelError, ProcessingError.
  std::function<std::vector<TunedRow>(const TuneRequest&)> tune;
  /// The file that `tune` writes for a device; empty where there is no folder for it.
  std::function<std::filesystem::path(const std::string& selector)> tuning_file;
};

/// Runs the program and returns its exit code (docs/exit-codes.md). Never throws.
int run_program(int argc, char** argv, const Services& services);

}  // namespace unblur
