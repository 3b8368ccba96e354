// SPDX-License-Identifier: MIT
// Sizes and strides of the operands, from the push-constant words.
#ifndef UNBLUR_OPERANDS_GLSL
#define UNBLUR_OPERANDS_GLSL
#include "interface.glsl"

int view_width(int slot) { return word(kWordViews + 2 * slot) & 0xffff; }
int view_height(int slot) { return int(push.words[kWordViews + 2 * slot] >> 16); }
int view_stride(int slot) { return word(kWordViews + 2 * slot + 1) & 0xffff; }
int view_offset(int slot) { return int(push.words[kWordViews + 2 * slot + 1] >> 16); }

/// Index of channel `c` of a pixel; rows are those of the whole frame.
int element(int slot, int x, int y, int c) {
  return (y * view_width(slot) + x) * view_stride(slot) + view_offset(slot) + c;
}

#endif
