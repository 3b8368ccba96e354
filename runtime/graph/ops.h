// SPDX-License-Identifier: MIT
// The closed set of operators a Graph is made of, with their attributes and formulas.
//
// Notation: x is NCHW; x[c](y, x) one sample; sums run in at least fp32. Every operator has exactly
// one output. "like" operands give only their height and width. docs/operators.md lists the same.
// A new operator needs: a struct here, an entry in `Op`, a row in op_registry.cpp (name, fields,
// arity, channel and size rules), the float64 loop of tests/operators, the LibTorch form
// (cuda/torch_ops.cpp) and the Vulkan kernel.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace unblur {

/// Amounts in pixels on the four sides; negative values are refused.
struct Margins {
  int top = 0, bottom = 0, left = 0, right = 0;
  bool operator==(const Margins&) const = default;
  static constexpr Margins all(int m) { return {m, m, m, m}; }
};

struct Extent2 {
  int h = 1, w = 1;
  bool operator==(const Extent2&) const = default;
};

enum class Border : std::uint8_t {
  kZero,       ///< samples outside are 0
  kReflect,    ///< mirrored without repeating the edge sample; the amount must be below the size
  kReplicate,  ///< the nearest edge sample
};

namespace op {

/// A frame of the window. Range and colour are the model's (ModelInfo::value_range).
struct Input {
  std::string name;  ///< unique among inputs
  int channels = 3;
  int frame_offset = 0;  ///< 0 = the frame that is restored, -1 = one before, +1 = one after
};

/// The value a state carried over from the previous frame (Graph::states says what feeds it).
struct State {
  std::string name;
  int channels = 0;
};

/// out[o](y,x) = bias[o] + sum_{i,ky,kx} weight[o][i][ky][kx] * in[g*Cin/groups+i](y*stride+ky*dilation-top,
/// ...) weight [out, in/groups, kh, kw]; bias [out], empty name = none.
struct Conv2d {
  std::string weight, bias;
  int out_channels = 0;
  Extent2 kernel{3, 3}, stride{1, 1}, dilation{1, 1};
  int groups = 1;
  Margins pad;
  Border border = Border::kZero;
};

/// The transpose of Conv2d with zero padding. weight [in, out/groups, kh, kw].
/// Size: (h-1)*stride - top - bottom + dilation*(kh-1) + 1 + output_pad.
struct ConvTranspose2d {
  std::string weight, bias;
  int out_channels = 0;
  Extent2 kernel{4, 4}, stride{2, 2}, dilation{1, 1}, output_pad{0, 0};
  int groups = 1;
  Margins pad;
};

/// Deformable convolution, modulated (DCNv2, Zhu et al. 2019) or not: a convolution whose taps move.
/// Operands: in [C,h,w]; offset [2*D*K,H,W] in pixels of `in`, tap k = i*kw + j of deformable group g in
/// channels 2*(g*K + k) (rows) and 2*(g*K + k) + 1 (columns); mask [D*K,H,W], 1 where left out. K = kh*kw,
/// D = deformable_groups, H x W the output's size, which is that of Conv2d with zero padding.
///   out[o](y,x) = bias[o] + sum_{c,k} weight[o][c][i][j] * mask[g*K+k](y,x) * sample(in[c], row, column)
///   row = y*stride - top + i*dilation + offset[..](y,x), column alike; g = c / (C/D)
/// sample: 0 unless -1 < row < h and -1 < column < w, and so are its derivatives; else bilinear between the
/// four pixels around, those outside counting 0. Weight [out, C/groups, kh, kw].
struct DeformConv2d {
  std::string weight, bias;
  int out_channels = 0;
  Extent2 kernel{3, 3}, stride{1, 1}, dilation{1, 1};
  int groups = 1;
  int deformable_groups = 1;
  Margins pad;
};

/// Channel order of pixel shuffles. kChannelMajor: channel c*r*r + dy*r + dx (PyTorch);
/// kBlockMajor: channel (dy*r + dx)*C + c (TensorFlow depth_to_space).
enum class ShuffleOrder : std::uint8_t { kChannelMajor, kBlockMajor };
struct PixelShuffle {  ///< [C*r*r, h, w] -> [C, h*r, w*r]
  int factor = 2;
  ShuffleOrder order = ShuffleOrder::kChannelMajor;
};
struct PixelUnshuffle {  ///< the inverse; height and width must be multiples of r
  int factor = 2;
  ShuffleOrder order = ShuffleOrder::kChannelMajor;
};

enum class Interpolation : std::uint8_t { kNearest, kBilinear };
/// Resampling to floor(size * num / den), or to the size of a second ("like") operand.
/// Source position of output i: half-pixel centres (i + 0.5) * in/out - 0.5, clamped to the frame
/// (nearest: floor(i * in/out)); aligned corners i * (in-1)/(out-1), 0 where out is 1
/// (nearest: rounded half away from zero). in/out are the actual sizes. No anti-aliasing.
struct Resize {
  Interpolation interpolation = Interpolation::kBilinear;
  bool align_corners = false;
  int numerator = 1, denominator = 1;
};

/// Backward warp: out(y,x) = bilinear sample of in at (x + s*flow[0], y + s*flow[1]).
/// kZero: each tap outside counts as 0. kReplicate: the position is clamped to the frame.
/// Operands: in [C,h,w], flow [2,h,w] in pixels (dx, dy).
struct Warp {
  float flow_scale = 1.0F;             ///< s, e.g. 1/8 for flow in full-resolution pixels at 1/8 scale
  Border border = Border::kReplicate;  ///< kZero or kReplicate
};

/// Mean of N samples: out[c](y,x) = 1/N sum_n sample(in[c], y + offset[2n], x + offset[2n+1]) with the
/// sampling of DeformConv2d. Operands: in [C,h,w], offset [2N,h,w] in pixels (rows, columns). Blur along a
/// path.
struct GatherMean {};

/// out[(dy+R)*(2R+1)+(dx+R)](i,j) = m * sum_k a[k](s*i, s*j) * b[k](s*i+s*dy, s*j+s*dx), b is 0 outside,
/// m = 1/C if `mean`, else 1. Size ceil(h/s) x ceil(w/s). PVDNet (TOG 2021) / LiteFlowNet cost volume.
struct Correlation {
  int radius = 3, stride = 1;
  bool mean = true;
};

/// Grey candidates of the previous restored frame around each matched position (PVDNet, TOG 2021,
/// section 4; exact rule in docs/operators.md). Operands: previous [3], current [3], flow [2] in px.
/// Out (2R+1)^2 channels, channel (i+R)*(2R+1)+(j+R), i horizontal, j vertical.
struct PixelVolume {
  int radius = 2;
  float outside = 0.0F;  ///< value where the neighbour whose motion is used lies outside the frame
};

/// out[c*k*k + ky*k + kx](y,x) = in[c](y+ky-k/2, x+kx-k/2), 0 outside (PyTorch unfold). k odd.
struct Neighbourhood {
  int kernel = 3;
};

/// Adds rows and columns. `margins` first; then, to the right and bottom, up to a multiple of
/// `multiple` (if > 1) or up to the size of a second ("like") operand.
struct Pad {
  Margins margins;
  Border border = Border::kZero;
  int multiple = 0;
};
/// Removes rows and columns, same rules; `multiple` rounds down, "like" crops at the right and bottom.
struct Crop {
  Margins margins;
  int multiple = 0;
};

/// One of grid.h x grid.w equal parts of a frame, whose sizes must be multiples of the grid.
struct Part {
  Extent2 grid{2, 2}, index{0, 0};  ///< index: row and column of the part, from 0
};
/// The inverse: grid.h * grid.w operands of one shape, 2 to 4, row by row.
struct Join {
  Extent2 grid{1, 2};
};

struct Concat {};  ///< along channels, two or more operands
struct Slice {     ///< channels [begin, begin + count)
  int begin = 0, count = 0;
};

/// Elementwise; an operand with 1 channel and/or 1x1 pixels is broadcast. Division by 0 follows IEEE.
enum class BinaryKind : std::uint8_t { kAdd, kSub, kMul, kDiv, kMax, kMin };
struct Binary {
  BinaryKind kind = BinaryKind::kAdd;
};

enum class UnaryKind : std::uint8_t {
  kRelu,
  kLeakyRelu,  ///< x >= 0 ? x : a*x
  kSigmoid,
  kTanh,
  kElu,  ///< x >= 0 ? x : a*(exp(x)-1)
  kExp,
  kSqrt,
  kSquare,
  kAbs,
  kNeg,
};
struct Unary {
  UnaryKind kind = UnaryKind::kRelu;
  float a = 0.1F;  ///< slope of kLeakyRelu, scale of kElu; else unused
};
/// min(max(x, low), high).
struct Clamp {
  float low = 0.0F, high = 1.0F;
};
/// scale * x + shift with constants.
struct Affine {
  float scale = 1.0F, shift = 0.0F;
};
/// x[c] * scale[c] + shift[c]; parameters of shape [C], an empty name leaves that part out.
struct ChannelAffine {
  std::string scale, shift;
};

enum class Reduction : std::uint8_t { kSum, kMean, kMax };
struct ReduceSpace {  ///< [C,h,w] -> [C,1,1]
  Reduction kind = Reduction::kMean;
};
struct ReduceChannels {  ///< [C,h,w] -> [1,h,w]
  Reduction kind = Reduction::kSum;
};
struct SoftmaxChannels {};  ///< exp(x - max) / sum, over the channels of a pixel

/// Over the channels of each pixel. kCentred: (x - mean) / sqrt(var + eps), var biased;
/// kRms: x / sqrt(mean(x^2) + eps).
enum class NormKind : std::uint8_t { kCentred, kRms };
struct NormChannels {
  NormKind kind = NormKind::kCentred;
  float eps = 1e-4F;
};

/// Forms of a path during an exposure (graph/exposure.h).
enum class PathForm : std::uint8_t { kQuad, kBilin, kLin };
/// Offsets at every stored time t_n of an exposure from control offsets S and E (graph/exposure.h):
///   out[2n + i] = w_S(t_n) * in[i] + w_E(t_n) * in[2 + i]     i = 0 rows, 1 columns
/// Operand [4,h,w], of kLin [2,h,w]; out [2 * points,h,w].
struct ExposurePath {
  PathForm form = PathForm::kQuad;
  int points = 15;  ///< odd, at least 3
};

/// Offsets of nine taps from those of the stored points 3 to 11: what the decoders of Motion-ETR (TPAMI 2022)
/// hand to their deformable layers. m = 0 to 8, R a parameter of shape []:
///   out[m] = R * in[2 * (3 + m)] - (m / 3 - 1)        out[9 + m] = R * in[2 * (3 + m) + 1] - (m % 3 - 1)
/// In blocks, although DeformConv2d reads pairs of rows and columns: the published networks learnt so.
/// Operand [2N,h,w], N at least 12; out [18,h,w].
struct MotionTaps {
  std::string ratio;
};

}  // namespace op

using Op =
    std::variant<op::Input, op::State, op::Conv2d, op::ConvTranspose2d, op::DeformConv2d, op::PixelShuffle,
                 op::PixelUnshuffle, op::Resize, op::Warp, op::GatherMean, op::Correlation, op::PixelVolume,
                 op::Neighbourhood, op::Pad, op::Crop, op::Part, op::Join, op::Concat, op::Slice, op::Binary,
                 op::Unary, op::Clamp, op::Affine, op::ChannelAffine, op::ReduceSpace, op::ReduceChannels,
                 op::SoftmaxChannels, op::NormChannels, op::ExposurePath, op::MotionTaps>;

/// The operator's name in files, messages and tables: "conv2d".
[[nodiscard]] std::string_view op_name(const Op& op) noexcept;

}  // namespace unblur
