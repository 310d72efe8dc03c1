// Winograd's minimal filtering for 3x3 float32 convolutions with stride, dilation and groups of one; layouts as in
// conv.h. It multiplies 2.25 or 4 times less than the direct way and rounds a little more.
#pragma once
#include "context.h"
#include "conv_plan.h"

namespace nabla::ops {

enum class ConvPass : uint8_t { kForward, kInput, kWeight };

// What decides: strides, paddings and dilations of height and width.
struct ConvOptions {
  int64_t strideH, strideW, padH, padW, dilationH, dilationW, groups;
};

// By tile: kF2 makes 2x2 results at once, kF4 4x4.
enum class ConvMethod : int8_t { kDirect = -1, kF2 = 0, kF4 = 1 };

// The faster method for a pass over input x and output out (or their gradients).
ConvMethod chooseMethod(const Context& ctx, ConvPass pass, const Tensor& x, const Tensor& weight, const Tensor& out,
                        const ConvOptions& options);

// A convolution as the passes below take it. method: kDirect where they cannot do it or would be slower.
struct WinogradCall {
  ConvMethod method;
  Tensor x, weight, out;
  int64_t padH, padW;
};
WinogradCall winogradCall(const Context& ctx, ConvPass pass, const ConvProblem& problem, const Tensor& x,
                          const Tensor& weight, const Tensor& out);

// These take every size and padding. `method` is not kDirect.
void winogradForward(Context& ctx, ConvMethod method, const Tensor& out, const Tensor& x, const Tensor& weight,
                     const Tensor* bias, const Tensor* addend, int64_t padH, int64_t padW, Activation activation);
// relu(call.x * call.weight + bias), of which call.out has the shape, with windows of 2x2 side by side pooled into
// `out`.
void winogradMaxPool(Context& ctx, const WinogradCall& call, const Tensor& out, const Tensor& places,
                     const Tensor* bias);
void winogradBackwardInput(Context& ctx, ConvMethod method, const Tensor& gradX, const Tensor& gradOut,
                           const Tensor& weight, const Tensor* bias, const Tensor* mask, int64_t padH, int64_t padW);
// gradBias may be null.
void winogradBackwardWeight(Context& ctx, ConvMethod method, const Tensor& gradWeight, const Tensor* gradBias,
                            const Tensor& gradOut, const Tensor& x, int64_t padH, int64_t padW);

}  // namespace nabla::ops
