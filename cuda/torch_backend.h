// SPDX-License-Identifier: MIT
// The LibTorch executor behind the interface of graph/executor.h: the reference that Vulkan is compared with,
// and the executor of whoever has CUDA. It lives in the shared library unblur_torch, which programs load at
// run time (graph/torch_loader.cpp); nothing links it.
#pragma once

#include "graph/executor.h"

/// `device`: "cpu", "cuda", "cuda:N", with "+tf32" for products of ten bits on CUDA. The caller owns the
/// result. Throws DeviceError where the device is absent. The number changes whenever graph/executor.h does,
/// so that a stale library is refused rather than called.
extern "C" [[gnu::visibility("default")]] unblur::Backend* unblur_create_torch_backend_2(const char* device);
