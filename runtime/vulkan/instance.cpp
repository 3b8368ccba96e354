// SPDX-License-Identifier: MIT
#include "vulkan/instance.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "graph/error.h"
#include "vulkan/check.h"
#include "vulkan/environment.h"

namespace unblur::vk {
namespace {

constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";

bool layer_present(const char* name) {
  std::uint32_t count = 0;
  UNBLUR_VK(vkEnumerateInstanceLayerProperties(&count, nullptr));
  std::vector<VkLayerProperties> layers(count);
  UNBLUR_VK(vkEnumerateInstanceLayerProperties(&count, layers.data()));
  return std::ranges::any_of(layers, [&](const auto& l) { return std::strcmp(l.layerName, name) == 0; });
}

bool extension_present(const char* layer, const char* name) {
  std::uint32_t count = 0;
  if (vkEnumerateInstanceExtensionProperties(layer, &count, nullptr) != VK_SUCCESS) return false;
  std::vector<VkExtensionProperties> list(count);
  if (vkEnumerateInstanceExtensionProperties(layer, &count, list.data()) != VK_SUCCESS) return false;
  return std::ranges::any_of(list, [&](const auto& e) { return std::strcmp(e.extensionName, name) == 0; });
}

VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT /*severity*/,
                                          VkDebugUtilsMessageTypeFlagsEXT /*type*/,
                                          const VkDebugUtilsMessengerCallbackDataEXT* data, void* user) {
  spdlog::error("validation: {}", data->pMessage);
  static_cast<Instance*>(user)->add_message(data->pMessage);
  return VK_FALSE;
}

VkDebugUtilsMessengerCreateInfoEXT messenger_info(Instance* self) {
  VkDebugUtilsMessengerCreateInfoEXT info{VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT};
  info.messageSeverity =
      VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  // Not GENERAL: those are the loader's remarks about other people's drivers.
  info.messageType =
      VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT;
  info.pfnUserCallback = on_message;
  info.pUserData = self;
  return info;
}

}  // namespace

Instance::Instance(bool validation, std::span<const char* const> wanted) : validation_(validation) {
  if (validation && !layer_present(kValidationLayer)) {
    throw DeviceError("UNBLUR_VALIDATION is set but the layer is absent: install vulkan-validationlayers");
  }
  std::vector<const char*> layers;
  std::vector<const char*> extensions(wanted.begin(), wanted.end());
  if (validation) layers.push_back(kValidationLayer);
  debug_utils_ = extension_present(nullptr, VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
  if (debug_utils_) extensions.push_back(VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
  if (validation) extensions.push_back(VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME);

  VkApplicationInfo app{VK_STRUCTURE_TYPE_APPLICATION_INFO};
  app.pApplicationName = "unblur";
  app.apiVersion = VK_API_VERSION_1_3;  // the most we use; devices of 1.2 are fine
  const std::array enabled{VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT};
  VkValidationFeaturesEXT features{VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT};
  features.enabledValidationFeatureCount = static_cast<std::uint32_t>(enabled.size());
  features.pEnabledValidationFeatures = enabled.data();
  VkDebugUtilsMessengerCreateInfoEXT messenger = messenger_info(this);
  features.pNext = &messenger;

  VkInstanceCreateInfo info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
  info.pApplicationInfo = &app;
  info.enabledLayerCount = static_cast<std::uint32_t>(layers.size());
  info.ppEnabledLayerNames = layers.data();
  info.enabledExtensionCount = static_cast<std::uint32_t>(extensions.size());
  info.ppEnabledExtensionNames = extensions.data();
  if (validation) info.pNext = &features;
  const VkResult result = vkCreateInstance(&info, nullptr, &instance_);
  if (result != VK_SUCCESS) {
    throw DeviceError("no Vulkan driver could be loaded (" + std::string(result_name(result)) +
                      "); install mesa-vulkan-drivers or the driver of your GPU; `unblur doctor` says more");
  }
  if (validation) {
    auto create = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
        vkGetInstanceProcAddr(instance_, "vkCreateDebugUtilsMessengerEXT"));
    if (create != nullptr) UNBLUR_VK(create(instance_, &messenger, nullptr, &messenger_));
  }
}

Instance::~Instance() {
  if (messenger_ != VK_NULL_HANDLE) {
    auto destroy = reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
        vkGetInstanceProcAddr(instance_, "vkDestroyDebugUtilsMessengerEXT"));
    destroy(instance_, messenger_, nullptr);
  }
  vkDestroyInstance(instance_, nullptr);
}

std::vector<std::string> Instance::validation_messages() const {
  const std::scoped_lock lock(mutex_);
  return messages_;
}

void Instance::add_message(std::string message) {
  const std::scoped_lock lock(mutex_);
  messages_.push_back(std::move(message));
}

std::shared_ptr<Instance> shared_instance(bool force_validation, std::span<const char* const> extensions) {
  static std::mutex mutex;
  static std::weak_ptr<Instance> current;
  const std::scoped_lock lock(mutex);
  if (auto existing = current.lock()) return existing;
  auto created =
      std::make_shared<Instance>(force_validation || environment_flag("UNBLUR_VALIDATION"), extensions);
  current = created;
  return created;
}

}  // namespace unblur::vk
