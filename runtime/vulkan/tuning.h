// SPDX-License-Identifier: MIT
// Measured kernel choices of one device, kept in a small JSON file beside the pipeline cache. `tune` writes
// it; make_kernel looks every convolution up (Caps::tuning) before it follows its own rule. A file of another
// driver version is not used, nor is any with UNBLUR_TUNING=0; UNBLUR_KERNEL goes before it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "vulkan/kernel.h"

namespace unblur::vk {

/// What a choice depends on: operator with its attributes, channels, storage, fused work, and the number of
/// output pixels by powers of two.
[[nodiscard]] std::string layer_key(const Step& step);

class Tuning {
 public:
  /// Absent, malformed and foreign files give an empty table (the latter two are logged): tuning is never
  /// needed.
  [[nodiscard]] static std::shared_ptr<const Tuning> load(const std::filesystem::path& file,
                                                          std::uint32_t driver_version);
  /// Writes beside the file and renames. Throws ProcessingError.
  void save(const std::filesystem::path& file, std::uint32_t driver_version) const;

  /// A kernel as make_kernel takes it in `forced` ("conv_tile:32x128"); empty if the layer was never tuned.
  [[nodiscard]] std::string find(const std::string& key) const;
  /// An empty `kernel` takes the layer out.
  void set(const std::string& key, const std::string& kernel);
  [[nodiscard]] std::size_t size() const noexcept { return choices_.size(); }

 private:
  std::map<std::string, std::string> choices_;
};

/// tuning-UUID.json in cache_folder(); empty where there is none.
[[nodiscard]] std::filesystem::path tuning_file(const std::string& device_uuid);

}  // namespace unblur::vk
