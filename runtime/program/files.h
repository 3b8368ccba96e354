// SPDX-License-Identifier: MIT
// Where the program finds models and its sibling programs.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/model.h"

namespace unblur {

/// Folder of the running program.
[[nodiscard]] std::filesystem::path program_folder();

/// Folders searched for models, in order: XDG data directories, then beside the binary.
[[nodiscard]] std::vector<std::filesystem::path> model_folders();

/// A model by file name, or by the name of an installed one ("unblur-rt"). Throws ModelError that lists the
/// places looked at.
[[nodiscard]] std::filesystem::path find_model(const std::string& model);

/// The model in a file found so. Throws ModelError where it is for another task.
[[nodiscard]] std::shared_ptr<const Model> read_model_for(const std::filesystem::path& file,
                                                          const std::string& task);

/// A sibling program ("unblur-train") beside this one or in PATH.
[[nodiscard]] std::optional<std::filesystem::path> find_sibling(const std::string& name);

/// SHA-free fingerprint of a file's content (64-bit FNV-1a, hex), to tell whether it is the same file again.
[[nodiscard]] std::string fingerprint(const std::filesystem::path& path);

}  // namespace unblur
