// SPDX-License-Identifier: MIT
// How live a live picture is: latency from capture to display, frame rates. Over the last few seconds.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

namespace unblur {

class LiveMeter {
 public:
  /// Looks back so far, s.
  explicit LiveMeter(double span = 4) : span_(span) {}

  /// A frame came from the source at `now` (s).
  void arrived(double now);
  /// A frame that was captured at `captured` came to the screen at `now`; `compute`: s that its model took.
  void shown(double captured, double now, double compute = 0);
  void clear();
  /// Nothing is to be shown for a while; that says nothing of what could be.
  void pause() { since_.reset(); }

  /// ms that the share `p` in [0, 1] of the shown frames did not exceed; 0 without any.
  [[nodiscard]] double latency(double p) const;
  [[nodiscard]] double compute(double p) const;  ///< ms
  [[nodiscard]] double shown_fps() const;        ///< between the first and the last in the span; 0 if unknown
  [[nodiscard]] double source_fps() const;
  /// Less than `fps` over all of the last seconds up to `now`; false until so long was looked.
  [[nodiscard]] bool stays_below(double fps, double now) const;
  [[nodiscard]] std::size_t count() const { return shown_.size(); }

 private:
  struct Shown {
    double now, latency, compute;
  };
  void forget(double now);

  double span_;
  std::deque<double> arrived_;
  std::deque<Shown> shown_;
  std::optional<double> since_;  ///< when the first frame was shown, since when nothing paused
};

}  // namespace unblur
