// SPDX-License-Identifier: MIT
#include "graph/reach.h"

#include <algorithm>

namespace unblur {
namespace {

constexpr int kMaxTrialSize = 16384;

/// What one axis of an operator looks like.
struct Line {
  Axis axis;
  Range out;
  int in_size, out_size;

  [[nodiscard]] int of(const Extent2& e) const { return axis == Axis::kRows ? e.h : e.w; }
  [[nodiscard]] int before(const Margins& m) const { return axis == Axis::kRows ? m.top : m.left; }
  [[nodiscard]] Range clip(int begin, int end) const {
    const Range r{std::clamp(begin, 0, in_size), std::clamp(end, 0, in_size)};
    return r.empty() ? Range{} : r;
  }
};

int floor_div(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
int ceil_div(int a, int b) { return -floor_div(-a, b); }

/// The samples that positions [begin, end), some of them outside, read under a border rule.
Range with_border(const Line& line, int begin, int end, Border border) {
  const int size = line.in_size;
  if (border == Border::kReplicate) {
    begin = std::min(begin, size - 1);
    end = std::max(end, 1);
  } else if (border == Border::kReflect) {
    // Position -p reads sample p, position size - 1 + p reads size - 1 - p.
    const Range before{1 - end, 1 - begin};
    const Range after{2 * size - 1 - end, 2 * size - 1 - begin};
    if (end <= 0) return line.clip(before.begin, before.end);
    if (begin >= size) return line.clip(after.begin, after.end);
    const bool over = end > size;
    if (begin < 0) end = std::max(end, before.end);
    if (over) begin = std::min(begin, after.begin);
  }
  return line.clip(begin, end);
}

Range around(const Line& line, int radius) {
  return line.clip(line.out.begin - radius, line.out.end + radius);
}

using Need = std::optional<Range>;

// One overload per operator that is not elementwise.
Need need(const op::Conv2d& o, std::size_t, const Line& l) {
  const int first = l.out.begin * l.of(o.stride) - l.before(o.pad);
  const int last =
      (l.out.end - 1) * l.of(o.stride) - l.before(o.pad) + l.of(o.dilation) * (l.of(o.kernel) - 1);
  return with_border(l, first, last + 1, o.border);
}
Need need(const op::ConvTranspose2d& o, std::size_t, const Line& l) {
  const int reach =
      l.of(o.dilation) * (l.of(o.kernel) - 1);  // input i writes from i * stride - pad over reach
  return l.clip(ceil_div(l.out.begin + l.before(o.pad) - reach, l.of(o.stride)),
                floor_div(l.out.end - 1 + l.before(o.pad), l.of(o.stride)) + 1);
}
Need need(const op::PixelShuffle& o, std::size_t, const Line& l) {
  return l.clip(l.out.begin / o.factor, ceil_div(l.out.end, o.factor));
}
Need need(const op::PixelUnshuffle& o, std::size_t, const Line& l) {
  return l.clip(l.out.begin * o.factor, l.out.end * o.factor);
}
Need need(const op::Resize& o, std::size_t operand, const Line& l) {
  if (operand == 1) return Range{};
  const auto position = [&](int i) {
    if (o.align_corners)
      return l.out_size > 1 ? static_cast<double>(i) * (l.in_size - 1) / (l.out_size - 1) : 0.0;
    const double centre = o.interpolation == op::Interpolation::kBilinear ? 0.5 : 0.0;
    return (i + centre) * l.in_size / l.out_size - centre;
  };
  // Taps floor and floor + 1 (nearest, aligned: one of them); one more on either side for rounding.
  const int first = static_cast<int>(std::max(position(l.out.begin), 0.0)) - 1;
  const int last = static_cast<int>(std::max(position(l.out.end - 1), 0.0)) + 2;
  return l.clip(first, last + 1);
}
Need need(const op::Warp&, std::size_t operand, const Line& l) { return operand == 0 ? Need{} : Need{l.out}; }
Need need(const op::DeformConv2d&, std::size_t operand, const Line& l) {
  return operand == 0 ? Need{} : Need{l.out};
}
Need need(const op::GatherMean&, std::size_t operand, const Line& l) {
  return operand == 0 ? Need{} : Need{l.out};
}
Need need(const op::Correlation& o, std::size_t operand, const Line& l) {
  const int reach = operand == 0 ? 0 : o.radius * o.stride;
  return l.clip(l.out.begin * o.stride - reach, (l.out.end - 1) * o.stride + reach + 1);
}
Need need(const op::PixelVolume& o, std::size_t operand, const Line& l) {
  if (operand == 0) return {};
  return operand == 1 ? l.out : around(l, o.radius);
}
Need need(const op::Neighbourhood& o, std::size_t, const Line& l) { return around(l, o.kernel / 2); }
Need need(const op::Pad& o, std::size_t operand, const Line& l) {
  if (operand == 1) return Range{};
  const int before = l.before(o.margins);
  return with_border(l, l.out.begin - before, l.out.end - before, o.border);
}
Need need(const op::Crop& o, std::size_t operand, const Line& l) {
  if (operand == 1) return Range{};
  const int before = l.before(o.margins);
  return l.clip(l.out.begin + before, l.out.end + before);
}
Need need(const op::Part& o, std::size_t, const Line& l) {
  const int before = l.of(o.index) * l.out_size;
  return l.clip(l.out.begin + before, l.out.end + before);
}
Need need(const op::Join& o, std::size_t operand, const Line& l) {
  const int part = static_cast<int>(operand);
  const int before = (l.axis == Axis::kRows ? part / o.grid.w : part % o.grid.w) * l.in_size;
  return l.clip(l.out.begin - before, l.out.end - before);
}
Need need(const op::ReduceSpace&, std::size_t, const Line&) { return {}; }
Need need(const op::Binary&, std::size_t, const Line& l) {
  return l.in_size == 1 ? Range{0, 1} : l.out;  // 1: broadcast, or one row anyway
}
template <typename SamePixel>
Need need(const SamePixel&, std::size_t, const Line& l) {
  return l.out;
}

/// How far a value of `graph` at `size` x `size` reaches into the inputs, seen from output samples in the
/// middle; nothing if it touches a border of an input or has no bound.
struct Reach {
  bool unbounded = false;
  bool touches_border = false;
  int pixels = 0;
};

class ReachTracer {
 public:
  ReachTracer(const Graph& graph, int size)
      : graph_(graph), shapes_(infer_shapes(graph, size, size)), size_(size) {}

  /// Reach of sample `index` of `target` along one axis.
  Reach trace(Value target, Axis axis, int index) const {
    std::vector<Range> wanted(shapes_.size());
    wanted[static_cast<std::size_t>(target.id)] = {index, index + 1};
    const int centre = static_cast<int>(static_cast<std::int64_t>(index) * size_ / extent(target, axis));
    Reach reach;
    for (std::size_t i = wanted.size(); i-- > 0;) {
      if (wanted[i].empty()) continue;
      const Node& node = graph_.nodes()[i];
      if (std::holds_alternative<op::Input>(node.op)) {
        const Range r = wanted[i];
        reach.touches_border |= r.begin == 0 || r.end == size_;
        reach.pixels = std::max({reach.pixels, centre - r.begin, r.end - 1 - centre});
      } else {
        // Where the seams of parts lie depends on the size of the frame.
        reach.unbounded |= std::holds_alternative<op::State>(node.op) ||
                           std::holds_alternative<op::Part>(node.op) || !pull(node, i, axis, wanted);
      }
      if (reach.unbounded) return reach;
    }
    return reach;
  }

  [[nodiscard]] int extent(Value v, Axis axis) const {
    const Shape& s = shapes_[static_cast<std::size_t>(v.id)];
    return axis == Axis::kRows ? s.h : s.w;
  }

 private:
  /// Adds what node i needs to the wishes for its operands; false where that has no bound.
  bool pull(const Node& node, std::size_t i, Axis axis, std::vector<Range>& wanted) const {
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const Value in = node.inputs[k];
      const auto range = needed_range(node.op, k, axis, wanted[i], extent(in, axis),
                                      extent({static_cast<std::int32_t>(i)}, axis));
      if (!range) return false;
      if (range->empty()) continue;
      Range& sum = wanted[static_cast<std::size_t>(in.id)];
      sum = sum.empty() ? *range : Range{std::min(sum.begin, range->begin), std::max(sum.end, range->end)};
    }
    return true;
  }

  const Graph& graph_;
  std::vector<Shape> shapes_;
  int size_;
};

/// Reach of all targets at one frame size: every phase of the strides, on both axes.
Reach reach_at(const Graph& graph, const std::vector<Value>& targets, int size, int size_multiple) {
  const ReachTracer tracer(graph, size);
  Reach all;
  for (const Value target : targets) {
    for (const Axis axis : {Axis::kRows, Axis::kColumns}) {
      const int extent = tracer.extent(target, axis);
      const int phases = std::min(size_multiple, extent);
      for (int phase = 0; phase < phases; ++phase) {
        const Reach one = tracer.trace(target, axis, std::min(extent / 2 + phase, extent - 1));
        if (one.unbounded) return one;
        all.touches_border |= one.touches_border;
        all.pixels = std::max(all.pixels, one.pixels);
      }
    }
  }
  return all;
}

}  // namespace

std::optional<Range> needed_range(const Op& op, std::size_t operand, Axis axis, Range out, int in_size,
                                  int out_size) {
  if (out.empty()) return Range{};
  const Line line{axis, out, in_size, out_size};
  return std::visit([&](const auto& o) { return need(o, operand, line); }, op);
}

std::optional<int> receptive_field(const Graph& graph, int size_multiple) {
  std::vector<Value> targets;
  for (const OutputSpec& output : graph.outputs()) {
    if (output.name == "frame" || !graph.has_output("frame")) targets.push_back(output.value);
  }
  const int first = std::max(1, 128 / size_multiple) * size_multiple;
  for (int size = first; size <= kMaxTrialSize; size *= 2) {
    const Reach reach = reach_at(graph, targets, size, size_multiple);
    if (reach.unbounded) return std::nullopt;
    if (!reach.touches_border) return reach.pixels;
  }
  return std::nullopt;
}

}  // namespace unblur
