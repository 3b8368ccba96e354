// SPDX-License-Identifier: MIT
// What kernels share that compute one pixel x 8 channels per invocation: the item an invocation works on.
#ifndef UNBLUR_VIEW_GLSL
#define UNBLUR_VIEW_GLSL
#include "operands.glsl"

layout(constant_id = kSpecNarrow) const int kNarrow = 0;

struct Item {
  int x, y;     // output pixel
  int channel;  // first of 8 output channels
  bool inside;  // false in the tail of the last workgroup of a row
};

/// Whole part and remainder of a / b for 0 <= a < 2^31, 0 < b < 2^30: a float quotient, put right.
int divide(int a, int b, out int remainder) {
  int q = int(float(a) / float(b));
  int r = a - q * b;
  if (r < 0) {
    --q;
    r += b;
  }
  if (r >= b) {
    ++q;
    r -= b;
  }
  remainder = r;
  return q;
}

/// a / b for small numbers: exact while a < 2^22. `inverse` is 1 / b.
int divide_small(int a, float inverse) { return int((float(a) + 0.5) * inverse); }

/// Rows are workgroups in y; pixel and channel block come from the flat index x * blocks + block, so that
/// neighbouring lanes touch neighbouring memory. Lanes past the end repeat the last item and store nothing:
/// returning early would put every load of lavapipe under a mask.
Item this_item(int out_slot) {
  const int blocks = word(kWordBlocks);
  const int last = view_width(out_slot) * blocks - 1;
  const int index = int(gl_GlobalInvocationID.x);
  const int used = min(index, last);
  Item item;
  item.x = divide_small(used, word_float(kWordBlocksInverse));
  item.y = word(kWordRow) + int(gl_WorkGroupID.y);
  item.channel = 8 * (used - item.x * blocks);
  item.inside = index <= last;
  return item;
}

/// load8 of an operand with the output's channels: pictures and flows skip the padding half.
Vec8 load_block(int slot, int i) { return kNarrow == 1 ? Vec8(load4(slot, i), vec4(0)) : load8(slot, i); }

/// Stores a block with zeros in the padding channels.
void store_item(Item item, Vec8 x, int out_slot) {
  const int channels = word(kWordChannels);
  x.lo = zero_padding(x.lo, item.channel, channels);
  x.hi = zero_padding(x.hi, item.channel + 4, channels);
  if (item.inside) store8(out_slot, element(out_slot, item.x, item.y, item.channel), x);
}
#endif
