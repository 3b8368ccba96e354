// SPDX-License-Identifier: MIT
// A backend without any GPU, for tests of what lies around it: adds a constant to every luma sample, or
// nothing, and keeps a running count as its recurrent state.
#pragma once

#include <atomic>
#include <string_view>

#include "graph/executor.h"

namespace unblur::test {

struct FakeOptions {
  int add = 0;             ///< code values added to the first plane, wrapping
  bool recurrent = false;  ///< add the number of frames since the last reset instead: order and resets show
  bool states = true;      ///< save_states and load_states work
  int delay_ms = 0;        ///< per frame
  int min_offset = 0, max_offset = 0;
  int fail_at = -1;  ///< submission that throws ProcessingError
  /// Output "control", asked for by name: content moves by (dx, dy) px during the exposure and turns about
  /// the picture's centre by `turn` radians, clockwise as seen, in straight lines.
  float dx = 0, dy = 0, turn = 0;
};

/// What a test wants to know afterwards.
struct FakeLog {
  std::atomic<int> submits{0}, resets{0}, binds{0}, peak_in_flight{0};
  std::vector<std::vector<int>> windows;  ///< first sample of every frame of every window
};

[[nodiscard]] std::unique_ptr<Backend> make_fake_backend(const FakeOptions& options, FakeLog* log = nullptr);

/// A model that the fake accepts: one state, output = input.
[[nodiscard]] std::shared_ptr<const Model> make_fake_model();
/// A trajectory model that the fake accepts: "directed", "undirected", or "recurrent" (directed, from frame
/// and previous frame).
[[nodiscard]] std::shared_ptr<const Model> make_fake_trajectory_model(std::string_view kind);

/// Control channels [4,h,w] (S.dy, S.dx, E.dy, E.dx) of that motion. Content moves by minus the gather
/// offset.
[[nodiscard]] std::vector<float> fake_control(const FakeOptions& options, int width, int height);

}  // namespace unblur::test
