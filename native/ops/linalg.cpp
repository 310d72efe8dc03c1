#include "linalg.h"

#include <algorithm>

namespace nabla::ops {

namespace {

// One operand of a batch: its matrix (a vector is one column), and how to get from one to the next.
struct Operand {
  char* data = nullptr;
  int64_t rows = 1, cols = 1, rowStride = 0, colStride = 0;
  int64_t batch[kMaxDims] = {};

  Operand() = default;
  Operand(const Tensor* t, int batchAxes, int64_t itemBytes) {
    if (!t) return;
    data = t->data;
    if (t->ndim > batchAxes) rows = t->shape[batchAxes], rowStride = t->strides[batchAxes];
    if (t->ndim > batchAxes + 1) cols = t->shape[batchAxes + 1], colStride = t->strides[batchAxes + 1];
    for (int i = 0; i < batchAxes; i++) batch[i] = t->strides[i] * itemBytes;
  }
};

constexpr int kOperands = 4;

struct Batch {
  int axes;
  int64_t count = 1, perChunk = 1;
  int64_t shape[kMaxDims] = {};
  Operand operands[kOperands];

  // `tensors` may hold nulls; the batch axes are those of `a`, a matrix.
  Batch(const Tensor& a, std::initializer_list<const Tensor*> tensors) : axes(a.ndim - 2) {
    for (int i = 0; i < axes; i++) shape[i] = a.shape[i], count *= a.shape[i];
    int k = 0;
    for (const Tensor* t : tensors) operands[k++] = Operand(t, axes, t ? static_cast<int64_t>(itemSize(t->dtype)) : 0);
    const double rows = static_cast<double>(a.shape[axes]), cols = static_cast<double>(a.shape[axes + 1]);
    const double work = 4 * rows * cols * std::min(rows, cols) + 2000;
    perChunk = std::clamp<int64_t>(static_cast<int64_t>(500e3 / work), 1, 4096);
  }
  int64_t chunks() const { return ceilDiv(count, perChunk); }
  char* at(int k, int64_t item) const {
    char* p = operands[k].data;
    for (int i = axes - 1; i >= 0 && p; i--) {
      p += item % shape[i] * operands[k].batch[i];
      item /= shape[i];
    }
    return p;
  }
  template <class T>
  cpu::Matrix<T> matrix(int k, int64_t item) const {
    const Operand& o = operands[k];
    return {reinterpret_cast<T*>(at(k, item)), o.rows, o.cols, o.rowStride, o.colStride};
  }
  template <class T>
  T* pointer(int k, int64_t item) const {
    return reinterpret_cast<T*>(at(k, item));
  }
  cpu::Pivots pivots(int k, int64_t item) const { return {pointer<int32_t>(k, item), operands[k].rowStride}; }

