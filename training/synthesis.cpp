// SPDX-License-Identifier: MIT
#include "synthesis.h"

#include <ATen/Functions.h>

#include "degrade.h"
#include "render.h"
#include "truth.h"

namespace unblur {
namespace {

constexpr std::uint64_t kNoiseStream = 3;

torch::Tensor repeat_frame(const torch::Tensor& one, int frames) {
  if (!one.defined() || one.size(0) == frames) return one;
  std::vector<std::int64_t> sizes = one.sizes().vec();
  sizes[0] = frames;
  return one.expand(sizes).contiguous();
}

void add_truth(const ClipPlan& plan, const std::vector<Labels>& labels, torch::Device device, Clip& clip) {
  std::vector<torch::Tensor> flows, visible, trajectories, gathers, shown;
  for (int k = 0; k < plan.frames; ++k) {
    const Labels& now = labels[static_cast<std::size_t>(k)];
    if (k == 0) {
      flows.push_back(torch::zeros({2, plan.height, plan.width}));
      visible.push_back(torch::zeros({1, plan.height, plan.width}));
    } else {
      flows.push_back(flow_to_previous(plan, k, now.layer));
      visible.push_back(visible_in_previous(flows.back(), now, labels[static_cast<std::size_t>(k - 1)]));
    }
    if (plan.trajectory_points > 0) {
      trajectories.push_back(exposure_paths(plan, k, now.layer, false));
      gathers.push_back(exposure_paths(plan, k, now.layer, true));
      shown.push_back(shown_throughout(plan, k, now));
    }
  }
  clip.flow = torch::stack(flows).to(device);
  clip.visible = torch::stack(visible).to(device);
  if (plan.trajectory_points > 0) {
    clip.trajectory = torch::stack(trajectories).to(device);
    clip.gather = torch::stack(gathers).to(device);
    clip.shown = torch::stack(shown).to(device);
  }
}

}  // namespace

Clip render_clip(const ClipPlan& plan, const PhotoLibrary& photos, torch::Device device, int frames) {
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> textures = build_textures(plan, photos, device);
  std::vector<torch::Tensor> blurred, sharp;
  std::vector<Labels> labels(static_cast<std::size_t>(plan.frames));
  for (int k = 0; k < plan.frames; ++k) {
    const auto at = static_cast<std::size_t>(k);
    sharp.push_back(render_frame(plan, textures, k, {0.0}, &labels[at]));
    labels[at].layer = labels[at].layer.cpu();
    labels[at].mixed = labels[at].mixed.cpu();
    blurred.push_back(
        plan.still ? sharp.back()
                   : render_frame(plan, textures, k, exposure_offsets(plan.duty[at], plan.instants[at])));
  }
  const ResponseTables tables = response_tables(plan.degradation);
  const auto planar = [](const std::vector<torch::Tensor>& pictures) {
    return torch::stack(pictures).permute({0, 3, 1, 2}).contiguous();
  };
  Clip clip;
  const std::uint64_t key = CounterRng(plan.seed, plan.index, kNoiseStream).key();
  clip.sharp = to_bytes(encode_linear(planar(sharp), tables));
  clip.blurred = degrade(planar(blurred), plan.degradation, tables, key);
  add_truth(plan, labels, device, clip);
  clip.blur_length = plan.blur_length;
  clip.bin = plan.bin();
  clip.repeated = plan.repeated;
  clip.index = plan.index;
  if (plan.repeated) {  // nothing moves from frame to frame, so every pixel is where it was
    clip.visible = torch::ones_like(clip.visible);
    for (torch::Tensor* t : {&clip.blurred, &clip.sharp, &clip.flow, &clip.visible, &clip.trajectory,
                             &clip.gather, &clip.shown}) {
      *t = repeat_frame(*t, frames);
    }
    clip.visible[0].zero_();
  }
  return clip;
}

Clip synthesise(const SynthesisOptions& options, const PhotoLibrary& photos, std::uint64_t seed,
                std::uint64_t index, torch::Device device) {
  return render_clip(draw_plan(options, photos, seed, index), photos, device, options.frames);
}

}  // namespace unblur
