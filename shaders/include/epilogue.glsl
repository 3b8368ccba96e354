// SPDX-License-Identifier: MIT
// Work on the fp32 result before it is stored (kernel.h: Epilogue): activation, + residual, activation,
// clamp. The shuffle of the store is address arithmetic and belongs to the kernels that offer it.
#ifndef UNBLUR_EPILOGUE_GLSL
#define UNBLUR_EPILOGUE_GLSL
#include "interface.glsl"

layout(constant_id = kSpecActivation) const int kActivation = kUnaryNone;
layout(constant_id = kSpecActivationA) const float kActivationA = 0.0;
layout(constant_id = kSpecResidual) const int kResidual = 0;  // 0 or 1: also how far it moves the slots behind it
layout(constant_id = kSpecPostActivation) const int kPostActivation = kUnaryNone;
layout(constant_id = kSpecPostActivationA) const float kPostActivationA = 0.0;
layout(constant_id = kSpecClamp) const int kClamp = 0;
layout(constant_id = kSpecClampLow) const float kClampLow = 0.0;
layout(constant_id = kSpecClampHigh) const float kClampHigh = 0.0;
layout(constant_id = kSpecShuffle) const int kShuffle = 1;
layout(constant_id = kSpecShuffleOrder) const int kShuffleOrder = 0;

vec4 unary(int kind, vec4 x, float a) {
  switch (kind) {
    case kUnaryRelu: return max(x, vec4(0));
    case kUnaryLeakyRelu: return mix(a * x, x, greaterThanEqual(x, vec4(0)));
    case kUnarySigmoid: return 1.0 / (1.0 + exp(-x));
    case kUnaryTanh: return tanh(x);
    case kUnaryElu: return mix(a * (exp(min(x, vec4(0))) - 1.0), x, greaterThanEqual(x, vec4(0)));
    case kUnaryExp: return exp(x);
    case kUnarySqrt: return sqrt(x);
    case kUnarySquare: return x * x;
    case kUnaryAbs: return abs(x);
    case kUnaryNeg: return -x;
    default: return x;
  }
}

/// True if epilogue() changes nothing.
bool epilogue_empty() {
  return kActivation == kUnaryNone && kResidual == 0 && kPostActivation == kUnaryNone && kClamp == 0;
}

/// `residual` is ignored unless kResidual is 1.
vec4 epilogue(vec4 x, vec4 residual) {
  x = unary(kActivation, x, kActivationA);
  if (kResidual == 1) x += residual;
  x = unary(kPostActivation, x, kPostActivationA);
  if (kClamp == 1) x = min(max(x, vec4(kClampLow)), vec4(kClampHigh));
  return x;
}
#endif
