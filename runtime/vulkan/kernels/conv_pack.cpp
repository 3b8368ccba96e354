// SPDX-License-Identifier: MIT
#include "vulkan/kernels/conv_pack.h"

#include <algorithm>
#include <cstring>

#include "vulkan/kernels/common.h"

namespace unblur::vk {
namespace {

/// Collects weights one by one; fp16 ones are rounded to nearest even.
class Packer {
 public:
  Packer(const ConvWeights& weights, const ConvShape& shape, Storage storage)
      : weights_(weights), shape_(shape), half_(storage != Storage::kF32) {
    for (int n = 0; n < conv_bias_words(shape); ++n) {
      const int total = shape.groups * shape.internal_per_group;
      const int channel = n < total ? shape.original_channel(n) : -1;
      append(channel < 0 ? 0.0F : weights.bias(channel));
    }
    start_ = bytes_.size();
  }

  /// A weight of internal channel `n` over all groups; 0 where channel or input do not exist.
  void add(int phase, int n, int in, int ty, int tx) {
    const int channel = n < shape_.groups * shape_.internal_per_group ? shape_.original_channel(n) : -1;
    const float value =
        channel < 0 || in >= shape_.in_per_group ? 0.0F : weights_.weight(phase, channel, in, ty, tx);
    if (half_) {
      append(float_to_half(value));
    } else {
      append(value);
    }
  }
  void pad_to(std::size_t bytes) {
    bytes_.resize(start_ + (bytes_.size() - start_ + bytes - 1) / bytes * bytes);
  }
  [[nodiscard]] std::vector<std::byte> take() {
    pad_to(16);
    return std::move(bytes_);
  }

 private:
  template <typename T>
  void append(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }

  const ConvWeights& weights_;
  const ConvShape& shape_;
  bool half_;
  std::size_t start_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace

int conv_bias_words(const ConvShape& shape) {
  return (shape.groups * shape.internal_per_group + 127) / 64 * 64;
}

std::vector<std::byte> pack_registers(const ConvWeights& weights, const ConvShape& shape,
                                      const RegisterTile& tile, Storage storage) {
  constexpr std::size_t kLoad = std::size_t{8} * 8;  // bytes that eight lanes load at once
  Packer packer(weights, shape, storage);
  const int blocks = div_up(shape.internal_per_group, tile.block);
  const int steps = div_up(shape.in_per_group, tile.step);
  const int columns = tile.by_tap ? 1 : shape.taps.w;
  for (int phase = 0; phase < shape.phase_count(); ++phase) {
    for (int block = 0; block < blocks * shape.groups; ++block) {
      const int n0 = block / blocks * shape.internal_per_group + block % blocks * tile.block;
      for (int t = 0; t < shape.taps.h * shape.taps.w; t += columns) {  // first tap of a turn
        for (int step = 0; step < steps; ++step) {
          for (int o = 0; o < tile.block; ++o) {
            for (int k = 0; k < columns * tile.step; ++k) {
              packer.add(phase, n0 + o, step * tile.step + k % tile.step, t / shape.taps.w,
                         t % shape.taps.w + k / tile.step);
            }
          }
          packer.pad_to(kLoad);
        }
      }
    }
  }
  return packer.take();
}

std::vector<std::byte> pack_matrix(const ConvWeights& weights, const ConvShape& shape, const MatrixTile& tile,
                                   Storage storage) {
  Packer packer(weights, shape, storage);
  const int blocks = div_up(shape.internal_per_group, tile.block);
  const int inputs = round_up(shape.in_per_group, tile.step);
  for (int phase = 0; phase < shape.phase_count(); ++phase) {
    for (int block = 0; block < blocks * shape.groups; ++block) {
      const int n0 = block / blocks * shape.internal_per_group + block % blocks * tile.block;
      for (int t = 0; t < shape.taps.h * shape.taps.w; ++t) {
        for (int in = 0; in < inputs; ++in) {
          for (int o = 0; o < tile.block; ++o) {
            packer.add(phase, n0 + o, in, t / shape.taps.w, t % shape.taps.w);
          }
        }
      }
    }
  }
  return packer.take();
}

std::vector<std::byte> pack_depthwise(const ConvWeights& weights, const ConvShape& shape, Storage storage) {
  Packer packer(weights, shape, storage);
  for (int phase = 0; phase < shape.phase_count(); ++phase) {
    for (int t = 0; t < shape.taps.h * shape.taps.w; ++t) {
      for (int n = 0; n < round_up(shape.groups, 4); ++n) {
        packer.add(phase, n, 0, t / shape.taps.w, t % shape.taps.w);
      }
    }
  }
  return packer.take();
}

std::vector<std::byte> pack_rows(const ConvWeights& weights, const ConvShape& shape, Storage storage) {
  Packer packer(weights, shape, storage);
  for (int phase = 0; phase < shape.phase_count(); ++phase) {
    for (int n = 0; n < shape.groups * shape.internal_per_group; ++n) {
      for (int t = 0; t < shape.taps.h * shape.taps.w; ++t) {
        for (int in = 0; in < round_up(shape.in_per_group, 4); ++in) {
          packer.add(phase, n, in, t / shape.taps.w, t % shape.taps.w);
        }
      }
    }
  }
  return packer.take();
}

}  // namespace unblur::vk
