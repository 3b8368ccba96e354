// SPDX-License-Identifier: MIT
#include "layers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "graph/colour.h"
#include "graph/error.h"
#include "graph/liveness.h"

namespace unblur {
namespace {

/// What counts as the error of a value that is not finite.
constexpr double kNoNumber = std::numeric_limits<double>::infinity();

int round_up(int size, int multiple) { return (size + multiple - 1) / multiple * multiple; }

ElementError worse(const ElementError& a, const ElementError& b) {
  return {std::max(a.largest, b.largest), std::max(a.mean, b.mean)};
}

double range_of(const Tensor& t) {
  const auto [low, high] = std::ranges::minmax(t.f32());
  return double{high} - double{low};
}

/// RGB of a frame in the model's range, padded by replication, [1,3,h,w].
Tensor input_tensor(const Frame& frame, const ModelInfo& info) {
  const std::vector<float> rgb = frame_to_rgb(frame);
  const PlanSize size = plan_size(info, frame.format);
  Tensor out(DType::kF32, {1, 3, size.height, size.width});
  const std::span<float> values = out.f32();
  const int h = frame.format.height, w = frame.format.width;
  std::size_t at = 0;
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < size.height; ++y) {
      const std::size_t row = (static_cast<std::size_t>(c) * h + std::min(y, h - 1)) * w;
      for (int x = 0; x < size.width; ++x)
        values[at++] = rgb[row + std::min(x, w - 1)] * (info.range_high - info.range_low) + info.range_low;
    }
  }
  return out;
}

/// The reference's values that layers of the examined plan still need.
class Values {
 public:
  /// `needed`: how often each value will be asked for in a frame.
  explicit Values(const std::map<std::int32_t, int>& needed) : left_(needed) {}
  [[nodiscard]] bool wanted(Value v) const {
    const auto found = left_.find(v.id);
    return found != left_.end() && found->second > 0;
  }
  void put(Value v, Tensor value) {
    bytes_ += value.bytes.size();
    values_[v.id] = std::move(value);
  }
  [[nodiscard]] bool has(Value v) const { return values_.contains(v.id); }
  [[nodiscard]] const Tensor& at(Value v) const { return values_.at(v.id); }
  void use(Value v) {
    if (--left_.at(v.id) > 0) return;
    bytes_ -= values_.at(v.id).bytes.size();
    values_.erase(v.id);
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  std::map<std::int32_t, int> left_;
  std::map<std::int32_t, Tensor> values_;
  std::uint64_t bytes_ = 0;
};

/// Layers whose operands or output are no values of the graph move parts of a wide concatenation.
bool is_judged(const ObservedLayer& layer) {
  return layer.output.valid() && std::ranges::all_of(layer.operands, &Value::valid);
}

class LockStep {
 public:
  LockStep(const Model& model, ObservedPlan& reference, ObservedPlan& examined,
           const LayerTolerance& tolerance, const LayerWatch& watch)
      : model_(model), reference_(reference), examined_(examined), tolerance_(tolerance), watch_(watch) {
    std::set<std::int32_t> offered;
    for (const Value v : reference_.sources()) offered.insert(v.id);
    for (const ObservedLayer& layer : reference_.layers()) {
      for (const Value v : layer.completes) offered.insert(v.id);
    }
    const auto need = [&](Value v) {
      if (!offered.contains(v.id)) {
        throw UsageError("the reference does not compute '" + model.graph.node(v).name +
                         "' apart: add +nofuse to it, or to neither");
      }
      ++needed_[v.id];
    };
    for (const ObservedLayer& layer : examined_.layers()) {
      if (!is_judged(layer)) {
        report_.unjudged.push_back(layer.op + " " + layer.name);
        continue;
      }
      need(layer.output);
      for (const Value v : layer.operands) need(v);
      LayerDifference d{.name = layer.name, .op = layer.op, .kernel = layer.kernel};
      for (const Value v : layer.covers) d.covers.push_back(model.graph.node(v).name);
      report_.layers.push_back(std::move(d));
    }
  }

