// SPDX-License-Identifier: MIT
#include "graph/reference.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "graph/error.h"
#include "graph/exposure.h"
#include "graph/op_registry.h"
#include "graph/op_rules.h"

namespace unblur {
namespace {

using Operands = std::span<const ReferenceTensor>;

/// out(c,y,x) = f(c, y, x).
template <typename F>
void fill(ReferenceTensor& out, F f) {
  for (int c = 0; c < out.shape.c; ++c) {
    for (int y = 0; y < out.shape.h; ++y) {
      for (int x = 0; x < out.shape.w; ++x) out.at(c, y, x) = f(c, y, x);
    }
  }
}

/// A parameter by [o][i][y][x]; `i`, `y`, `x` are 0 for vectors.
struct Weights {
  std::vector<float> values;
  Dims dims;
  Weights(const TensorMap& map, const std::string& name) {
    if (name.empty()) return;
    const Tensor& tensor = map.at(name);
    values = tensor.to_floats();
    dims = tensor.dims;
    dims.resize(4, 1);
  }
  [[nodiscard]] double at(int o, int i = 0, int y = 0, int x = 0) const {
    return values[static_cast<std::size_t>(((o * dims[1] + i) * dims[2] + y) * dims[3] + x)];
  }
  [[nodiscard]] double or_else(double fallback, int o) const { return values.empty() ? fallback : at(o); }
};

double with_border(const ReferenceTensor& in, Border border, int c, int y, int x) {
  const auto move_in = [&](int i, int size) {
    if (border == Border::kReflect) i = i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
    return border == Border::kReplicate ? std::clamp(i, 0, size - 1) : i;
  };
  return in.or_zero(c, move_in(y, in.shape.h), move_in(x, in.shape.w));
}

/// Bilinear sample between pixels that count 0 outside; the picture fades to nothing over one pixel.
double sampled(const ReferenceTensor& in, int c, double row, double column) {
  if (!(row > -1 && row < in.shape.h && column > -1 && column < in.shape.w)) return 0.0;
  const int y = static_cast<int>(std::floor(row)), x = static_cast<int>(std::floor(column));
  const double fy = row - y, fx = column - x;
  return (1 - fy) * ((1 - fx) * in.or_zero(c, y, x) + fx * in.or_zero(c, y, x + 1)) +
         fy * ((1 - fx) * in.or_zero(c, y + 1, x) + fx * in.or_zero(c, y + 1, x + 1));
}

// ---- convolutions ----

void evaluate(const op::Conv2d& o, Operands in, const TensorMap& parameters, ReferenceTensor& out) {
  const Weights weight(parameters, o.weight), bias(parameters, o.bias);
  const int in_per_group = in[0].shape.c / o.groups, out_per_group = o.out_channels / o.groups;
  fill(out, [&](int c, int y, int x) {
    double sum = bias.or_else(0.0, c);
    for (int i = 0; i < in_per_group; ++i) {
      for (int ky = 0; ky < o.kernel.h; ++ky) {
        for (int kx = 0; kx < o.kernel.w; ++kx) {
          sum += weight.at(c, i, ky, kx) * with_border(in[0], o.border, c / out_per_group * in_per_group + i,
                                                       y * o.stride.h + ky * o.dilation.h - o.pad.top,
                                                       x * o.stride.w + kx * o.dilation.w - o.pad.left);
        }
      }
    }
    return sum;
  });
}

void evaluate(const op::ConvTranspose2d& o, Operands in, const TensorMap& parameters, ReferenceTensor& out) {
  const Weights weight(parameters, o.weight), bias(parameters, o.bias);
  const Shape& from = in[0].shape;
  const int in_per_group = from.c / o.groups, out_per_group = o.out_channels / o.groups;
  fill(out, [&](int c, int, int) { return bias.or_else(0.0, c); });
  // The transpose as written: every input sample is spread by its kernel.
  for (int i = 0; i < from.c; ++i) {
    for (int y = 0; y < from.h; ++y) {
      for (int x = 0; x < from.w; ++x) {
        for (int c = 0; c < out_per_group; ++c) {
          for (int ky = 0; ky < o.kernel.h; ++ky) {
            for (int kx = 0; kx < o.kernel.w; ++kx) {
              const int oy = y * o.stride.h + ky * o.dilation.h - o.pad.top;
              const int ox = x * o.stride.w + kx * o.dilation.w - o.pad.left;
              if (!out.inside(oy, ox)) continue;
              out.at(i / in_per_group * out_per_group + c, oy, ox) +=
                  weight.at(i, c, ky, kx) * in[0].at(i, y, x);
            }
          }
        }
      }
    }
  }
}

void evaluate(const op::DeformConv2d& o, Operands in, const TensorMap& parameters, ReferenceTensor& out) {
  const Weights weight(parameters, o.weight), bias(parameters, o.bias);
  const int channels = in[0].shape.c, taps = o.kernel.h * o.kernel.w;
  const int in_per_group = channels / o.groups, out_per_group = o.out_channels / o.groups;
  ReferenceTensor values({channels * taps, out.shape.h, out.shape.w});  // what the taps meet
  fill(values, [&](int n, int y, int x) {
    const int c = n / taps, k = n % taps, i = k / o.kernel.w, j = k % o.kernel.w;
    const int tap = c / (channels / o.deformable_groups) * taps + k;
    const double row = y * o.stride.h - o.pad.top + i * o.dilation.h + in[1].at(2 * tap, y, x);
    const double column = x * o.stride.w - o.pad.left + j * o.dilation.w + in[1].at(2 * tap + 1, y, x);
    return (in.size() == 3 ? in[2].at(tap, y, x) : 1.0) * sampled(in[0], c, row, column);
  });
  fill(out, [&](int c, int y, int x) {
    double sum = bias.or_else(0.0, c);
    for (int i = 0; i < in_per_group; ++i) {
      for (int k = 0; k < taps; ++k) {
        sum += weight.at(c, i, k / o.kernel.w, k % o.kernel.w) *
               values.at((c / out_per_group * in_per_group + i) * taps + k, y, x);
      }
    }
    return sum;
  });
}

// ---- moves ----

void evaluate(const op::PixelShuffle& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const int r = o.factor;
  fill(out, [&](int c, int y, int x) {
    const int phase = y % r * r + x % r;
    const int from = o.order == op::ShuffleOrder::kChannelMajor ? c * r * r + phase : phase * out.shape.c + c;
    return in[0].at(from, y / r, x / r);
  });
}

void evaluate(const op::PixelUnshuffle& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const int r = o.factor, channels = in[0].shape.c;
  fill(out, [&](int c, int y, int x) {
    const bool channel_major = o.order == op::ShuffleOrder::kChannelMajor;
    const int from = channel_major ? c / (r * r) : c % channels;
    const int phase = channel_major ? c % (r * r) : c / channels;
    return in[0].at(from, y * r + phase / r, x * r + phase % r);
  });
}

void evaluate(const op::Neighbourhood& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const int k = o.kernel;
  fill(out, [&](int c, int y, int x) {
    return in[0].or_zero(c / (k * k), y + c / k % k - k / 2, x + c % k - k / 2);
  });
}

void evaluate(const op::Pad& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  fill(out, [&](int c, int y, int x) {
    return with_border(in[0], o.border, c, y - o.margins.top, x - o.margins.left);
  });
}

void evaluate(const op::Crop& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  fill(out, [&](int c, int y, int x) { return in[0].at(c, y + o.margins.top, x + o.margins.left); });
}

void evaluate(const op::Part& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const int top = o.index.h * out.shape.h, left = o.index.w * out.shape.w;
  fill(out, [&](int c, int y, int x) { return in[0].at(c, top + y, left + x); });
}

void evaluate(const op::Join& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const int h = in[0].shape.h, w = in[0].shape.w;
  fill(out, [&](int c, int y, int x) {
    return in[static_cast<std::size_t>(y / h * o.grid.w + x / w)].at(c, y % h, x % w);
  });
}

void evaluate(const op::Concat&, Operands in, const TensorMap&, ReferenceTensor& out) {
  out.values.clear();
  for (const ReferenceTensor& t : in) out.values.insert(out.values.end(), t.values.begin(), t.values.end());
}

void evaluate(const op::Slice& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  fill(out, [&](int c, int y, int x) { return in[0].at(o.begin + c, y, x); });
}

// ---- sampling ----

void evaluate(const op::Resize& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const bool nearest = o.interpolation == op::Interpolation::kNearest;
  const auto position = [&](int i, int size, int count) {
    const double ratio = static_cast<double>(count) / size;
    const double aligned = size == 1 ? 0.0 : static_cast<double>(i) * (count - 1) / (size - 1);
    if (nearest) {
      const int at = o.align_corners ? static_cast<int>(std::floor(aligned + 0.5))
                                     : static_cast<int>(static_cast<std::int64_t>(i) * count / size);
      return std::min<double>(at, count - 1);
    }
    return o.align_corners ? aligned : std::clamp((i + 0.5) * ratio - 0.5, 0.0, count - 1.0);
  };
  fill(out, [&](int c, int y, int x) {
    const double py = position(y, out.shape.h, in[0].shape.h), px = position(x, out.shape.w, in[0].shape.w);
    const int y0 = static_cast<int>(py), x0 = static_cast<int>(px);
    const double fy = py - y0, fx = px - x0;
    // A tap past the edge has weight 0.
    const auto row = [&](int yy) {
      return (1 - fx) * in[0].at(c, yy, x0) + fx * in[0].or_zero(c, yy, x0 + 1);
    };
    return (1 - fy) * row(y0) + (fy > 0 ? fy * row(y0 + 1) : 0.0);
  });
}

void evaluate(const op::Warp& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const int w = out.shape.w, h = out.shape.h;
  fill(out, [&](int c, int y, int x) {
    double px = x + o.flow_scale * in[1].at(0, y, x), py = y + o.flow_scale * in[1].at(1, y, x);
    if (o.border == Border::kReplicate) {
      px = std::clamp(px, 0.0, w - 1.0), py = std::clamp(py, 0.0, h - 1.0);
    }
    return sampled(in[0], c, py, px);
  });
}

void evaluate(const op::GatherMean&, Operands in, const TensorMap&, ReferenceTensor& out) {
  const int points = in[1].shape.c / 2;
  fill(out, [&](int c, int y, int x) {
    double sum = 0;
    for (int n = 0; n < points; ++n) {
      sum += sampled(in[0], c, y + in[1].at(2 * n, y, x), x + in[1].at(2 * n + 1, y, x));
    }
    return sum / points;
  });
}

void evaluate(const op::Correlation& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const int side = 2 * o.radius + 1, s = o.stride, channels = in[0].shape.c;
  fill(out, [&](int c, int y, int x) {
    const int dy = c / side - o.radius, dx = c % side - o.radius;
    double sum = 0;
    for (int k = 0; k < channels; ++k) {
      sum += in[0].at(k, s * y, s * x) * in[1].or_zero(k, s * y + s * dy, s * x + s * dx);
    }
    return o.mean ? sum / channels : sum;
  });
}

void evaluate(const op::PixelVolume& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const int side = 2 * o.radius + 1;
  const auto grey = [](const ReferenceTensor& t, int y, int x) {
    return 0.2989 * t.at(0, y, x) + 0.5870 * t.at(1, y, x) + 0.1140 * t.at(2, y, x);
  };
  fill(out, [&](int c, int y, int x) -> double {
    const int i = c / side - o.radius, j = c % side - o.radius;
    const int qx = x - i, qy = y - j;
    if (!out.inside(qy, qx)) return o.outside;
    const float mx = std::trunc(static_cast<float>(qx) + static_cast<float>(in[2].at(0, qy, qx)));
    const float my = std::trunc(static_cast<float>(qy) + static_cast<float>(in[2].at(1, qy, qx)));
    const double px = static_cast<double>(mx) + i, py = static_cast<double>(my) + j;
    const bool matched = px >= 1 && px <= out.shape.w - 2 && py >= 1 && py <= out.shape.h - 2;
    return matched ? grey(in[0], static_cast<int>(py), static_cast<int>(px)) : grey(in[1], y, x);
  });
}

// ---- elementwise ----

void evaluate(const op::Binary& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const auto value = [](const ReferenceTensor& t, int c, int y, int x) {
    const bool one = t.shape.h == 1 && t.shape.w == 1;
    return t.at(t.shape.c == 1 ? 0 : c, one ? 0 : y, one ? 0 : x);
  };
  fill(out, [&](int c, int y, int x) {
    const double a = value(in[0], c, y, x), b = value(in[1], c, y, x);
    switch (o.kind) {
      case op::BinaryKind::kAdd:
        return a + b;
      case op::BinaryKind::kSub:
        return a - b;
      case op::BinaryKind::kMul:
        return a * b;
      case op::BinaryKind::kDiv:
        return a / b;
      case op::BinaryKind::kMax:
        return std::max(a, b);
      case op::BinaryKind::kMin:
        break;
    }
    return std::min(a, b);
  });
}

double unary(const op::Unary& o, double x) {
  switch (o.kind) {
    case op::UnaryKind::kRelu:
      return std::max(x, 0.0);
    case op::UnaryKind::kLeakyRelu:
      return x >= 0 ? x : o.a * x;
    case op::UnaryKind::kSigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case op::UnaryKind::kTanh:
      return std::tanh(x);
    case op::UnaryKind::kElu:
      return x >= 0 ? x : o.a * (std::exp(x) - 1.0);
    case op::UnaryKind::kExp:
      return std::exp(x);
    case op::UnaryKind::kSqrt:
      return std::sqrt(x);
    case op::UnaryKind::kSquare:
      return x * x;
    case op::UnaryKind::kAbs:
      return std::abs(x);
    case op::UnaryKind::kNeg:
      break;
  }
  return -x;
}

void evaluate(const op::Unary& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  fill(out, [&](int c, int y, int x) { return unary(o, in[0].at(c, y, x)); });
}
void evaluate(const op::Clamp& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  fill(out, [&](int c, int y, int x) { return std::clamp<double>(in[0].at(c, y, x), o.low, o.high); });
}
void evaluate(const op::Affine& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  fill(out, [&](int c, int y, int x) { return o.scale * in[0].at(c, y, x) + o.shift; });
}
void evaluate(const op::ChannelAffine& o, Operands in, const TensorMap& parameters, ReferenceTensor& out) {
  const Weights scale(parameters, o.scale), shift(parameters, o.shift);
  fill(out, [&](int c, int y, int x) {
    return in[0].at(c, y, x) * scale.or_else(1.0, c) + shift.or_else(0.0, c);
  });
}

// ---- over space and over channels ----

double reduce(op::Reduction kind, const std::vector<double>& values) {
  if (kind == op::Reduction::kMax) return *std::max_element(values.begin(), values.end());
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return kind == op::Reduction::kMean ? sum / static_cast<double>(values.size()) : sum;
}

std::vector<double> channels_of(const ReferenceTensor& t, int y, int x) {
  std::vector<double> values(static_cast<std::size_t>(t.shape.c));
  for (int c = 0; c < t.shape.c; ++c) values[static_cast<std::size_t>(c)] = t.at(c, y, x);
  return values;
}

void evaluate(const op::ReduceSpace& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const auto plane = static_cast<std::ptrdiff_t>(in[0].shape.h) * in[0].shape.w;
  fill(out, [&](int c, int, int) {
    const auto first = in[0].values.begin() + c * plane;
    return reduce(o.kind, {first, first + plane});
  });
}

void evaluate(const op::ReduceChannels& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  fill(out, [&](int, int y, int x) { return reduce(o.kind, channels_of(in[0], y, x)); });
}

void evaluate(const op::SoftmaxChannels&, Operands in, const TensorMap&, ReferenceTensor& out) {
  fill(out, [&](int c, int y, int x) {
    const std::vector<double> all = channels_of(in[0], y, x);
    const double highest = reduce(op::Reduction::kMax, all);
    double sum = 0;
    for (const double v : all) sum += std::exp(v - highest);
    return std::exp(in[0].at(c, y, x) - highest) / sum;
  });
}

void evaluate(const op::NormChannels& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  fill(out, [&](int c, int y, int x) {
    const std::vector<double> all = channels_of(in[0], y, x);
    const double mean = o.kind == op::NormKind::kRms ? 0.0 : reduce(op::Reduction::kMean, all);
    double square = 0;
    for (const double v : all) square += (v - mean) * (v - mean);
    return (in[0].at(c, y, x) - mean) / std::sqrt(square / static_cast<double>(all.size()) + o.eps);
  });
}

// ---- exposures ----

void evaluate(const op::ExposurePath& o, Operands in, const TensorMap&, ReferenceTensor& out) {
  const auto weights = point_weights(enum_name(o.form), o.points);
  fill(out, [&](int c, int y, int x) {
    const auto& [start, end] = weights[static_cast<std::size_t>(c / 2)];
    return start * in[0].at(c % 2, y, x) + (in[0].shape.c == 4 ? end * in[0].at(2 + c % 2, y, x) : 0.0);
  });
}

void evaluate(const op::MotionTaps& o, Operands in, const TensorMap& parameters, ReferenceTensor& out) {
  const double ratio = parameters.at(o.ratio).to_floats().at(0);
  fill(out, [&](int c, int y, int x) {
    const int m = c % 9, grid = (c < 9 ? m / 3 : m % 3) - 1;
    return ratio * in[0].at(2 * (3 + m) + c / 9, y, x) - grid;
  });
}

// ---- leaves ----

void evaluate(const op::Input& o, Operands, const TensorMap&, ReferenceTensor&) {
  throw ModelError("input '" + o.name + "' is not computed");
}
void evaluate(const op::State& o, Operands, const TensorMap&, ReferenceTensor&) {
  throw ModelError("state '" + o.name + "' is not computed");
}

}  // namespace

ReferenceTensor evaluate_reference(const Op& op, std::span<const ReferenceTensor> inputs,
                                   const TensorMap& parameters) {
  std::vector<Shape> shapes;
  std::vector<int> channels;
  for (const ReferenceTensor& t : inputs) {
    shapes.push_back(t.shape);
    channels.push_back(t.shape.c);
  }
  ReferenceTensor out;
  if (!inputs.empty()) out = ReferenceTensor(output_shape(op, shapes, output_channels(op, channels)));
  std::visit([&](const auto& o) { evaluate(o, inputs, parameters, out); }, op);
  return out;
}

}  // namespace unblur
