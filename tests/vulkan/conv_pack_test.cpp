// SPDX-License-Identifier: MIT
// Packed weights of every convolution kernel, read back in the order its header promises and used in the
// formula of conv_shape.h: the result must be the convolution. And tuned choices of kernels. No device is
// needed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "convolution_cases.h"
#include "vulkan/kernels/common.h"
#include "vulkan/kernels/conv_pack.h"
#include "vulkan/tuning.h"

namespace unblur::vk::test {
namespace {

/// Reads packed words in order.
class Reader {
 public:
  Reader(const std::vector<std::byte>& bytes, const ConvShape& shape, bool half)
      : bytes_(bytes), half_(half) {
    for (int n = 0; n < conv_bias_words(shape); ++n) bias.push_back(take<float>());
    start_ = at_;
  }
  float next() { return half_ ? half_to_float(take<std::uint16_t>()) : take<float>(); }
  void align(std::size_t bytes) { at_ = start_ + (at_ - start_ + bytes - 1) / bytes * bytes; }
  [[nodiscard]] bool at_end() const { return bytes_.size() - at_ < 16; }
  std::vector<float> bias;

 private:
  template <typename T>
  T take() {
    T value{};
    EXPECT_LE(at_ + sizeof value, bytes_.size());
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  const std::vector<std::byte>& bytes_;
  bool half_;
  std::size_t at_ = 0, start_ = 0;
};

/// weight[phase][internal channel][tap][input of the group]; what lies outside must be zero.
struct Dense {
  const ConvShape& shape;
  std::vector<float> v;
  explicit Dense(const ConvShape& s)
      : shape(s),
        v(static_cast<std::size_t>(s.phase_count()) * s.groups * s.internal_per_group * s.taps.h * s.taps.w *
          s.in_per_group) {}
  float& at(int phase, int n, int t, int in) {
    const int total = shape.groups * shape.internal_per_group;
    return v[((static_cast<std::size_t>(phase) * total + n) * shape.taps.h * shape.taps.w + t) *
                 shape.in_per_group +
             in];
  }
  void put(int phase, int n, bool exists, int t, int in, float value) {
    if (exists && in < shape.in_per_group) {
      at(phase, n, t, in) = value;
    } else {
      EXPECT_EQ(value, 0.0F);
    }
  }
};

/// Channel of position `o` in a block; false behind the group's last.
bool in_block(const ConvShape& s, int block, int width, int o, int& n) {
  const int blocks = div_up(s.internal_per_group, width);
  const int within = block % blocks * width + o;
  n = block / blocks * s.internal_per_group + within;
  // A block that is wider than what is left of its group reaches into nothing, or the groups divide.
  return within < s.internal_per_group;
}

Dense read_registers(Reader& r, const ConvShape& s, const RegisterTile& tile) {
  Dense d(s);
  for (int phase = 0; phase < s.phase_count(); ++phase)
    for (int block = 0; block < div_up(s.internal_per_group, tile.block) * s.groups; ++block)
      for (int ty = 0; ty < s.taps.h; ++ty)
        for (int step = 0; step < div_up(s.in_per_group, tile.step); ++step) {
          for (int o = 0; o < tile.block; ++o)
            for (int tx = 0; tx < s.taps.w; ++tx)
              for (int j = 0; j < tile.step; ++j) {
                int n = 0;
                const bool exists = in_block(s, block, tile.block, o, n);
                d.put(phase, n, exists, ty * s.taps.w + tx, step * tile.step + j, r.next());
              }
          r.align(64);
        }
  return d;
}

Dense read_matrix(Reader& r, const ConvShape& s, const MatrixTile& tile) {
  Dense d(s);
  for (int phase = 0; phase < s.phase_count(); ++phase)
    for (int block = 0; block < div_up(s.internal_per_group, tile.block) * s.groups; ++block)
      for (int t = 0; t < s.taps.h * s.taps.w; ++t)
        for (int in = 0; in < round_up(s.in_per_group, tile.step); ++in)
          for (int o = 0; o < tile.block; ++o) {
            int n = 0;
            const bool exists = in_block(s, block, tile.block, o, n);
            d.put(phase, n, exists, t, in, r.next());
          }
  return d;
}

Dense read_rows(Reader& r, const ConvShape& s) {
  Dense d(s);
  for (int phase = 0; phase < s.phase_count(); ++phase)
    for (int n = 0; n < s.groups * s.internal_per_group; ++n)
      for (int t = 0; t < s.taps.h * s.taps.w; ++t)
        for (int in = 0; in < round_up(s.in_per_group, 4); ++in) d.put(phase, n, true, t, in, r.next());
  return d;
}

Dense read_depthwise(Reader& r, const ConvShape& s) {
  Dense d(s);
  for (int phase = 0; phase < s.phase_count(); ++phase)
    for (int t = 0; t < s.taps.h * s.taps.w; ++t)
      for (int n = 0; n < round_up(s.groups, 4); ++n) d.put(phase, n, n < s.groups, t, 0, r.next());
  return d;
}

int border_position(int i, int n, Border border) {
  if (i >= 0 && i < n) return i;
  if (border == Border::kZero) return -1;
  if (border == Border::kReplicate) return std::clamp(i, 0, n - 1);
  return i < 0 ? -i : 2 * n - 2 - i;
}

/// conv_shape.h, literally, for one stored output element before the epilogue.
double output(const PreparedCase& p, const ConvShape& s, Dense& weights, const std::vector<float>& bias,
              int n, int y, int x) {
  const TensorView& in = p.step.inputs[0];
  const int phase_y = y % s.phases.h;
  const int phase_x = x % s.phases.w;
  double sum = static_cast<double>(bias[static_cast<std::size_t>(n)]);
  for (int ty = 0; ty < s.taps.h; ++ty)
    for (int tx = 0; tx < s.taps.w; ++tx) {
      const int row = y / s.phases.h * s.stride.h + ty * s.dilation.h -
                      (s.before.h - (phase_y + s.phase_shift.h) / s.phases.h);
      const int column = x / s.phases.w * s.stride.w + tx * s.dilation.w -
                         (s.before.w - (phase_x + s.phase_shift.w) / s.phases.w);
      const int from_y = border_position(row, in.h, s.border);
      const int from_x = border_position(column, in.w, s.border);
      if (from_y < 0 || from_x < 0) continue;
      for (int i = 0; i < s.in_per_group; ++i) {
        const int channel = n / s.internal_per_group * s.in_per_group + i;
        const auto at = (static_cast<std::size_t>(channel) * in.h + from_y) * in.w + from_x;
        const double value = static_cast<double>(p.inputs[0][at]);
        sum +=
            value * static_cast<double>(weights.at(phase_y * s.phases.w + phase_x, n, ty * s.taps.w + tx, i));
      }
    }
  return sum;
}

void expect_convolution(const PreparedCase& p, const ConvShape& s, Dense weights, const Reader& reader) {
  EXPECT_TRUE(reader.at_end()) << p.step.name;
  const TensorView& out = p.step.output;
  const int r = s.shuffle;
  for (int n = 0; n < s.groups * s.internal_per_group; ++n) {
    if (s.original_channel(n) < 0) continue;
    const int position = r > 1 ? n / s.shuffled : 0;
    const int channel = r > 1 ? n % s.shuffled : n;
    for (int y = 0; y < out.h / r; ++y)
      for (int x = 0; x < out.w / r; ++x) {
        const auto at =
            (static_cast<std::size_t>(channel) * out.h + y * r + position / r) * out.w + x * r + position % r;
        ASSERT_NEAR(output(p, s, weights, reader.bias, n, y, x), p.expected[at], 1e-9 * p.scale)
            << p.step.name << " channel " << n << " at " << y << ", " << x;
      }
  }
}

TEST(ConvolutionPacking, EveryLayoutHoldsTheConvolution) {
  for (const Storage storage : {Storage::kF32, Storage::kF16Packed}) {
    for (ConvolutionCase c : convolution_cases()) {
      // The shuffle is part of the packing, the rest of the epilogue is not.
      const Epilogue full = c.epilogue;
      c.epilogue = {};
      c.epilogue.shuffle = full.shuffle;
      c.epilogue.shuffle_order = full.shuffle_order;
      PreparedCase p;
      prepare(c, storage, p);
      const ConvShape s = conv_shape(p.step);
      const ConvWeights weights(p.step, s);
      const bool half = storage != Storage::kF32;

      for (const RegisterTile& tile : {RegisterTile{16, 8, 4}, RegisterTile{12, 4, 8}}) {
        if (s.groups > 1 && s.internal_per_group % tile.block != 0) continue;
        const std::vector<std::byte> packed = pack_registers(weights, s, tile, storage);
        Reader r(packed, s, half);
        Dense dense = read_registers(r, s, tile);
        expect_convolution(p, s, dense, r);
      }
      for (const MatrixTile& tile : {MatrixTile{64, 64, 16}, MatrixTile{8, 1, 4}}) {
        if (s.groups > 1 && s.internal_per_group % tile.block != 0) continue;
        const std::vector<std::byte> packed = pack_matrix(weights, s, tile, storage);
        Reader r(packed, s, half);
        Dense dense = read_matrix(r, s, tile);
        expect_convolution(p, s, dense, r);
      }
      if (s.in_per_group == 1 && s.internal_per_group == 1) {
        const std::vector<std::byte> packed = pack_depthwise(weights, s, storage);
        Reader r(packed, s, half);
        Dense dense = read_depthwise(r, s);
        expect_convolution(p, s, dense, r);
      }
      const std::vector<std::byte> packed = pack_rows(weights, s, storage);
      Reader r(packed, s, half);
      Dense dense = read_rows(r, s);
      expect_convolution(p, s, dense, r);
    }
  }
}

TEST(ConvolutionShape, TransposedPhasesHaveNoSuperfluousTaps) {
  for (const ConvolutionCase& c : convolution_cases()) {
    if (c.name != "up4s2" && c.name != "up5s3") continue;
    PreparedCase p;
    prepare(c, Storage::kF32, p);
    const ConvShape s = conv_shape(p.step);
    EXPECT_EQ(s.taps.h, 2) << c.name;
    EXPECT_EQ(s.phase_count(), c.name == "up4s2" ? 4 : 9);
  }
}

/// Tuned choices need no device, either.
class TuningTest : public testing::Test {
 protected:
  void SetUp() override {
    prepare(find("tile"), Storage::kF32, layer_);
    caps_.buffer_device_address = caps_.int64 = caps_.cpu_device = caps_.subgroup_broadcast = true;
    caps_.subgroup_size = 8;
  }
  static ConvolutionCase find(const std::string& name) {
    for (const ConvolutionCase& c : convolution_cases()) {
      if (c.name == name) return c;
    }
    throw std::logic_error(name);
  }
  PreparedCase layer_;
  Caps caps_;
  std::filesystem::path file_ = std::filesystem::path(testing::TempDir()) / "unblur_tuning_test.json";
};

TEST_F(TuningTest, FileKeepsChoicesOfOneDriver) {
  Tuning tuning;
  tuning.set("a", "conv_tile:32x128");
  tuning.set("b", "conv_reg");
  tuning.set("b", "");
  tuning.save(file_, 7);
  EXPECT_EQ(Tuning::load(file_, 7)->find("a"), "conv_tile:32x128");
  EXPECT_EQ(Tuning::load(file_, 7)->size(), 1U);
  EXPECT_EQ(Tuning::load(file_, 8)->size(), 0U) << "another driver version";
  std::ofstream(file_) << "{\"kernels\": 3";
  EXPECT_EQ(Tuning::load(file_, 7)->size(), 0U) << "not a tuning file";
  std::filesystem::remove(file_);
  EXPECT_EQ(Tuning::load(file_, 7)->size(), 0U) << "no file";
}

TEST_F(TuningTest, GoesBeforeTheRuleAndBehindWhatIsForced) {
  EXPECT_EQ(make_kernel(layer_.step, caps_).shader, "conv_reg");
  auto tuning = std::make_shared<Tuning>();
  tuning->set(layer_key(layer_.step), "conv_tile:32x64");
  caps_.tuning = tuning;
  caps_.max_workgroup_invocations = 1024;
  caps_.max_shared_bytes = 65536;
  const Kernel tuned = make_kernel(layer_.step, caps_);
  EXPECT_EQ(tuned.shader, "conv_tile");
  EXPECT_EQ(tuned.reason.substr(0, 6), "tuned:");
  EXPECT_EQ(make_kernel(layer_.step, caps_, "conv_direct").shader, "conv_direct");

  PreparedCase other;
  prepare(find("wide"), Storage::kF32, other);
  EXPECT_EQ(make_kernel(other.step, caps_).shader, "conv_reg") << "another layer";
}

TEST_F(TuningTest, AChoiceThatTheDeviceCannotRunIsLeftToTheRule) {
  auto tuning = std::make_shared<Tuning>();
  tuning->set(layer_key(layer_.step), "conv_cm");
  caps_.tuning = tuning;
  EXPECT_EQ(make_kernel(layer_.step, caps_).shader, "conv_reg");
}

}  // namespace
}  // namespace unblur::vk::test
