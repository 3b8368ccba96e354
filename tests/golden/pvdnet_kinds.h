// SPDX-License-Identifier: MIT
// Kinds of the system "pvdnet" (tests/golden/pvdnet/README.md), one function each.
#pragma once

#include "golden.h"

namespace unblur::golden::pvdnet {

void correlation(Case& c, Backend* backend);
void warp(Case& c, Backend* backend);
void pixel_volume(Case& c, Backend* backend);
void bimnet(Case& c, Backend* backend);
void pvdnet(Case& c, Backend* backend);
void pvdnet_large(Case& c, Backend* backend);
void deblur_step(Case& c, Backend* backend);
void deblur_step_large(Case& c, Backend* backend);
void deblur_sequence(Case& c, Backend* backend);
void deblur_sequence_large(Case& c, Backend* backend);
void metrics(Case& c, Backend* backend);

}  // namespace unblur::golden::pvdnet
