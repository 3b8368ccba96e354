// SPDX-License-Identifier: MIT
// Time of one training iteration (forward and backward through a clip) in every form the trainer can choose:
//   training_speed [network] [batch] [frames] [crop] [repeats] [threads] [fp32|bf16]
// Wall time and processor time per clip; the latter holds on a busy machine.
#include <torch/torch.h>

#include <ATen/autocast_mode.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "bench.h"
#include "networks/networks.h"
#include "torch_graph.h"

namespace {

using namespace unblur;

struct Setting {
  int batch = 8, frames = 4, crop = 128, repeats = 3;
  bool channels_last = false, bfloat16 = false;
};

void iterate(TorchGraph& net, const Setting& s, const std::vector<torch::Tensor>& clip) {
  at::autocast::set_autocast_enabled(at::kCPU, s.bfloat16);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  TorchTensors states;
  torch::Tensor loss = torch::zeros({});
  for (int t = 0; t < s.frames; ++t) {
    const torch::Tensor& frame = clip[static_cast<std::size_t>(t)];
    TorchTensors inputs{{"frame", frame}};
    if (net.graph().inputs().size() > 1) inputs["next"] = frame;
    const TorchStep step = net.forward(inputs, states);
    states = step.states;
    for (const auto& [name, value] : step.outputs) loss = loss + value.to(torch::kFloat).square().mean();
  }
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  loss.backward();
  for (auto& [name, p] : net.parameters()) p.mutable_grad().reset();
}

void measure(const std::string& network, const Setting& s) {
  const Model model = build_network(network, true);
  TorchGraph net(model.graph, initial_parameters(model.graph, 1));
  net.require_gradients(true);
  const auto format = s.channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  std::vector<torch::Tensor> clip;
  for (int t = 0; t < s.frames; ++t) {
    clip.push_back(torch::rand({s.batch, 3, s.crop, s.crop}).contiguous(format));
  }
  if (s.channels_last) {
    for (auto& [name, p] : net.parameters()) {
      if (p.dim() == 4) p.set_data(p.detach().contiguous(format));
    }
  }
  iterate(net, s, clip);  // warm-up
  std::vector<double> wall, processor;
  for (int i = 0; i < s.repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const double busy = bench::processor_seconds();
    iterate(net, s, clip);
    wall.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    processor.push_back(bench::processor_seconds() - busy);
  }
  std::sort(wall.begin(), wall.end());
  std::sort(processor.begin(), processor.end());
  const auto per_clip = [&](const std::vector<double>& v) { return v[v.size() / 2] / s.batch; };
  std::printf("%-9s %d threads  %-8s %-13s  wall %.3f s/clip (best %.3f)  processor %.3f s/clip\n",
              network.c_str(), at::get_num_threads(), s.bfloat16 ? "bf16" : "fp32",
              s.channels_last ? "channels_last" : "nchw", per_clip(wall), wall.front() / s.batch,
              per_clip(processor));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  const std::string network = argc > 1 ? argv[1] : "rt";
  Setting s{.batch = number(2, 8), .frames = number(3, 4), .crop = number(4, 128), .repeats = number(5, 3)};
  if (argc > 6) at::set_num_threads(number(6, 1));
  const std::string only = argc > 7 ? argv[7] : "";
  for (const bool bfloat16 : {false, true}) {
    if (!only.empty() && only != (bfloat16 ? "bf16" : "fp32")) continue;
    for (const bool channels_last : {false, true}) {
      s.bfloat16 = bfloat16;
      s.channels_last = channels_last;
      measure(network, s);
    }
  }
  return 0;
}
