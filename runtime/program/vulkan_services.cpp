// SPDX-License-Identifier: MIT
#include "program/vulkan_services.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>
#include <vulkan/vulkan.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "graph/error.h"
#include "vulkan/backend.h"
#include "vulkan/coopmat_check.h"
#include "vulkan/selftest.h"
#include "vulkan/tune.h"
#include "vulkan/tuning.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;

std::vector<DeviceRow> list_devices(const std::string& selector) {
  std::vector<DeviceRow> rows;
  for (const VulkanDeviceEntry& e : list_vulkan_devices(selector)) {
    rows.push_back({e.info, e.unusable, e.remark, e.chosen});
  }
  return rows;
}

Finding examine_loader() {
  std::uint32_t version = 0;
  if (vkEnumerateInstanceVersion(&version) != VK_SUCCESS) {
    return {Level::kProblem, "the Vulkan loader does not answer", "apt install --reinstall libvulkan1"};
  }
  return {Level::kGood,
          fmt::format("Vulkan loader {}.{}.{}", VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version),
                      VK_API_VERSION_PATCH(version)),
          ""};
}

/// Driver manifests where the loader looks: the environment's list, else the system's folders.
std::vector<fs::path> driver_manifests() {
  std::vector<fs::path> found;
  std::error_code ignored;
  const auto add_folder = [&](const fs::path& folder) {
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == ".json") found.push_back(entry.path());
    }
  };
  for (const char* name : {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string list = value;
    for (std::size_t at = 0; at <= list.size();) {
      const std::size_t end = std::min(list.find(':', at), list.size());
      const fs::path path = list.substr(at, end - at);
      if (fs::is_directory(path, ignored)) {
        add_folder(path);
      } else if (!path.empty()) {
        found.push_back(path);
      }
      at = end + 1;
    }
    return found;
  }
  for (const char* folder :
       {"/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d"}) {
    add_folder(folder);
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Can the library that a manifest names be loaded? Drivers of absent hardware load and then find nothing.
Finding examine_manifest(const fs::path& path) {
  std::ifstream in(path);
  const auto json = nlohmann::json::parse(in, nullptr, false);
  if (!in && !fs::exists(path)) {
    return {Level::kProblem, fmt::format("driver {}: no such file", path.string()),
            "correct VK_DRIVER_FILES or VK_ICD_FILENAMES, or unset them"};
  }
  const auto icd = json.is_object() ? json.find("ICD") : json.end();
  if (!json.is_object() || icd == json.end() || !icd->is_object() || !icd->contains("library_path") ||
      !(*icd)["library_path"].is_string()) {
    return {Level::kProblem, fmt::format("driver {}: not a driver manifest", path.string()),
            "reinstall its package"};
  }
  fs::path library = (*icd)["library_path"].get<std::string>();
  // A path with a folder is relative to the manifest, a bare name is for the dynamic linker.
  if (library.has_parent_path() && library.is_relative()) library = path.parent_path() / library;
  void* handle = dlopen(library.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) {
    return {Level::kProblem, fmt::format("driver {}: {}", path.filename().string(), dlerror()),
            "apt install --reinstall mesa-vulkan-drivers, or the package of that driver"};
  }
  dlclose(handle);
  return {Level::kGood, fmt::format("driver {}", path.filename().string()), ""};
}

Finding examine_layers() {
  std::uint32_t count = 0;
  vkEnumerateInstanceLayerProperties(&count, nullptr);
  std::vector<VkLayerProperties> layers(count);
  vkEnumerateInstanceLayerProperties(&count, layers.data());
  const bool found = std::any_of(layers.begin(), layers.end(), [](const VkLayerProperties& l) {
    return std::strcmp(l.layerName, "VK_LAYER_KHRONOS_validation") == 0;
  });
  if (found) return {Level::kGood, "validation layer", ""};
  return {Level::kNote, "no validation layer (only developers need it)",
          "apt install vulkan-validationlayers"};
}

/// A GPU whose device file this user may not open looks like no GPU at all.
std::vector<Finding> examine_render_nodes() {
  std::vector<Finding> findings;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/dev/dri", ignored)) {
    if (!entry.path().filename().string().starts_with("renderD")) continue;
    if (::access(entry.path().c_str(), R_OK | W_OK) == 0) {
      findings.push_back({Level::kGood, fmt::format("GPU device file {}", entry.path().string()), ""});
    } else {
      findings.push_back({Level::kProblem,
                          fmt::format("{}: not accessible to this user", entry.path().string()),
                          "adduser $USER render, then log in again"});
    }
  }
  return findings;
}

std::vector<Finding> examine() {
  std::vector<Finding> findings;
  bool loader = true;
  try {
    findings.push_back(examine_loader());
  } catch (const DeviceError&) {
    loader = false;
    findings.push_back({Level::kProblem, "no Vulkan loader (libvulkan.so.1)", "apt install libvulkan1"});
  }
  const std::vector<fs::path> manifests = driver_manifests();
  if (manifests.empty()) {
    findings.push_back({Level::kProblem, "no Vulkan driver is installed", "apt install mesa-vulkan-drivers"});
  }
  for (const fs::path& manifest : manifests) findings.push_back(examine_manifest(manifest));
  for (Finding& f : examine_render_nodes()) findings.push_back(std::move(f));
  if (loader) findings.push_back(examine_layers());
  return findings;
}

std::vector<SelftestRow> selftest(const std::string& selector) {
  const auto device = vk::Device::open(selector);
  vk::Pipelines pipelines(device);
  std::vector<SelftestRow> rows;
  for (const vk::SelftestResult& r : vk::selftest(device, pipelines)) {
    rows.push_back({r.kernel, r.operation, r.storage, r.error, r.tolerance, r.ms, r.skipped, r.failed()});
  }
  pipelines.save();
  return rows;
}

std::vector<TunedRow> tune(const TuneRequest& request) {
  const auto device = vk::without_broken_matrices(vk::Device::open(request.device));
  vk::Pipelines pipelines(device);
  vk::TuneOptions options;
  options.width = request.width;
  options.height = request.height;
  options.storage = vk::choose_storage(device->physical(), request.precision);
  options.progress = [&](const vk::TunedLayer&, int done, int total) { request.progress(done, total); };
  const std::vector<vk::TunedLayer> layers = vk::tune_network(device, pipelines, *request.model, options);
  vk::save_tuning(device->physical(), layers);
  std::vector<TunedRow> rows;
  for (const vk::TunedLayer& layer : layers) {
    const auto& [built_in, built_in_ms] = layer.tried.front();
    TunedRow row{layer.node, layer.count, built_in, built_in, built_in_ms, built_in_ms};
    for (const auto& [kernel, ms] : layer.tried) {
      if (kernel == layer.kernel) row.after = kernel, row.after_ms = ms;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::filesystem::path tuning_file(const std::string& selector) {
  const auto instance = vk::shared_instance();
  const std::vector<vk::PhysicalDevice> devices = vk::enumerate_devices(*instance);
  return vk::tuning_file(devices.at(vk::choose_device(devices, selector)).info.uuid);
}

}  // namespace

Services vulkan_services() {
  return {[](const std::string& selector) { return create_vulkan_backend({selector}); },
          list_devices,
          examine,
          selftest,
          tune,
          tuning_file};
}

}  // namespace unblur
