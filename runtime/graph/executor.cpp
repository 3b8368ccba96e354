// SPDX-License-Identifier: MIT
#include "graph/executor.h"

#include "graph/error.h"
#include "graph/observed.h"

namespace unblur {

// NOLINTNEXTLINE(performance-unnecessary-value-param): executors that can keep the model
std::unique_ptr<ObservedPlan> Backend::observe(std::shared_ptr<const Model> /*model*/, int /*height*/,
                                               int /*width*/, Precision /*precision*/, bool /*fuse*/) {
  throw UsageError(device().name + " cannot run a plan layer by layer");
}

}  // namespace unblur
