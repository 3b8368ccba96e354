// SPDX-License-Identifier: MIT
// Golden kinds of the system "motion-etr".
#pragma once

#include "golden.h"

namespace unblur::golden::motion_etr {

void visualisation(Case& c, Backend* backend);  ///< the authors' drawings, pixel by pixel

}  // namespace unblur::golden::motion_etr
