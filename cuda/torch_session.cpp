// SPDX-License-Identifier: MIT
#include "torch_session.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "graph/colour.h"
#include "graph/error.h"
#include "graph/liveness.h"

namespace unblur {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

struct Extremes {
  float low = 0, high = 0;
  bool finite = true;
};
Extremes extremes(const std::vector<float>& values) {
  Extremes e{values.front(), values.front(), true};
  for (const float v : values) {
    e.low = std::min(e.low, v);
    e.high = std::max(e.high, v);
    e.finite = e.finite && std::isfinite(v);
  }
  return e;
}

/// The output check of every executor (design: never exit 0 with a wrong picture).
void check_output(const std::vector<float>& original, const std::vector<float>& restored) {
  const Extremes in = extremes(original), out = extremes(restored);
  if (!out.finite) throw ProcessingError("the restored frame holds values that are not finite numbers");
  if (out.high - out.low < 2.0F / 255.0F && in.high - in.low > 8.0F / 255.0F) {
    throw ProcessingError("the restored frame is flat although its input is not");
  }
}

}  // namespace

PaddedSize padded_size(const ModelInfo& info, const FrameFormat& format) {
  return {round_up(std::max(format.height, info.min_size), info.size_multiple),
          round_up(std::max(format.width, info.min_size), info.size_multiple)};
}

PlanReport plan_torch(const Model& model, const BindOptions& options, torch::ScalarType type) {
  const PaddedSize size = padded_size(model.info, options.format);
  const std::vector<Shape> shapes = infer_shapes(model.graph, size.height, size.width);
  const auto width = static_cast<std::uint64_t>(c10::elementSize(type));
  PlanReport report;
  for (const auto& [name, dims] : model.graph.parameters()) {
    report.weight_bytes += static_cast<std::uint64_t>(element_count(dims)) * width;
  }
  for (const StateSpec& s : model.graph.states()) {
    const Shape& shape = shapes[static_cast<std::size_t>(s.read.id)];
    report.state_bytes += static_cast<std::uint64_t>(shape.c) * static_cast<std::uint64_t>(shape.h) *
                          static_cast<std::uint64_t>(shape.w) * width;
  }
  report.activation_bytes = peak_elements(model.graph, shapes) * width;
  report.io_bytes = 2 * options.format.total_bytes();
  report.dispatches = static_cast<int>(model.graph.nodes().size());
  report.multiply_adds = multiply_adds(model.graph, size.height, size.width);
  report.kernels = {"every node: LibTorch, one operator after the other"};
  report.precision = type == at::kHalf ? "fp16" : type == at::kBFloat16 ? "bf16" : "fp32";
  if (options.memory_limit > 0 && report.total_bytes() > options.memory_limit) {
    throw MemoryError(fmt::format("LibTorch needs {} MiB for frames of {} x {}, the limit is {} MiB",
                                  (report.total_bytes() >> 20) + 1, options.format.width,
                                  options.format.height, options.memory_limit >> 20));
  }
  return report;
}

TorchSession::TorchSession(std::shared_ptr<const Model> model, BindOptions options, PlanReport report,
                           torch::Device device, torch::ScalarType type, const TorchMode& mode)
    : model_(std::move(model)),
      options_(std::move(options)),
      mode_(mode),
      report_(std::move(report)),
      tensor_options_(torch::TensorOptions(device).dtype(type)),
      net_(model_->graph, model_->parameters, tensor_options_),
      size_(padded_size(model_->info, options_.format)) {
  for (const Value v : model_->graph.inputs()) {
    const int offset = std::get<op::Input>(model_->graph.node(v).op).frame_offset;
    min_offset_ = std::min(min_offset_, offset);
    max_offset_ = std::max(max_offset_, offset);
  }
  for (const std::string& name : options_.named_outputs) (void)model_->graph.output(name);
  mode_.poison = options_.poison;
}

