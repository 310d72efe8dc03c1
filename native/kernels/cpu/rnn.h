// One time step of a recurrent layer: contract. Dtypes: float and double. Gates lie in PyTorch's order: LSTM i, f, g,
// o; GRU r, z, n, and fourth what the hidden state adds to n before r multiplies it. Formulas:
// https://docs.pytorch.org/docs/2.13/generated/torch.nn.LSTM.html, GRU.html and RNN.html.
#pragma once
#include <stdint.h>

namespace nabla::cpu {

enum RnnKind : int { kRnnTanh, kRnnRelu, kLstm, kGru, kRnnKinds };

template <class T>
struct RnnWeights {
  int64_t hidden, inputs, states;  // units, and how long x and the previous hidden state are
  const T *input, *state;          // [gates * hidden, inputs] and [gates * hidden, states]
  const T *inputBias, *stateBias;  // [gates * hidden] or null
  T* packed;                       // out: panelWidth * (inputs + states) for each group of units
  T* biases;                       // out: 4 * lanes for each group
};

// Rows of the batch. `...Row` are distances of rows, in elements.
template <class T>
struct RnnStep {
  int64_t rows, hidden;
  const T *x, *h;  // [rows, inputs], [rows, states]
  int64_t inputs, xRow, states, hRow;
  const T *packed, *biases;
  const T* c;  // LSTM: the previous cells [rows, hidden]; may be cOut
  T* cOut;
  int64_t cRow, cOutRow;
  T* out;  // [rows, hidden]
  int64_t outRow;
  T* gates;  // [rows, 4 * hidden], LSTM and GRU; null: not kept
  int64_t gatesRow;
};

template <class T>
struct RnnGradient {
  int64_t rows, hidden;
  int64_t from, to;  // units
  const T* gates;
  int64_t gatesRow;
  const T *c, *cPrevious;  // LSTM
  int64_t cRow, cPreviousRow;
  const T* h;  // RNN: the output of the step; GRU: the state before it
  int64_t hRow;
  const T* gradOut;  // or null
  int64_t gradOutRow;
  T* gradH;  // in: what later steps ask for; out, GRU only: the part that goes past the gates
  T* gradC;  // LSTM, changed in place
  int64_t gradHRow, gradCRow;
  T* gradGates;  // [rows, hidden] RNN, [rows, 4 * hidden] LSTM; GRU [rows, 4 * hidden]: r, z, n of the state, n of x
  int64_t gradGatesRow;
};

template <class T>
struct RnnTable {
  int64_t units[kRnnKinds];       // units of one group
  int64_t panelWidth[kRnnKinds];  // packed numbers of a group for each number of x or h
  int64_t lanes;
  void (*pack[kRnnKinds])(const RnnWeights<T>& weights, int64_t from, int64_t to);  // groups
  void (*step[kRnnKinds])(const RnnStep<T>& step, int64_t from, int64_t to);        // groups
  void (*gradient[kRnnKinds])(const RnnGradient<T>& gradient);
};

struct RnnKernels {
  RnnTable<float> f32;
  RnnTable<double> f64;
};

}  // namespace nabla::cpu
