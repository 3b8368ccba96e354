// SPDX-License-Identifier: MIT
// Muon, AdamW and RAdam, each for its own parameters, in one object with one gradient clip, and the
// exponential moving average of the weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "torch_ops.h"

namespace unblur {

enum class UpdateRule : std::uint8_t { kMuon, kAdamW, kRAdam };

struct TrainedParameter {
  std::string name;
  at::Tensor value;  ///< leaf with requires_grad; changed in place
  UpdateRule rule = UpdateRule::kAdamW;
  double rate_scale = 1.0;
};

struct OptimiserConfig {
  /// kMuon: for convolution weights, AdamW for the rest. Otherwise this rule for everything.
  UpdateRule rule = UpdateRule::kMuon;
  double muon_rate = 5e-3, muon_momentum = 0.95;
  double adam_rate = 1e-3, adam_beta1 = 0.9, adam_beta2 = 0.99, adam_eps = 1e-8;  ///< and of RAdam
  double weight_decay = 0.0;
  double clip_norm = 1.0;  ///< of all gradients together; 0 = none
};

/// Nearest semi-orthogonal matrix, roughly: five Newton-Schulz steps x <- a x + (b A + c A^2) x, A = x x^T,
/// with (a, b, c) = (3.4445, -4.7750, 2.0315) after division by the Frobenius norm (Jordan et al. 2024).
/// Singular values land in about [0.7, 1.2]. `matrix` is [rows, columns].
[[nodiscard]] at::Tensor orthogonalise(const at::Tensor& matrix);

/// Rectified Adam (Liu et al. 2020) as PVDNet's authors use it: with rho_inf = 2 / (1 - beta2) - 1 and rho =
/// rho_inf - 2 t beta2^t / (1 - beta2^t), the step of update t is rate / (1 - beta1^t) times the momentum: as
/// it is while rho < 5, then divided by (sqrt(second moment) + eps) and times
/// sqrt((1 - beta2^t) (rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho)).
struct RectifiedStep {
  bool divided = false;
  double factor = 0;  ///< of the rate
};
[[nodiscard]] RectifiedStep rectified_step(double t, double beta1, double beta2);

class Optimiser {
 public:
  Optimiser(std::vector<TrainedParameter> parameters, const OptimiserConfig& config);

  /// One update with all rates times `rate_factor`. Parameters without gradient are left alone. Returns the
  /// gradient norm before clipping; if that is not finite nothing is changed.
  double step(double rate_factor);
  /// Of parameters()[i], for the next step; may be undefined.
  void set_gradient(std::size_t i, const at::Tensor& gradient);

  /// Momenta and step counters by "<parameter>.<what>"; `load` throws ModelError on a missing or misshapen
  /// entry.
  [[nodiscard]] TorchTensors state() const;
  void load(const TorchTensors& state);

  [[nodiscard]] const std::vector<TrainedParameter>& parameters() const noexcept { return parameters_; }

 private:
  struct Slot {
    at::Tensor first, second;  ///< Muon uses only `first`
    std::int64_t steps = 0;
  };
  void muon_update(const TrainedParameter& p, Slot& slot, const at::Tensor& gradient, double rate) const;
  void adam_update(const TrainedParameter& p, Slot& slot, const at::Tensor& gradient, double rate) const;
  void radam_update(const TrainedParameter& p, Slot& slot, const at::Tensor& gradient, double rate) const;

  std::vector<TrainedParameter> parameters_;
  std::vector<Slot> slots_;
  OptimiserConfig config_;
};

/// average <- d * average + (1 - d) * value with d = min(decay, (1 + updates) / (10 + updates)), so that
/// early averages are not those of the random start.
class MovingAverage {
 public:
  MovingAverage(const TorchTensors& values, double decay);
  void update(const TorchTensors& values);
  [[nodiscard]] const TorchTensors& values() const noexcept { return values_; }
  [[nodiscard]] std::int64_t updates() const noexcept { return updates_; }
  void load(const TorchTensors& values, std::int64_t updates);

 private:
  TorchTensors values_;
  double decay_;
  std::int64_t updates_ = 0;
};

}  // namespace unblur
