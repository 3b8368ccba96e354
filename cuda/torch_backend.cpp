// SPDX-License-Identifier: MIT
#include "torch_backend.h"

#include <ATen/Context.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>

#include "graph/error.h"
#include "torch_device.h"
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
  explicit TorchBackend(const std::string& name) : device_(parse_device(name)) {
    // The reference computes in full fp32; TF32 would keep ten bits of every product.
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
    info_.name = "LibTorch " + name;
    info_.driver = info_.api = fmt::format("LibTorch {}", TORCH_VERSION);
    info_.type = device_.is_cuda() ? "discrete" : "cpu";
    info_.fp16_storage = device_.is_cuda();
  }

  [[nodiscard]] const DeviceInfo& device() const override { return info_; }

  std::unique_ptr<Session> bind(std::shared_ptr<const Model> model, const BindOptions& options) override {
    const at::ScalarType type = element_type(options.precision);
    return std::make_unique<TorchSession>(std::move(model), options, plan(*model, options), device_, type);
  }

  PlanReport plan(const Model& model, const BindOptions& options) override {
    return plan_torch(model, options, element_type(options.precision));
  }

  TensorMap run_tensors(const Model& model, const TensorMap& inputs, TensorMap* states,
                        Precision precision) override;

 private:
  [[nodiscard]] at::ScalarType element_type(Precision precision) const {
    if (precision != Precision::kFp16) return at::kFloat;
    if (!device_.is_cuda()) throw UsageError("torch:cpu computes in fp32 only; use torch:cuda for fp16");
    return at::kHalf;
  }

  at::Device device_;
  DeviceInfo info_;
};

TensorMap TorchBackend::run_tensors(const Model& model, const TensorMap& inputs, TensorMap* states,
                                    Precision precision) {
  const at::NoGradGuard no_gradients;
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

unblur::Backend* unblur_create_torch_backend_1(const char* device) {
  try {
    return new unblur::TorchBackend(device);
  } catch (const c10::Error& e) {
    throw unblur::DeviceError(std::string("LibTorch: ") + e.what_without_backtrace());
  }
}