torch::Tensor TorchSession::upload(const std::vector<float>& rgb) const {
  const ModelInfo& info = model_->info;
  const int h = options_.format.height, w = options_.format.width;
  torch::Tensor x = torch::empty({1, 3, h, w});
  std::copy(rgb.begin(), rgb.end(), x.data_ptr<float>());
  x = x * (info.range_high - info.range_low) + info.range_low;
  if (size_.height != h || size_.width != w) {
    x = at::replication_pad2d(x, {0, size_.width - w, 0, size_.height - h});
  }
  return x.to(tensor_options_);
}

NamedOutput TorchSession::download(const std::string& name, const torch::Tensor& value) const {
  const auto cropped = [](std::int64_t size, int frame, int padded) {
    return (size * frame + padded - 1) / padded;
  };
  const std::int64_t h = cropped(value.size(2), options_.format.height, size_.height);
  const std::int64_t w = cropped(value.size(3), options_.format.width, size_.width);
  const torch::Tensor plain = value[0].narrow(1, 0, h).narrow(2, 0, w).to(at::kCPU, at::kFloat).contiguous();
  const auto* first = plain.const_data_ptr<float>();
  return {name,
          {static_cast<int>(plain.size(0)), static_cast<int>(h), static_cast<int>(w)},
          {first, first + plain.numel()}};
}

TorchStep TorchSession::run(const TorchTensors& inputs, std::vector<NodeTime>* times) const {
  mode_.apply();
  TorchWanted wanted = net_.everything();
  wanted.outputs = options_.named_outputs;
  if (model_->graph.has_output("frame")) wanted.outputs.emplace_back("frame");
  if (times != nullptr) {
    wanted.observe = [&, start = Clock::now()](Value v, const torch::Tensor&) mutable {
      times->push_back({model_->graph.node(v).name, "LibTorch", ms_since(start)});
      start = Clock::now();
    };
  }
  return net_.forward(inputs, states_, wanted);
}

void TorchSession::submit(std::span<const Frame* const> window) {
  if (static_cast<int>(window.size()) != max_offset_ - min_offset_ + 1) {
    throw ProcessingError(fmt::format("the model wants {} frames at once, got {}",
                                      max_offset_ - min_offset_ + 1, window.size()));
  }
  const at::NoGradGuard no_gradients;
  const auto start = Clock::now();
  TorchTensors inputs;
  std::vector<float> original;
  for (const Value v : model_->graph.inputs()) {
    const auto& input = std::get<op::Input>(model_->graph.node(v).op);
    const Frame& frame = *window[static_cast<std::size_t>(input.frame_offset - min_offset_)];
    if (frame.format != options_.format) throw ProcessingError("a frame has another format than was bound");
    const std::vector<float> rgb = frame_to_rgb(frame);
    inputs[input.name] = upload(rgb);
    if (input.frame_offset == 0) original = rgb;
  }
  const Frame& current = *window[static_cast<std::size_t>(-min_offset_)];
  if (original.empty()) original = frame_to_rgb(current);

  Result result;
  try {
    TorchStep step = run(inputs, options_.time_nodes ? &result.times : nullptr);
    const ModelInfo& info = model_->info;
    if (const auto frame = step.outputs.find("frame"); frame != step.outputs.end()) {
      const torch::Tensor unit = (frame->second - info.range_low) / (info.range_high - info.range_low);
      const NamedOutput restored = download("frame", unit);
      check_output(original, restored.values);
      result.frame = apply_correction(current, original, restored.values, options_.strength);
    } else {
      result.frame = current;
    }
    for (const std::string& name : options_.named_outputs) {
      result.outputs.push_back(download(name, step.outputs.at(name)));  // in the model's range
      if (!extremes(result.outputs.back().values).finite)
        throw ProcessingError(fmt::format("output \"{}\" holds values that are not finite numbers", name));
    }
    states_ = std::move(step.states);  // kept as they were if anything above failed
  } catch (const c10::Error& e) {
    throw ProcessingError(std::string("LibTorch: ") + e.what_without_backtrace());
  }
  result.gpu_ms = ms_since(start);
  finished_.push_back(std::move(result));
}

Result TorchSession::receive() {
  if (finished_.empty()) throw ProcessingError("no frame was submitted");
  Result result = std::move(finished_.front());
  finished_.pop_front();
  return result;
}

}  // namespace unblur
