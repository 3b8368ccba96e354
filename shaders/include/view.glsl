// SPDX-License-Identifier: MIT
// The addressing shared by kernels that compute one pixel x 8 channels per invocation: sizes and strides
// of the operands in push-constant words, and the item an invocation works on.
#ifndef UNBLUR_VIEW_GLSL
#define UNBLUR_VIEW_GLSL
#include "epilogue.glsl"

int view_width(int slot) { return word(kWordViews + 2 * slot) & 0xffff; }
int view_height(int slot) { return int(push.words[kWordViews + 2 * slot] >> 16); }
int view_stride(int slot) { return word(kWordViews + 2 * slot + 1) & 0xffff; }
int view_offset(int slot) { return int(push.words[kWordViews + 2 * slot + 1] >> 16); }

/// Index of channel `c` of a pixel; rows are those of the whole frame.
int element(int slot, int x, int y, int c) {
  return (y * view_width(slot) + x) * view_stride(slot) + view_offset(slot) + c;
}

struct Item {
  int x, y;     // output pixel
  int channel;  // first of 8 output channels
  bool inside;  // false in the tail of the last workgroup of a row
};

/// Rows are workgroups in y; pixel and channel block come from the flat index x * blocks + block, so that
/// neighbouring lanes touch neighbouring memory. The division by the float reciprocal is exact below 2^22.
Item this_item(int out_slot) {
  const int index = int(gl_GlobalInvocationID.x);
  const int blocks = word(kWordBlocks);
  Item item;
  item.x = int((float(index) + 0.5) * word_float(kWordBlocksInverse));
  item.y = word(kWordRow) + int(gl_WorkGroupID.y);
  item.channel = 8 * (index - item.x * blocks);
  item.inside = item.x < view_width(out_slot);
  return item;
}

/// Epilogue, zeros in the padding channels, store. `residual_slot` matters only if kResidual is 1.
void finish(Item item, Vec8 x, int residual_slot, int out_slot) {
  Vec8 r = Vec8(vec4(0), vec4(0));
  if (kResidual == 1) r = load8(residual_slot, element(residual_slot, item.x, item.y, item.channel));
  const int channels = word(kWordChannels);
  x.lo = zero_padding(epilogue(x.lo, r.lo), item.channel, channels);
  x.hi = zero_padding(epilogue(x.hi, r.hi), item.channel + 4, channels);
  store8(out_slot, element(out_slot, item.x, item.y, item.channel), x);
}
#endif
