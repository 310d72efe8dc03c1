// Every op that JavaScript can call, one line each. lib/native.ts holds the TypeScript side of the same list.
#include "../ops/activation.h"
#include "../ops/attention.h"
#include "../ops/color.h"
#include "../ops/conv.h"
#include "../ops/copy.h"
#include "../ops/ctc.h"
#include "../ops/distance.h"
#include "../ops/elementwise.h"
#include "../ops/embedding_bag.h"
#include "../ops/gemm.h"
#include "../ops/grid.h"
#include "../ops/index.h"
#include "../ops/layer_norm.h"
#include "../ops/linalg.h"
#include "../ops/margin.h"
#include "../ops/norm.h"
#include "../ops/optim.h"
#include "../ops/pad.h"
#include "../ops/pool.h"
#include "../ops/random.h"
#include "../ops/reduce.h"
#include "../ops/resample.h"
#include "../ops/resize.h"
#include "../ops/rnn.h"
#include "../ops/sample.h"
#include "../ops/scan.h"
#include "../ops/softmax.h"
#include "../ops/sort.h"
#include "../ops/unary.h"
#include "../ops/unfold.h"
#include "../ops/warp.h"
#include "arguments.h"

namespace nabla::addon {

namespace {
template <auto F, Narrow kNarrow = Narrow::kRefused>
void add(Napi::Env env, Napi::Object exports, const char* name) {
  bind<Binder<F, kNarrow>::kArguments, &Binder<F, kNarrow>::run>(env, exports, name);
}
// The same op as a function that makes its output.
template <auto F>
void addMaker(Napi::Env env, Napi::Object exports, const char* name) {
  bind<Maker<F>::kArguments, &Maker<F>::run>(env, exports, name);
}
}  // namespace

void registerOps(Napi::Env env, Napi::Object exports) {
  add<ops::copy, Narrow::kTaken>(env, exports, "copy");
  add<ops::fill, Narrow::kTaken>(env, exports, "fill");
  add<ops::arange, Narrow::kTaken>(env, exports, "arange");
  add<ops::triangle, Narrow::kTaken>(env, exports, "triangle");
  add<ops::unary>(env, exports, "unary");
  add<ops::activation>(env, exports, "activation");
  add<ops::activationBackward>(env, exports, "activationBackward");
  add<ops::binary>(env, exports, "binary");
  addMaker<ops::unary>(env, exports, "unaryLike");
  addMaker<ops::binary>(env, exports, "binaryLike");
  addMaker<ops::binaryScalar>(env, exports, "binaryScalarLike");
  add<ops::binaryScalar>(env, exports, "binaryScalar");
  add<ops::ternary>(env, exports, "ternary");
  add<ops::ternaryScalar>(env, exports, "ternaryScalar");
  add<ops::where, Narrow::kTaken>(env, exports, "where");
  add<ops::clamp>(env, exports, "clamp");
  add<ops::gather, Narrow::kTaken>(env, exports, "gather");
  add<ops::scatter>(env, exports, "scatter");
  add<ops::indexSelect, Narrow::kTaken>(env, exports, "indexSelect");
  add<ops::index, Narrow::kTaken>(env, exports, "index");
  add<ops::indexPut>(env, exports, "indexPut");
  add<ops::maskCounts>(env, exports, "maskCounts");
  add<ops::maskPositions>(env, exports, "maskPositions");
  add<ops::unravel>(env, exports, "unravel");
  add<ops::oneHot>(env, exports, "oneHot");
  add<ops::cat, Narrow::kTaken>(env, exports, "cat");
  add<ops::uniform>(env, exports, "uniform");
  add<ops::normal>(env, exports, "normal");
  add<ops::bernoulli>(env, exports, "bernoulli");
  add<ops::randint>(env, exports, "randint");
  add<ops::randperm>(env, exports, "randperm");
  add<ops::dropout>(env, exports, "dropout");
  add<ops::checkDomain, Narrow::kTaken>(env, exports, "checkDomain");
  add<ops::multinomial>(env, exports, "multinomial");
  add<ops::poisson>(env, exports, "poisson");
  add<ops::optimStep>(env, exports, "optimStep");
  add<ops::reduce>(env, exports, "reduce");
  add<ops::variance>(env, exports, "variance");
  add<ops::argReduce>(env, exports, "argReduce");
  add<ops::scan>(env, exports, "scan");
  add<ops::sort>(env, exports, "sort");
  add<ops::topk>(env, exports, "topk");
  add<ops::kth>(env, exports, "kth");
  add<ops::mode>(env, exports, "mode");
  add<ops::uniqueRuns>(env, exports, "uniqueRuns");
  add<ops::uniqueRows>(env, exports, "uniqueRows");
  add<ops::searchSorted>(env, exports, "searchSorted");
  add<ops::maxPool>(env, exports, "maxPool");
  add<ops::maxPoolBackward>(env, exports, "maxPoolBackward");
  add<ops::maxPoolIndices>(env, exports, "maxPoolIndices");
  add<ops::avgPool>(env, exports, "avgPool");
  add<ops::avgPoolBackward>(env, exports, "avgPoolBackward");
  add<ops::fractionalIndices>(env, exports, "fractionalIndices");
  add<ops::convolution>(env, exports, "convolution");
  add<ops::convolutionMaxPool>(env, exports, "convolutionMaxPool");
  add<ops::convolutionTranspose>(env, exports, "convolutionTranspose");
  add<ops::convolutionBackwardWeight>(env, exports, "convolutionBackwardWeight");
  add<ops::matmul, Narrow::kTaken>(env, exports, "matmul");
  add<ops::gemm, Narrow::kTaken>(env, exports, "gemm");
  add<ops::linear, Narrow::kTaken>(env, exports, "linear");
  add<ops::linalgCholesky>(env, exports, "linalgCholesky");
  add<ops::linalgLu>(env, exports, "linalgLu");
  add<ops::linalgLuSolve>(env, exports, "linalgLuSolve");
  add<ops::linalgSolve>(env, exports, "linalgSolve");
  add<ops::linalgTriangular>(env, exports, "linalgTriangular");
  add<ops::linalgExp>(env, exports, "linalgExp");
  add<ops::linalgQr>(env, exports, "linalgQr");
  add<ops::linalgLstsq>(env, exports, "linalgLstsq");
  add<ops::linalgSvd>(env, exports, "linalgSvd");
  add<ops::linalgEigh>(env, exports, "linalgEigh");
  add<ops::pad, Narrow::kTaken>(env, exports, "pad");
  add<ops::padBackward>(env, exports, "padBackward");
  add<ops::resample>(env, exports, "resample");
  add<ops::resize, Narrow::kTaken>(env, exports, "resize");
  add<ops::warp, Narrow::kTaken>(env, exports, "warp");
  add<ops::gridSample>(env, exports, "gridSample");
  add<ops::gridSampleBackward>(env, exports, "gridSampleBackward");
  add<ops::colorChain>(env, exports, "colorChain");
  add<ops::normalizeImage>(env, exports, "normalizeImage");
  add<ops::sharpen>(env, exports, "sharpen");
  add<ops::gaussianBlur>(env, exports, "gaussianBlur");
  add<ops::eraseImage>(env, exports, "eraseImage");
  add<ops::distance>(env, exports, "distance");
  add<ops::distanceBackward>(env, exports, "distanceBackward");
  add<ops::distanceBackwardOther>(env, exports, "distanceBackwardOther");
  add<ops::unfold>(env, exports, "unfold");
  add<ops::fold>(env, exports, "fold");
  add<ops::batchNorm>(env, exports, "batchNorm");
  add<ops::batchNormBackward>(env, exports, "batchNormBackward");
  add<ops::layerNorm>(env, exports, "layerNorm");
  add<ops::layerNormBackward>(env, exports, "layerNormBackward");
  add<ops::groupNorm>(env, exports, "groupNorm");
  add<ops::groupNormBackward>(env, exports, "groupNormBackward");
  add<ops::attention>(env, exports, "attention");
  add<ops::attentionBackward>(env, exports, "attentionBackward");
  add<ops::rnnForward>(env, exports, "rnnForward");
  add<ops::rnnBackward>(env, exports, "rnnBackward");
  add<ops::rnnPrevious>(env, exports, "rnnPrevious");
  add<ops::softmax>(env, exports, "softmax");
  add<ops::softmaxBackward>(env, exports, "softmaxBackward");
  add<ops::crossEntropy>(env, exports, "crossEntropy");
  add<ops::crossEntropyBackward>(env, exports, "crossEntropyBackward");
  add<ops::embeddingBag>(env, exports, "embeddingBag");
  add<ops::embeddingBagBackward>(env, exports, "embeddingBagBackward");
  add<ops::embeddingBagFactors>(env, exports, "embeddingBagFactors");
  add<ops::multilabelMargin>(env, exports, "multilabelMargin");
  add<ops::ctcLoss>(env, exports, "ctcLoss");
  add<ops::ctcLossBackward>(env, exports, "ctcLossBackward");
}

}  // namespace nabla::addon