  void frame(const TensorMap& inputs) {
    report_.bytes.push_back(0);
    reference_.begin(inputs, report_.frames == 0);
    examined_.begin(inputs, report_.frames == 0);
    Values values(needed_);
    for (const Value v : reference_.sources()) take(v, values);
    std::size_t next = 0, row = 0;
    const auto advance = [&] {
      if (next == reference_.layers().size()) throw ProcessingError("the reference ended early");
      reference_.step();
      for (const Value v : reference_.layers()[next].completes) take(v, values);
      ++next;
      count(values);
    };
    for (std::size_t i = 0; i < examined_.layers().size(); ++i) {
      const ObservedLayer& layer = examined_.layers()[i];
      examined_.step();
      count(values);
      if (!is_judged(layer)) continue;
      const auto ready = [&](Value v) { return values.has(v); };
      while (!(ready(layer.output) && std::ranges::all_of(layer.operands, ready))) advance();
      judge(i, layer, values, report_.layers[row++]);
      for (const Value v : layer.operands) values.use(v);
      values.use(layer.output);
    }
    while (next < reference_.layers().size()) advance();
    judge_outputs();
    ++report_.frames;
  }

  [[nodiscard]] LayerReport take() && { return std::move(report_); }

 private:
  void take(Value v, Values& values) {
    if (!values.wanted(v) && !watch_.value) return;
    Tensor value = reference_.read(v);
    if (watch_.value) watch_.value(report_.frames, model_.graph.node(v).name, value);
    if (values.wanted(v)) values.put(v, std::move(value));
  }

  /// `more`: bytes that the comparison holds besides.
  void count(const Values& values, std::uint64_t more = 0) {
    const std::uint64_t now = values.bytes() + more + reference_.tensor_bytes() + examined_.tensor_bytes();
    report_.bytes.back() = std::max(report_.bytes.back(), now);
  }

  void judge(std::size_t index, const ObservedLayer& layer, const Values& values, LayerDifference& worst) {
    std::vector<const Tensor*> operands;
    for (const Value v : layer.operands) operands.push_back(&values.at(v));
    const Tensor& expected = values.at(layer.output);
    const Tensor alone = examined_.run_on(index, operands);
    count(values);
    const Tensor own = examined_.read(layer.output);
    count(values, alone.bytes.size() + own.bytes.size());
    LayerDifference d{.name = worst.name, .op = worst.op, .kernel = worst.kernel, .covers = worst.covers};
    d.frame = report_.frames;
    d.range = range_of(expected);
    d.added = element_error(expected, alone);
    d.inherited = element_error(alone, own);
    d.total = element_error(expected, own);
    tolerance_.judge(d);
    if (!d.holds && !report_.first) {
      report_.first = static_cast<std::size_t>(&worst - report_.layers.data());
      if (watch_.offence) watch_.offence({d, layer, operands, expected, alone});
    }
    d.inherited = worse(d.inherited, worst.inherited);
    d.total = worse(d.total, worst.total);
    if (report_.frames > 0 && d.share() <= worst.share()) {
      worst.inherited = d.inherited;
      worst.total = d.total;
      return;
    }
    d.map = error_map(expected, alone);
    worst = std::move(d);
  }

  void judge_outputs() {
    const TensorMap a = reference_.finish(), b = examined_.finish();
    FrameDifference frame{.index = report_.frames};
    for (const OutputSpec& o : model_.graph.outputs())
      frame.outputs.push_back(output_difference(named(o.name, a), named(o.name, b), model_.info));
    std::ranges::stable_partition(frame.outputs, [](const OutputDifference& d) { return d.name == "frame"; });
    report_.outputs.push_back(std::move(frame));
  }

  static NamedOutput named(const std::string& name, const TensorMap& from) {
    const Tensor& t = from.at(name);
    const auto size = [&](std::size_t i) { return static_cast<int>(t.dims.at(i)); };
    return {name, {size(1), size(2), size(3)}, t.to_floats()};
  }

  const Model& model_;
  ObservedPlan &reference_, &examined_;
  const LayerTolerance& tolerance_;
  const LayerWatch& watch_;
  std::map<std::int32_t, int> needed_;
  LayerReport report_;
};

}  // namespace

