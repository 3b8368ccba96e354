// SPDX-License-Identifier: MIT
// Numbers that C++ and GLSL must agree on. Included by both, so nothing here but `const int`.
// runtime/vulkan/kernels/common.h asserts that they match kernel.h and ops.h.
#ifndef UNBLUR_SHADER_CONSTANTS_H
#define UNBLUR_SHADER_CONSTANTS_H
#ifdef __cplusplus
namespace unblur::vk::shader {
#define UNBLUR_CONST inline constexpr int
#else
#define UNBLUR_CONST const int
#endif

// ---- push constants (kernel.h: PushConstants) ----
UNBLUR_CONST kBuffers = 6;
UNBLUR_CONST kWords = 20;

// ---- storage of a buffer's elements; both fp16 forms have the same bytes ----
UNBLUR_CONST kStorageF32 = 0;
UNBLUR_CONST kStorageF16 = 1;

// ---- specialization constant ids, the same in every shader ----
UNBLUR_CONST kSpecStorage = 0;         // 0..5: storage of buffer i
UNBLUR_CONST kSpecActivation = 6;      // 0 = none, else 1 + UnaryKind
UNBLUR_CONST kSpecActivationA = 7;     // float
UNBLUR_CONST kSpecResidual = 8;        // 1: the last input is added
UNBLUR_CONST kSpecPostActivation = 9;  // as kSpecActivation, after the residual
UNBLUR_CONST kSpecPostActivationA = 10;
UNBLUR_CONST kSpecClamp = 11;  // 1: clamp to [low, high]
UNBLUR_CONST kSpecClampLow = 12;
UNBLUR_CONST kSpecClampHigh = 13;
UNBLUR_CONST kSpecShuffle = 14;       // factor of the pixel shuffle in the store, 1 = none
UNBLUR_CONST kSpecShuffleOrder = 15;  // ShuffleOrder
UNBLUR_CONST kSpecGroupX = 16;        // workgroup size
UNBLUR_CONST kSpecGroupY = 17;
UNBLUR_CONST kSpecNarrow = 18;  // view.glsl: 1: at most 4 channels, so blocks are half empty
UNBLUR_CONST kSpecOwn = 19;     // first id that a shader family may use for itself

// ---- UnaryKind + 1 ----
UNBLUR_CONST kUnaryNone = 0;
UNBLUR_CONST kUnaryRelu = 1;
UNBLUR_CONST kUnaryLeakyRelu = 2;
UNBLUR_CONST kUnarySigmoid = 3;
UNBLUR_CONST kUnaryTanh = 4;
UNBLUR_CONST kUnaryElu = 5;
UNBLUR_CONST kUnaryExp = 6;
UNBLUR_CONST kUnarySqrt = 7;
UNBLUR_CONST kUnarySquare = 8;
UNBLUR_CONST kUnaryAbs = 9;
UNBLUR_CONST kUnaryNeg = 10;

// ---- BinaryKind; kBinaryNone: the first operand alone ----
UNBLUR_CONST kBinaryAdd = 0;
UNBLUR_CONST kBinarySub = 1;
UNBLUR_CONST kBinaryMul = 2;
UNBLUR_CONST kBinaryDiv = 3;
UNBLUR_CONST kBinaryMax = 4;
UNBLUR_CONST kBinaryMin = 5;
UNBLUR_CONST kBinaryNone = 6;

// ---- Border ----
UNBLUR_CONST kBorderZero = 0;
UNBLUR_CONST kBorderReflect = 1;
UNBLUR_CONST kBorderReplicate = 2;

// ---- elementwise ----
UNBLUR_CONST kAffineNone = 0;
UNBLUR_CONST kAffineConstant = 1;  // two words
UNBLUR_CONST kAffineChannel = 2;   // a buffer

// ---- rearrange ----
UNBLUR_CONST kMoveConcat = 0;  // and slice
UNBLUR_CONST kMoveShuffle = 1;
UNBLUR_CONST kMoveUnshuffle = 2;        // channel-major
UNBLUR_CONST kMoveUnshuffleBlocks = 3;  // block-major
UNBLUR_CONST kMoveNeighbourhood = 4;

// ---- channels ----
UNBLUR_CONST kChannelsSum = 0;
UNBLUR_CONST kChannelsMean = 1;
UNBLUR_CONST kChannelsMax = 2;
UNBLUR_CONST kChannelsSoftmax = 3;
UNBLUR_CONST kChannelsCentred = 4;
UNBLUR_CONST kChannelsRms = 5;
UNBLUR_CONST kChannelsMaxHeld = 8;

// ---- reduce_space ----
UNBLUR_CONST kReduceSum = 0;
UNBLUR_CONST kReduceMean = 1;
UNBLUR_CONST kReduceMax = 2;
UNBLUR_CONST kReduceGroup = 128;  // every Vulkan device allows it

// ---- push-constant words of the kernels that use view.glsl ----
UNBLUR_CONST kWordRow = 0;            // first output row of the dispatch
UNBLUR_CONST kWordBlocks = 1;         // blocks of 8 channels per pixel
UNBLUR_CONST kWordBlocksInverse = 2;  // 1 / blocks as float
UNBLUR_CONST kWordChannels = 3;       // of the output
UNBLUR_CONST kWordViews = 4;          // two words per slot: w | h << 16, pixel stride | channel offset << 16
UNBLUR_CONST kWordOwn = 16;           // first word a family may use for itself
UNBLUR_CONST kMaxViews = 6;

// ---- convolutions: views as above, and ----
UNBLUR_CONST kWordRowEnd = kWordOwn;    // one behind the last output row of the dispatch
UNBLUR_CONST kConvOwn = kSpecOwn + 22;  // first specialization constant of one convolution kernel
UNBLUR_CONST kDeformSpec = kConvOwn;    // deformable ones: groups, whether there is a mask

#undef UNBLUR_CONST
#ifdef __cplusplus
}  // namespace unblur::vk::shader
#endif
#endif
