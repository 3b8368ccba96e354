// SPDX-License-Identifier: MIT
#include "optimiser.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "graph/error.h"

namespace unblur {
namespace {

/// A convolution weight as the matrix out x (in * kh * kw).
at::Tensor as_matrix(const at::Tensor& weight) { return weight.flatten(1); }

const at::Tensor& entry(const TorchTensors& state, const std::string& name, const at::Tensor& like) {
  const auto it = state.find(name);
  if (it == state.end()) throw ModelError("checkpoint has no optimiser state '" + name + "'");
  if (it->second.sizes() != like.sizes())
    throw ModelError("optimiser state '" + name + "' has another shape");
  return it->second;
}

}  // namespace

at::Tensor orthogonalise(const at::Tensor& matrix) {
  constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
  constexpr int kSteps = 5;
  const bool tall = matrix.size(0) > matrix.size(1);
  at::Tensor x = tall ? matrix.t() : matrix;  // the product x x^T is then the smaller one
  x = x / (x.norm() + 1e-7);
  for (int i = 0; i < kSteps; ++i) {
    const at::Tensor a = x.mm(x.t());
    const at::Tensor b = at::addmm(a, a, a, /*beta=*/kB, /*alpha=*/kC);
    x = at::addmm(x, b, x, /*beta=*/kA);
  }
  return tall ? x.t() : x;
}

RectifiedStep rectified_step(double t, double beta1, double beta2) {
  const double power = std::pow(beta2, t), limit = 2 / (1 - beta2) - 1;
  const double rho = limit - 2 * t * power / (1 - power), momentum = 1 / (1 - std::pow(beta1, t));
  if (rho < 5) return {.divided = false, .factor = momentum};
  const double rectified = (1 - power) * (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho);
  return {.divided = true, .factor = momentum * std::sqrt(rectified)};
}

Optimiser::Optimiser(std::vector<TrainedParameter> parameters, const OptimiserConfig& config)
    : parameters_(std::move(parameters)), slots_(parameters_.size()), config_(config) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].rule == UpdateRule::kMuon && parameters_[i].value.dim() < 2) {
      throw UsageError("parameter '" + parameters_[i].name +
                       "' is no matrix and cannot be trained with Muon");
    }
    slots_[i].first = at::zeros_like(parameters_[i].value);
    if (parameters_[i].rule != UpdateRule::kMuon) slots_[i].second = at::zeros_like(parameters_[i].value);
  }
}

double Optimiser::step(double rate_factor) {
  const at::NoGradGuard no_grad;
  double squares = 0;
  for (const auto& p : parameters_) {
    if (p.value.grad().defined()) squares += p.value.grad().square().sum().item<double>();
  }
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) return norm;
  const double clip = config_.clip_norm > 0 && norm > config_.clip_norm ? config_.clip_norm / norm : 1.0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto& p = parameters_[i];
    if (!p.value.grad().defined()) continue;
    const at::Tensor gradient = clip < 1.0 ? p.value.grad() * clip : p.value.grad();
    ++slots_[i].steps;
    const double factor = rate_factor * p.rate_scale;
    switch (p.rule) {
      case UpdateRule::kMuon:
        muon_update(p, slots_[i], gradient, factor * config_.muon_rate);
        break;
      case UpdateRule::kAdamW:
        adam_update(p, slots_[i], gradient, factor * config_.adam_rate);
        break;
      case UpdateRule::kRAdam:
        radam_update(p, slots_[i], gradient, factor * config_.adam_rate);
        break;
    }
  }
  return norm;
}

void Optimiser::muon_update(const TrainedParameter& p, Slot& slot, const at::Tensor& gradient,
                            double rate) const {
  slot.first.lerp_(gradient, 1 - config_.muon_momentum);
  const at::Tensor nesterov = as_matrix(at::lerp(gradient, slot.first, config_.muon_momentum));
  const double scale =
      std::sqrt(std::max(1.0, static_cast<double>(nesterov.size(0)) / static_cast<double>(nesterov.size(1))));
  at::Tensor value = p.value;
  if (config_.weight_decay > 0) value.mul_(1 - rate * config_.weight_decay);
  value.sub_(orthogonalise(nesterov).view_as(value), rate * scale);
}

void Optimiser::adam_update(const TrainedParameter& p, Slot& slot, const at::Tensor& gradient,
                            double rate) const {
  slot.first.lerp_(gradient, 1 - config_.adam_beta1);
  slot.second.mul_(config_.adam_beta2).addcmul_(gradient, gradient, 1 - config_.adam_beta2);
  const auto n = static_cast<double>(slot.steps);
  const double correct1 = 1 - std::pow(config_.adam_beta1, n), correct2 = 1 - std::pow(config_.adam_beta2, n);
  at::Tensor value = p.value;
  if (config_.weight_decay > 0) value.mul_(1 - rate * config_.weight_decay);
  value.addcdiv_(slot.first, (slot.second / correct2).sqrt_().add_(config_.adam_eps), -rate / correct1);
}

void Optimiser::radam_update(const TrainedParameter& p, Slot& slot, const at::Tensor& gradient,
                             double rate) const {
  slot.first.lerp_(gradient, 1 - config_.adam_beta1);
  slot.second.mul_(config_.adam_beta2).addcmul_(gradient, gradient, 1 - config_.adam_beta2);
  const RectifiedStep step =
      rectified_step(static_cast<double>(slot.steps), config_.adam_beta1, config_.adam_beta2);
  at::Tensor value = p.value;
  if (config_.weight_decay > 0) value.mul_(1 - rate * config_.weight_decay);
  if (step.divided) {
    value.addcdiv_(slot.first, slot.second.sqrt().add_(config_.adam_eps), -rate * step.factor);
  } else {
    value.sub_(slot.first, rate * step.factor);
  }
}

void Optimiser::set_gradient(std::size_t i, const at::Tensor& gradient) {
  parameters_[i].value.mutable_grad() = gradient;
}

TorchTensors Optimiser::state() const {
  TorchTensors out;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const std::string& name = parameters_[i].name;
    out[name + ".first"] = slots_[i].first;
    if (slots_[i].second.defined()) out[name + ".second"] = slots_[i].second;
    out[name + ".steps"] = at::scalar_tensor(slots_[i].steps, at::kLong);
  }
  return out;
}

void Optimiser::load(const TorchTensors& state) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const std::string& name = parameters_[i].name;
    slots_[i].first.copy_(entry(state, name + ".first", slots_[i].first));
    if (slots_[i].second.defined()) slots_[i].second.copy_(entry(state, name + ".second", slots_[i].second));
    slots_[i].steps = entry(state, name + ".steps", at::scalar_tensor(0, at::kLong)).item<std::int64_t>();
  }
}

MovingAverage::MovingAverage(const TorchTensors& values, double decay) : decay_(decay) {
  for (const auto& [name, value] : values) values_[name] = value.detach().clone();
}

void MovingAverage::update(const TorchTensors& values) {
  const at::NoGradGuard no_grad;
  const auto n = static_cast<double>(updates_++);
  const double decay = std::min(decay_, (1 + n) / (10 + n));
  for (auto& [name, average] : values_) average.lerp_(values.at(name).detach(), 1 - decay);
}

void MovingAverage::load(const TorchTensors& values, std::int64_t updates) {
  const at::NoGradGuard no_grad;
  for (auto& [name, average] : values_) average.copy_(entry(values, name, average));
  updates_ = updates;
}

}  // namespace unblur