  template <class F>
  void run(Exec& exec, F&& f) const {
    exec.parallelFor(chunks(), [&](int64_t c) {
      const int64_t end = std::min(count, (c + 1) * perChunk);
      for (int64_t i = c * perChunk; i < end && !exec.stopping(); i++) f(i);
    });
  }
};

template <class T, class Family>
const auto& tableOf(const Family& family) {
  if constexpr (sizeof(T) == 4) {
    return family.f32;
  } else {
    return family.f64;
  }
}

long long number(int64_t value) { return static_cast<long long>(value); }

// Stores what a factorization reported, or fails the task.
template <class F>
void report(Exec& exec, const Batch& batch, int info, int64_t item, int64_t failed, F&& fail) {
  if (int32_t* out = batch.pointer<int32_t>(info, item)) {
    *out = static_cast<int32_t>(failed);
  } else if (failed) {
    fail(exec, item, failed);
  }
}

void failPivot(Exec& exec, int64_t item, int64_t pivot) {
  exec.fail("matrix %lld of the batch is singular (pivot %lld is zero)", number(item), number(pivot));
}

void failMinor(Exec& exec, int64_t item, int64_t order) {
  exec.fail("matrix %lld of the batch is not positive definite (the leading minor of order %lld is not positive)",
            number(item), number(order));
}

}  // namespace

void linalgCholesky(Context& ctx, const Tensor& l, const Tensor* info, const Tensor& a) {
  const Batch batch(a, {&a, &l, info});
  dispatchFloat(a.dtype, [&]<class T>(T) {
    const auto kernel = tableOf<T>(ctx.kernels.factor_solve).cholesky;
    ctx.stream.enqueue("linalg.cholesky", {&l, info}, {&a}, [=](Exec& exec) {
      batch.run(exec, [&](int64_t i) {
        report(exec, batch, 2, i, kernel(batch.matrix<T>(0, i), batch.matrix<T>(1, i)), failMinor);
      });
    });
  });
}

void linalgLu(Context& ctx, const Tensor& lu, const Tensor& pivots, const Tensor* info, const Tensor& a, bool check) {
  const Batch batch(a, {&a, &lu, &pivots, info});
  dispatchFloat(a.dtype, [&]<class T>(T) {
    const auto kernel = tableOf<T>(ctx.kernels.factor_solve).lu;
    ctx.stream.enqueue("linalg.lu", {&lu, &pivots, info}, {&a}, [=](Exec& exec) {
      batch.run(exec, [&](int64_t i) {
        const int64_t zero = kernel(batch.matrix<T>(0, i), batch.matrix<T>(1, i), batch.pivots(2, i));
        report(exec, batch, 3, i, zero, [&](Exec& e, int64_t item, int64_t pivot) {
          if (check) failPivot(e, item, pivot);
        });
      });
    });
  });
}

void linalgLuSolve(Context& ctx, const Tensor& x, const Tensor& lu, const Tensor& pivots, bool transposed) {
  if (x.numel() == 0) return;
  const Batch batch(lu, {&lu, &pivots, &x});
  dispatchFloat(lu.dtype, [&]<class T>(T) {
    const auto kernel = tableOf<T>(ctx.kernels.factor_solve).luSolve;
    ctx.stream.enqueue("linalg.luSolve", {&x}, {&lu, &pivots, &x}, [=](Exec& exec) {
      batch.run(exec, [&](int64_t i) {
        const cpu::Pivots rows = batch.pivots(1, i);
        const cpu::Matrix<T> factors = batch.matrix<T>(0, i);
        for (int64_t k = 0; k < factors.rows; k++) {
          const int64_t row = rows.data[k * rows.stride];
          if (row < 1 || row > factors.rows)
            return exec.fail("pivot %lld is out of range [1, %lld]", number(row), number(factors.rows));
        }
        kernel(factors, rows, batch.matrix<T>(2, i), transposed);
      });
    });
  });
}

void linalgSolve(Context& ctx, const Tensor& x, const Tensor* info, const Tensor& a, bool inverse) {
  const Batch batch(a, {&a, &x, info});
  dispatchFloat(a.dtype, [&]<class T>(T) {
    const auto kernel = tableOf<T>(ctx.kernels.factor_solve).solve;
    const char* op = inverse ? "linalg.inv" : "linalg.solve";
    const Tensor* rightSide = inverse ? nullptr : &x;
    ctx.stream.enqueue(op, {&x, info}, {&a, rightSide}, [=](Exec& exec) {
      batch.run(exec, [&](int64_t i) {
        const cpu::Matrix<T> m = batch.matrix<T>(1, i);
        for (int64_t r = 0; inverse && r < m.rows; r++)
          for (int64_t c = 0; c < m.cols; c++) m.data[r * m.rowStride + c * m.colStride] = r == c;
        report(exec, batch, 2, i, kernel(batch.matrix<T>(0, i), m), failPivot);
      });
    });
  });
}

void linalgTriangular(Context& ctx, const Tensor& x, const Tensor& a, bool upper, bool unit) {
  if (x.numel() == 0) return;
  const Batch batch(a, {&a, &x});
  dispatchFloat(a.dtype, [&]<class T>(T) {
    const auto kernel = tableOf<T>(ctx.kernels.factor_solve).triangular;
    ctx.stream.enqueue("linalg.solveTriangular", {&x}, {&a, &x}, [=](Exec& exec) {
      batch.run(exec, [&](int64_t i) { kernel(batch.matrix<T>(0, i), batch.matrix<T>(1, i), upper, unit); });
    });
  });
}

void linalgExp(Context& ctx, const Tensor& out, const Tensor& a) {
  if (out.numel() == 0) return;
  const Batch batch(a, {&a, &out});
  dispatchFloat(a.dtype, [&]<class T>(T) {
    const auto kernel = tableOf<T>(ctx.kernels.factor_solve).exponential;
    ctx.stream.enqueue("linalg.matrixExp", {&out}, {&a}, [=](Exec& exec) {
      batch.run(exec, [&](int64_t i) { kernel(batch.matrix<T>(0, i), batch.matrix<T>(1, i)); });
    });
  });
}

void linalgQr(Context& ctx, const Tensor* q, const Tensor& r, const Tensor& a) {
  const Batch batch(a, {&a, q, &r});
  dispatchFloat(a.dtype, [&]<class T>(T) {
    const auto kernel = tableOf<T>(ctx.kernels.factor_qr).qr;
    ctx.stream.enqueue("linalg.qr", {q, &r}, {&a}, [=](Exec& exec) {
      batch.run(exec, [&](int64_t i) { kernel(batch.matrix<T>(0, i), batch.matrix<T>(1, i), batch.matrix<T>(2, i)); });
    });
  });
}

void linalgLstsq(Context& ctx, const Tensor& x, const Tensor& rank, const Tensor& a, const Tensor& b, double rcond) {
  const Batch batch(a, {&a, &b, &x, &rank});
  dispatchFloat(a.dtype, [&]<class T>(T) {
    const auto kernel = tableOf<T>(ctx.kernels.factor_qr).lstsq;
    ctx.stream.enqueue("linalg.lstsq", {&x, &rank}, {&a, &b}, [=](Exec& exec) {
      batch.run(exec, [&](int64_t i) {
        *batch.pointer<int64_t>(3, i) =
            kernel(batch.matrix<T>(0, i), batch.matrix<T>(1, i), batch.matrix<T>(2, i), static_cast<T>(rcond));
      });
    });
  });
}

void linalgSvd(Context& ctx, const Tensor* u, const Tensor& s, const Tensor* vh, const Tensor& a) {
  const Batch batch(a, {&a, u, &s, vh});
  dispatchFloat(a.dtype, [&]<class T>(T) {
    const auto kernel = tableOf<T>(ctx.kernels.factor_spectral).svd;
    ctx.stream.enqueue("linalg.svd", {u, &s, vh}, {&a}, [=](Exec& exec) {
      batch.run(exec, [&](int64_t i) {
        if (!kernel(batch.matrix<T>(0, i), batch.matrix<T>(1, i), batch.pointer<T>(2, i), batch.operands[2].rowStride,
                    batch.matrix<T>(3, i)))
          exec.fail("matrix %lld of the batch holds NaN or infinity, or its iteration did not converge", number(i));
      });
    });
  });
}

void linalgEigh(Context& ctx, const Tensor& w, const Tensor* v, const Tensor& a) {
  if (a.numel() == 0) return;
  const Batch batch(a, {&a, &w, v});
  dispatchFloat(a.dtype, [&]<class T>(T) {
    const auto kernel = tableOf<T>(ctx.kernels.factor_spectral).eigh;
    ctx.stream.enqueue("linalg.eigh", {&w, v}, {&a}, [=](Exec& exec) {
      batch.run(exec, [&](int64_t i) {
        if (!kernel(batch.matrix<T>(0, i), batch.pointer<T>(1, i), batch.operands[1].rowStride, batch.matrix<T>(2, i)))
          exec.fail("matrix %lld of the batch holds NaN or infinity, or its iteration did not converge", number(i));
      });
    });
  });
}

}  // namespace nabla::ops
