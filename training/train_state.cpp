// SPDX-License-Identifier: MIT
#include "train_state.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "graph/error.h"
#include "graph/model.h"

namespace unblur {
namespace {

constexpr std::string_view kFormat = "unblur-checkpoint-1";

struct Section {
  std::string_view prefix;
  TorchTensors TrainState::*tensors;
};
constexpr std::array<Section, 3> kSections{
    {{"model.", &TrainState::model}, {"ema.", &TrainState::average}, {"optim.", &TrainState::optimiser}}};

template <typename Number>
Number parse(const std::string& key, const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw ModelError("checkpoint: '" + key + "' is '" + text + "' and no number");
  }
  return value;
}

}  // namespace

const std::string& TrainState::text(const std::string& key) const {
  const auto found = counters.find(key);
  if (found == counters.end()) throw ModelError("checkpoint has no '" + key + "'");
  return found->second;
}
std::int64_t TrainState::integer(const std::string& key) const { return parse<std::int64_t>(key, text(key)); }
double TrainState::number(const std::string& key) const { return parse<double>(key, text(key)); }
void TrainState::set(const std::string& key, std::int64_t value) { counters[key] = std::to_string(value); }
void TrainState::set(const std::string& key, double value) { counters[key] = fmt::format("{}", value); }

void write_train_state(const std::filesystem::path& path, const TrainState& state) {
  SafeTensors file;
  file.metadata = state.counters;
  file.metadata["format"] = kFormat;
  for (const Section& section : kSections) {
    for (const auto& [name, tensor] : state.*section.tensors) {
      file.tensors[std::string(section.prefix) + name] = from_torch(tensor.detach());
    }
  }
  write_safetensors(path, file);
}

bool is_train_state(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) throw InputError(path.string() + " does not exist");
  const SafeTensors file = read_safetensors(path);
  const auto format = file.metadata.find("format");
  return format != file.metadata.end() && format->second == kFormat;
}

TrainState read_train_state(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) throw InputError(path.string() + " does not exist");
  SafeTensors file = read_safetensors(path);
  const auto format = file.metadata.find("format");
  if (format == file.metadata.end() || format->second != kFormat) {
    throw ModelError(path.string() + " is no training checkpoint of this program");
  }
  TrainState state;
  for (const auto& [name, tensor] : file.tensors) {
    for (const Section& section : kSections) {
      if (name.starts_with(section.prefix)) {
        (state.*section.tensors)[name.substr(section.prefix.size())] = to_torch(tensor);
      }
    }
  }
  file.metadata.erase("format");
  state.counters = std::move(file.metadata);
  return state;
}

}  // namespace unblur
