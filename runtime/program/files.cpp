// SPDX-License-Identifier: MIT
#include "program/files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>

#include "graph/error.h"
#include "program/settings.h"

namespace unblur {

namespace fs = std::filesystem;

fs::path program_folder() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::current_path() : self.parent_path();
}

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  if (const fs::path home = data_home(); !home.empty()) folders.push_back(home / "unblur/models");
  for (const fs::path& dir : data_dirs()) folders.push_back(dir / "unblur/models");
  folders.push_back(program_folder() / "models");
  folders.push_back(program_folder().parent_path() / "share/unblur/models");
  return folders;
}

fs::path find_model(const std::string& model) {
  std::error_code ignored;
  if (fs::is_regular_file(model, ignored)) return model;
  const bool is_name = model.find('/') == std::string::npos;
  if (!is_name) throw ModelError(fmt::format("{}: no such model file", model));
  std::string looked;
  for (const fs::path& folder : model_folders()) {
    for (const std::string& ending : {std::string{}, std::string{".safetensors"}}) {
      fs::path file = folder / (model + ending);
      if (fs::is_regular_file(file, ignored)) return file;
    }
    looked += (looked.empty() ? "" : ", ") + folder.string();
  }
  throw ModelError(fmt::format("model '{}' is neither a file nor installed (looked in {})", model, looked));
}

std::shared_ptr<const Model> read_model_for(const std::filesystem::path& file, const std::string& task) {
  auto model = std::make_shared<Model>(read_model(file));
  if (model->info.task != task)
    throw ModelError(
        fmt::format("{}: a model for '{}', not for '{}'", file.string(), model->info.task, task));
  return model;
}

std::optional<fs::path> find_sibling(const std::string& name) {
  const auto usable = [](const fs::path& p) { return ::access(p.c_str(), X_OK) == 0; };
  if (const fs::path beside = program_folder() / name; usable(beside)) return beside;
  const char* variable = std::getenv("PATH");
  const std::string path = variable == nullptr ? "" : variable;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    const fs::path candidate = fs::path(path.substr(at, end - at)) / name;
    if (end > at && usable(candidate)) return candidate;
    at = end + 1;
  }
  return std::nullopt;
}

std::string fingerprint(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t hash = 14695981039346656037ULL;
  std::array<char, 65536> buffer{};
  while (file) {
    file.read(buffer.data(), buffer.size());
    for (std::streamsize i = 0; i < file.gcount(); ++i) {
      hash = (hash ^ static_cast<std::uint8_t>(buffer[static_cast<std::size_t>(i)])) * 1099511628211ULL;
    }
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace unblur
