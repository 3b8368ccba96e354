// SPDX-License-Identifier: MIT
#include "saved.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "graph/error.h"
#include "graph/file.h"

namespace unblur {
namespace {

std::string output_name(std::int64_t frame, const std::string& output) {
  return fmt::format("frame.{}.{}", frame, output);
}
std::string node_name(std::int64_t frame, const std::string& node) {
  return fmt::format("frame.{}.node.{}", frame, node);
}

/// Reads pages as they are asked for.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path) : size_(std::filesystem::file_size(path)) {
    if (size_ == 0) return;
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0) ::close(fd);
    if (data_ == MAP_FAILED) throw ProcessingError(fmt::format("{}: cannot read the file", path.string()));
  }
  ~MappedFile() {
    if (data_ != MAP_FAILED) ::munmap(data_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(size_ == 0 ? nullptr : data_), size_};
  }

 private:
  std::size_t size_ = 0;
  void* data_ = MAP_FAILED;
};

/// As [1,c,h,w] in fp32.
Tensor saved_tensor(const SafeTensors& content, const std::string& name) {
  const auto found = content.tensors.find(name);
  if (found == content.tensors.end()) {
    throw InputError(fmt::format("the saved results hold no '{}'", name));
  }
  Dims dims = found->second.dims;
  if (dims.size() == 3) dims.insert(dims.begin(), 1);
  if (dims.size() != 4 || dims[0] != 1 || std::ranges::any_of(dims, [](auto d) { return d > (1 << 20); })) {
    throw InputError(fmt::format("'{}' in the saved results is {}; it must be [c, h, w] or [1, c, h, w]",
                                 name, to_string(found->second.dims)));
  }
  return Tensor::from_floats(dims, found->second.to_floats());
}

class SavedRun final : public FrameRun {
 public:
  SavedRun(std::shared_ptr<const SafeTensors> content, const Model& model) : content_(std::move(content)) {
    for (const OutputSpec& o : model.graph.outputs()) {
      if (content_->tensors.contains(output_name(0, o.name))) outputs_.push_back(o.name);
    }
    std::ranges::stable_partition(outputs_, [](const std::string& name) { return name == "frame"; });
    if (outputs_.empty()) {
      throw InputError(fmt::format("the saved results hold no output of this model, such as '{}'",
                                   output_name(0, model.graph.outputs()[0].name)));
    }
  }

  std::vector<NamedOutput> run(std::span<const Frame>, std::size_t at, double& ms) override {
    ms = 0;
    std::vector<NamedOutput> result;
    for (const std::string& name : outputs_) {
      const Tensor t = saved_tensor(*content_, output_name(static_cast<std::int64_t>(at), name));
      const auto size = [&](std::size_t i) { return static_cast<int>(t.dims[i]); };
      result.push_back({name, {size(1), size(2), size(3)}, t.to_floats()});
    }
    return result;
  }

 private:
  std::shared_ptr<const SafeTensors> content_;
  std::vector<std::string> outputs_;
};

class SavedPlan final : public ObservedPlan {
 public:
  SavedPlan(std::shared_ptr<const SafeTensors> content, std::shared_ptr<const Model> model)
      : content_(std::move(content)), model_(std::move(model)) {
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph().nodes().size()); ++i) {
      const Node& node = graph().node({i});
      if (!content_->tensors.contains(node_name(0, node.name))) continue;
      if (node.inputs.empty()) {
        sources_.push_back({i});
      } else {
        layers_.push_back({.name = node.name,
                           .op = std::string(op_name(node.op)),
                           .kernel = "saved",
                           .covers = {{i}},
                           .operands = node.inputs,
                           .output = {i},
                           .completes = {{i}}});
      }
    }
    if (layers_.empty()) {
      throw InputError("the saved results hold no nodes of this model; save them with --layers");
    }
  }

  [[nodiscard]] std::span<const ObservedLayer> layers() const override { return layers_; }
  [[nodiscard]] std::span<const Value> sources() const override { return sources_; }
  void begin(const TensorMap&, bool) override { ++frame_; }
  void step() override {}
  Tensor read(Value v) override { return saved_tensor(*content_, node_name(frame_, graph().node(v).name)); }
  Tensor run_on(std::size_t, std::span<const Tensor* const>) override {
    throw UsageError("saved results cannot be run");
  }
  TensorMap finish() override {
    TensorMap outputs;
    for (const OutputSpec& o : graph().outputs()) outputs[o.name] = read(o.value);
    return outputs;
  }
  [[nodiscard]] std::uint64_t tensor_bytes() override { return 0; }

 private:
  [[nodiscard]] const Graph& graph() const { return model_->graph; }
  std::shared_ptr<const SafeTensors> content_;
  std::shared_ptr<const Model> model_;
  std::vector<ObservedLayer> layers_;
  std::vector<Value> sources_;
  std::int64_t frame_ = -1;
};

}  // namespace

ResultSaver::ResultSaver(const std::filesystem::path& path) : path_(path), values_path_(path) {
  values_path_ += ".values";
  values_.open(values_path_, std::ios::binary | std::ios::trunc);
  if (!values_) throw ProcessingError(fmt::format("{}: cannot create the file", values_path_.string()));
}

ResultSaver::~ResultSaver() {
  std::error_code ignored;
  std::filesystem::remove(values_path_, ignored);
}

void ResultSaver::add(const std::string& name, const Dims& dims, std::span<const float> values) {
  const std::uint64_t begin = bytes_;
  bytes_ += values.size_bytes();
  header_[name] = {{"dtype", "F32"}, {"shape", dims}, {"data_offsets", {begin, bytes_}}};
  const auto bytes = std::as_bytes(values);
  values_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!values_) throw ProcessingError(fmt::format("{}: cannot write the file", values_path_.string()));
}

void ResultSaver::add_outputs(std::int64_t frame, std::span<const NamedOutput> outputs) {
  for (const NamedOutput& o : outputs)
    add(output_name(frame, o.name), {1, o.shape.c, o.shape.h, o.shape.w}, o.values);
}

void ResultSaver::add_node(std::int64_t frame, const std::string& node, const Tensor& value) {
  add(node_name(frame, node), value.dims, value.f32());
}

void ResultSaver::finish() {
  values_.close();
  if (!values_) throw ProcessingError(fmt::format("{}: cannot write the file", values_path_.string()));
  std::string header = header_.dump();
  header.append((8 - header.size() % 8) % 8, ' ');
  const std::array<std::uint64_t, 1> length{header.size()};
  const MappedFile values(values_path_);
  const std::array<std::span<const std::byte>, 3> parts{std::as_bytes(std::span(length)),
                                                        std::as_bytes(std::span(header)), values.bytes()};
  write_file(path_, parts);
}

std::unique_ptr<FrameRun> run_saved(std::shared_ptr<const SafeTensors> content, const Model& model) {
  return std::make_unique<SavedRun>(std::move(content), model);
}

std::unique_ptr<ObservedPlan> observe_saved(std::shared_ptr<const SafeTensors> content,
                                            std::shared_ptr<const Model> model) {
  return std::make_unique<SavedPlan>(std::move(content), std::move(model));
}

}  // namespace unblur
