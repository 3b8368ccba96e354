// SPDX-License-Identifier: MIT
#include "restore.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "value_range.h"

namespace unblur {

torch::Tensor padded_for(const torch::Tensor& frame, const ModelInfo& info) {
  const std::int64_t multiple = info.size_multiple, least = info.min_size;
  const auto up = [&](std::int64_t n) {
    return (std::max(n, least) + multiple - 1) / multiple * multiple - n;
  };
  return at::replication_pad2d(frame, {0, up(frame.size(3)), 0, up(frame.size(2))});
}

torch::Tensor restore_clip(const TorchGraph& net, const torch::Tensor& frames, const ModelInfo& info,
                           c10::Device device) {
  const at::NoGradGuard no_grad;
  const std::int64_t count = frames.size(0), h = frames.size(2), w = frames.size(3);
  const ValueRange range{info.range_low, info.range_high};
  const auto picture = [&](std::int64_t t) {
    return padded_for(range.to_network(frames[t].unsqueeze(0).to(device).to(at::kFloat).div_(255.0)), info);
  };
  TorchWanted wanted = net.everything();
  wanted.outputs = {"frame"};
  TorchTensors states;
  std::vector<at::Tensor> out;
  for (std::int64_t t = 0; t < count; ++t) {
    TorchTensors inputs;
    for (const Value v : net.graph().inputs()) {
      const auto& input = std::get<op::Input>(net.graph().node(v).op);
      inputs[input.name] = picture(std::clamp<std::int64_t>(t + input.frame_offset, 0, count - 1));
    }
    TorchStep step = net.forward(inputs, states, wanted);
    states = std::move(step.states);
    const at::Tensor frame = range.from_network(step.outputs.at("frame"))[0].slice(1, 0, h).slice(2, 0, w);
    out.push_back(frame.clamp(0, 1).mul(255).round().to(at::kByte).cpu());
  }
  return at::stack(out);
}

}  // namespace unblur
