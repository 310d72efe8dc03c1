// All CPU kernels as function pointers. Filled with the baseline first; a better instruction set replaces rows.
#pragma once
#include "activation.h"
#include "attention.h"
#include "blur.h"
#include "color.h"
#include "conv.h"
#include "conv_weight.h"
#include "copy.h"
#include "ctc.h"
#include "distance.h"
#include "elementwise.h"
#include "embedding_bag.h"
#include "factor.h"
#include "gemm.h"
#include "grid.h"
#include "index.h"
#include "layer_norm.h"
#include "margin.h"
#include "norm.h"
#include "optim.h"
#include "pad.h"
#include "pool.h"
#include "random.h"
#include "reduce.h"
#include "resample.h"
#include "resize.h"
#include "rnn.h"
#include "scan.h"
#include "softmax.h"
#include "sort.h"
#include "special.h"
#include "unary.h"
#include "unfold.h"
#include "variance.h"
#include "warp.h"
#include "winograd.h"
#include "winograd_weight.h"

namespace nabla::cpu {

struct KernelTable {
#define FAMILY(name, Table) Table name;
#include "families.inc"
#undef FAMILY
};

}  // namespace nabla::cpu
