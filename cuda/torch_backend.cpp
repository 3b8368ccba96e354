// SPDX-License-Identifier: MIT
#include "torch_backend.h"

#include <ATen/Context.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "graph/error.h"
#include "torch_device.h"
#include "torch_observed.h"
#include "torch_session.h"

namespace unblur {
namespace {

at::Device parse_device(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  if (name == "cuda" ||
      (name.starts_with("cuda:") && name.size() > 5 && name.size() < 8 &&
       std::all_of(name.begin() + 5, name.end(), [](char c) { return c >= '0' && c <= '9'; }))) {
    if (!load_cuda().empty()) throw DeviceError(load_cuda() + "; use torch:cpu");
    const at::Device device(name);
    const int count = static_cast<int>(at::detail::getCUDAHooks().deviceCount());
    if (device.has_index() && device.index() >= count) {
      throw DeviceError(fmt::format("there is no torch:{}; LibTorch sees {} CUDA devices", name, count));
    }
    return device;
  }
  throw UsageError(fmt::format("'torch:{}' is no device; use torch:cpu, torch:cuda or torch:cuda:N", name));
}

class TorchBackend final : public Backend {
 public:
  TorchBackend(const std::string& name, bool tf32)
      : device_(parse_device(name)), mode_{.cuda = device_.is_cuda(), .tf32 = tf32} {
    if (mode_.cuda)
      setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);  // cuBLAS asks for it to be deterministic
    mode_.apply();
    info_.name = "LibTorch " + name;
    info_.driver = info_.api = fmt::format("LibTorch {}", TORCH_VERSION);
    if (mode_.cuda) info_.driver += ", " + mode_.text();
    info_.type = device_.is_cuda() ? "discrete" : "cpu";
    info_.fp16_storage = device_.is_cuda();
  }

  [[nodiscard]] const DeviceInfo& device() const override { return info_; }

  std::unique_ptr<Session> bind(std::shared_ptr<const Model> model, const BindOptions& options) override {
    const at::ScalarType type = element_type(options.precision);
    return std::make_unique<TorchSession>(std::move(model), options, plan(*model, options), device_, type,
                                          mode_);
  }

  PlanReport plan(const Model& model, const BindOptions& options) override {
    return plan_torch(model, options, element_type(options.precision));
  }

  TensorMap run_tensors(const Model& model, const TensorMap& inputs, TensorMap* states,
                        Precision precision) override;

  std::unique_ptr<ObservedPlan> observe(std::shared_ptr<const Model> model, int height, int width,
                                        Precision precision, bool /*fuse*/) override {
    return observe_torch(std::move(model), at::TensorOptions(device_).dtype(element_type(precision)), mode_,
                         height, width);
  }

 private:
  [[nodiscard]] at::ScalarType element_type(Precision precision) const {
    if (precision == Precision::kBf16) return at::kBFloat16;
    if (precision != Precision::kFp16) return at::kFloat;
    if (!device_.is_cuda()) throw UsageError("torch:cpu computes in fp32 or bf16; use torch:cuda for fp16");
    return at::kHalf;
  }

  at::Device device_;
  TorchMode mode_;
  DeviceInfo info_;
};

TensorMap TorchBackend::run_tensors(const Model& model, const TensorMap& inputs, TensorMap* states,
                                    Precision precision) {
  const at::NoGradGuard no_gradients;
  mode_.apply();
  const auto options = at::TensorOptions(device_).dtype(element_type(precision));
  const TorchGraph net(model.graph, model.parameters, options);
  const auto moved = [&](const TensorMap& from) {
    TorchTensors to;
    for (const auto& [name, tensor] : from) to[name] = to_torch(tensor).to(options);
    return to;
  };
  TorchWanted wanted = net.everything();
  if (states == nullptr) wanted.states.clear();
  const TorchStep step =
      net.forward(moved(inputs), states != nullptr ? moved(*states) : TorchTensors{}, wanted);
  const auto returned = [](const TorchTensors& from) {
    TensorMap to;
    for (const auto& [name, tensor] : from) to[name] = from_torch(tensor);
    return to;
  };
  if (states != nullptr) *states = returned(step.states);
  return returned(step.outputs);
}

}  // namespace
}  // namespace unblur

unblur::Backend* unblur_create_torch_backend_2(const char* device) {
  try {
    constexpr std::string_view kTf32 = "+tf32";
    std::string name = device;
    const bool tf32 = name.ends_with(kTf32);
    if (tf32) name.resize(name.size() - kTf32.size());
    return new unblur::TorchBackend(name, tf32);
  } catch (const c10::Error& e) {
    throw unblur::DeviceError(std::string("LibTorch: ") + e.what_without_backtrace());
  }
}
