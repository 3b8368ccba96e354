// SPDX-License-Identifier: MIT
#include "vulkan/backend.h"

#include <fmt/format.h>

#include "graph/error.h"
#include "vulkan/coopmat_check.h"
#include "vulkan/device.h"
#include "vulkan/observed.h"
#include "vulkan/pipeline.h"
#include "vulkan/session.h"
#include "vulkan/tensor_run.h"

namespace unblur {
namespace {

class VulkanBackend final : public Backend {
 public:
  explicit VulkanBackend(const VulkanOptions& options)
      : device_(vk::without_broken_matrices(open(options))),
        pipelines_(std::make_shared<vk::Pipelines>(device_)) {}

  [[nodiscard]] const DeviceInfo& device() const override { return device_->physical().info; }

  std::unique_ptr<Session> bind(std::shared_ptr<const Model> model, const BindOptions& options) override {
    auto session =
        std::make_unique<vk::VulkanSession>(device_, pipelines_, std::move(model), frame_options(options));
    pipelines_->save();
    return session;
  }

  PlanReport plan(const Model& model, const BindOptions& options) override {
    return vk::plan_frames(model, device_->physical(), frame_options(options)).report;
  }

  TensorMap run_tensors(const Model& model, const TensorMap& inputs, TensorMap* states,
                        Precision precision) override {
    vk::TensorRunOptions options;
    options.storage = vk::choose_storage(device_->physical(), precision);
    return vk::run_tensors(device_, *pipelines_, model, inputs, states, options);
  }

  std::unique_ptr<ObservedPlan> observe(std::shared_ptr<const Model> model, int height, int width,
                                        Precision precision, bool fuse) override {
    const vk::ObservedOptions options{height, width, vk::choose_storage(device_->physical(), precision),
                                      fuse};
    return vk::observe_plan(device_, pipelines_, std::move(model), options);
  }

 private:
  static std::shared_ptr<vk::Device> open(const VulkanOptions& options) {
    if (!options.storage_buffers && options.kernels.empty()) return vk::Device::open(options.device);
    auto instance = vk::shared_instance();
    const std::vector<vk::PhysicalDevice> devices = vk::enumerate_devices(*instance);
    vk::PhysicalDevice physical = devices[vk::choose_device(devices, options.device)];
    if (options.storage_buffers) physical.caps.buffer_device_address = false;
    physical.kernels = options.kernels;
    return std::make_shared<vk::Device>(std::move(instance), std::move(physical));
  }
  [[nodiscard]] vk::FrameOptions frame_options(const BindOptions& bind) const {
    vk::FrameOptions options;
    options.bind = bind;
    options.poison = bind.poison;
    options.storage = vk::choose_storage(device_->physical(), bind.precision);
    return options;
  }

  std::shared_ptr<vk::Device> device_;
  std::shared_ptr<vk::Pipelines> pipelines_;
};

std::vector<std::string> abilities_of(const vk::PhysicalDevice& d) {
  const auto yes = [](bool b) { return b ? "yes" : "no"; };
  return {
      fmt::format("buffer device address: {}", yes(d.caps.buffer_device_address)),
      fmt::format("fp16 storage: {}, arithmetic: {}", yes(d.caps.fp16_storage), yes(d.caps.fp16_arithmetic)),
      fmt::format("cooperative matrix: {}", yes(d.caps.cooperative_matrix)),
      fmt::format("subgroups of {}, broadcast: {}", d.caps.subgroup_size, yes(d.caps.subgroup_broadcast)),
      fmt::format("shared memory: {} KiB, workgroups up to {}", d.caps.max_shared_bytes >> 10U,
                  d.caps.max_workgroup_invocations),
      fmt::format("largest allocation: {} MiB, storage buffer: {} MiB", d.limits.max_allocation >> 20U,
                  d.caps.max_storage_range >> 20U)};
}

}  // namespace

std::unique_ptr<Backend> create_vulkan_backend(const VulkanOptions& options) {
  return std::make_unique<VulkanBackend>(options);
}

std::vector<VulkanDeviceEntry> list_vulkan_devices(const std::string& selector) {
  const auto instance = vk::shared_instance();
  const std::vector<vk::PhysicalDevice> devices = vk::enumerate_devices(*instance);
  std::vector<VulkanDeviceEntry> entries;
  for (const vk::PhysicalDevice& d : devices) {
    VulkanDeviceEntry entry{d.info, false, d.unusable, {}, abilities_of(d)};
    if (d.quirks.slow_driver) {
      entry.remark =
          "this lavapipe is older than Mesa 25 and about six times slower: install mesa-vulkan-drivers from "
          "bookworm-backports";
    }
    entries.push_back(std::move(entry));
  }
  try {
    entries.at(vk::choose_device(devices, selector)).chosen = true;
  } catch (const DeviceError&) {
    // Nothing fits: nothing is marked.
  }
  return entries;
}

std::vector<std::string> vulkan_validation_messages() { return vk::shared_instance()->validation_messages(); }

}  // namespace unblur