ElementError element_error(const Tensor& a, const Tensor& b) {
  const std::span<const float> x = a.f32(), y = b.f32();
  if (x.size() != y.size()) throw ProcessingError("a layer has another size on the other backend");
  ElementError e;
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double error = std::abs(double{y[i]} - double{x[i]});
    e.largest = std::isfinite(error) ? std::max(e.largest, error) : kNoNumber;
    sum += error;
  }
  e.mean = std::isfinite(sum) ? sum / static_cast<double>(std::max<std::size_t>(x.size(), 1)) : kNoNumber;
  return e;
}

Tensor as_tensor(const NamedOutput& output) {
  return Tensor::from_floats({1, output.shape.c, output.shape.h, output.shape.w}, output.values);
}

ErrorMap error_map(const Tensor& a, const Tensor& b, int most_side) {
  const std::span<const float> x = a.f32(), y = b.f32();
  const auto channels = static_cast<int>(a.dims.at(1)), h = static_cast<int>(a.dims.at(2)),
             w = static_cast<int>(a.dims.at(3));
  const int by = std::max({1, (h + most_side - 1) / most_side, (w + most_side - 1) / most_side});
  ErrorMap map{(w + by - 1) / by, (h + by - 1) / by, {}};
  map.values.assign(static_cast<std::size_t>(map.width) * static_cast<std::size_t>(map.height), 0.0F);
  std::size_t at = 0;
  for (int c = 0; c < channels; ++c) {
    for (int row = 0; row < h; ++row) {
      for (int column = 0; column < w; ++column, ++at) {
        float& most = map.values[static_cast<std::size_t>(row / by) * map.width + column / by];
        const float error = std::abs(y[at] - x[at]);
        most = std::isfinite(error) ? std::max(most, error) : std::numeric_limits<float>::infinity();
      }
    }
  }
  return map;
}

LayerTolerance LayerTolerance::of(std::span<const BackendChoice> choices) {
  const bool half = std::ranges::any_of(choices, &BackendChoice::is_half);
  return half ? LayerTolerance{.relative = 2e-2, .absolute = 2e-4, .volume = {}} : LayerTolerance{};
}

void LayerTolerance::judge(LayerDifference& d) const {
  const bool is_volume = d.op == "pixel_volume";
  d.bound = is_volume && volume ? *volume : d.range < small_range ? absolute : relative * d.range;
  d.judged = is_volume && !volume ? d.added.mean : d.added.largest;
  d.holds = d.judged <= d.bound;
}

PlanSize plan_size(const ModelInfo& info, const FrameFormat& format) {
  return {round_up(std::max(format.height, info.min_size), info.size_multiple),
          round_up(std::max(format.width, info.min_size), info.size_multiple)};
}

LayerReport compare_layers(const Model& model, std::span<const Frame> frames, std::size_t count,
                           ObservedPlan& reference, ObservedPlan& examined, const LayerTolerance& tolerance,
                           const LayerWatch& watch) {
  if (frames.empty()) throw InputError("the input holds no frame");
  LockStep both(model, reference, examined, tolerance, watch);
  for (std::size_t i = 0; i < std::min(count, frames.size()); ++i) {
    TensorMap inputs;
    for (const Value v : model.graph.inputs()) {
      const auto& input = std::get<op::Input>(model.graph.node(v).op);
      const auto at = static_cast<std::ptrdiff_t>(i) + input.frame_offset;
      const auto last = static_cast<std::ptrdiff_t>(frames.size()) - 1;
      inputs[input.name] =
          input_tensor(frames[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(at, 0, last))], model.info);
    }
    both.frame(inputs);
  }
  LayerReport report = std::move(both).take();
  const PlanSize size = plan_size(model.info, frames[0].format);
  const std::vector<Shape> shapes = infer_shapes(model.graph, size.height, size.width);
  report.peak_bytes = 4 * peak_elements(model.graph, shapes);
  report.node_bytes = 4 * largest_node_elements(model.graph, shapes);
  return report;
}

}  // namespace unblur
