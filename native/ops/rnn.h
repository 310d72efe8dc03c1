// Recurrent layers: one direction of one layer over a whole sequence. `kind` is cpu::RnnKind. Float32 and float64.
// Rows are the steps one after the other: x [rows, I], out [rows, P], each row contiguous at any distance. `spans`
// int64 [2, T], contiguous: how many rows each step has (never growing), and its first row; null: all have the N rows
// of h0 [N, P]. P is H, or with `project` [P, H] (LSTM) the size it projects to.
#pragma once
#include "context.h"

namespace nabla::ops {

// hN [N, P] and cN [N, H] get the last state of every row of the batch. For the backward pass `gates` [rows, 4 * H]
// (LSTM, GRU), `cells` [rows, H] (LSTM) and `inner` [rows, H] (what is projected) may be kept.
void rnnForward(Context& ctx, const Tensor& out, const Tensor& hN, const Tensor* cN, const Tensor* gates,
                const Tensor* cells, const Tensor* inner, const Tensor& x, const Tensor& h0, const Tensor* c0,
                const Tensor& inputWeight, const Tensor& stateWeight, const Tensor* inputBias, const Tensor* stateBias,
                const Tensor* project, const Tensor* spans, int64_t kind, bool reverse);

// gradGates: RNN [rows, H], LSTM [rows, 4 * H], GRU [rows, 4 * H] with r, z, n of the state and n of x. gradH and gradC
// come in as the gradients of hN and cN and leave as those of h0 and c0; without `first`, gradH leaves undefined.
// gradStates [rows, P]: the whole gradient of each projected state. `out` is the output of rnnForward.
void rnnBackward(Context& ctx, const Tensor& gradGates, const Tensor& gradH, const Tensor* gradC,
                 const Tensor* gradStates, const Tensor* gradOut, const Tensor* gates, const Tensor* cells,
                 const Tensor& out, const Tensor& h0, const Tensor* c0, const Tensor& stateWeight,
                 const Tensor* project, const Tensor* spans, int64_t kind, bool reverse, bool first);

// to [rows, P]: the state before each row's step.
void rnnPrevious(Context& ctx, const Tensor& to, const Tensor& out, const Tensor& h0, const Tensor* spans,
                 bool reverse);

}  // namespace nabla::ops
