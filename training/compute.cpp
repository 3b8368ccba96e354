// SPDX-License-Identifier: MIT
#include "compute.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "graph/error.h"
#include "torch_device.h"

namespace unblur {

c10::Device choose_device(const std::string& text) {
  if (text == "cpu") return {c10::kCPU};
  if (text == "auto") return load_cuda().empty() ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
  if (!text.starts_with("cuda"))
    throw UsageError("'device' must be auto, cpu, cuda or cuda:N, not '" + text + "'");
  if (!load_cuda().empty()) throw DeviceError(load_cuda());
  try {
    const c10::Device device(text);
    return device.has_index() ? device : c10::Device(c10::kCUDA, 0);
  } catch (const c10::Error&) {
    throw UsageError("'" + text + "' names no device");
  }
}

bool use_bf16(const std::string& precision, c10::Device device) {
  if (precision != "auto") return precision == "bf16";
#if defined(__x86_64__)
  return device.is_cuda() || __builtin_cpu_supports("avx512bf16") != 0;
#else
  return device.is_cuda();
#endif
}

std::string describe_compute(c10::Device device, bool bf16) {
  const std::string precision = bf16 ? "bf16 autocast" : "fp32";
  if (device.is_cuda()) return fmt::format("{}, {}, channels last", device.str(), precision);
  const int threads = at::get_num_threads();
  return fmt::format("CPU, {} thread{}, {}, channels last", threads, threads == 1 ? "" : "s", precision);
}

torch::Tensor in_fast_layout(const torch::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

void to_fast_layout(TorchTensors& parameters) {
  for (auto& [name, value] : parameters) {
    if (value.dim() != 4) continue;
    const bool trained = value.requires_grad();
    value = in_fast_layout(value.detach()).requires_grad_(trained);
  }
}

}  // namespace unblur
