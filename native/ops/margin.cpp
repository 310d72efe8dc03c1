#include "margin.h"

#include <algorithm>

namespace nabla::ops {

void multilabelMargin(Context& ctx, const Tensor& losses, const Tensor& slopes, const Tensor& x, const Tensor& target) {
  const int64_t rows = x.shape[0], classes = x.shape[1], perChunk = std::max<int64_t>(1, 4096 / classes);
  const bool isDouble = x.dtype == DType::kFloat64;
  const auto item = static_cast<int64_t>(itemSize(x.dtype));
  const auto kernel = ctx.kernels.margin.multilabel[isDouble];
  ctx.stream.enqueue(
      "multilabelMarginLoss", {&losses, &slopes}, {&x, &target},
      [=, from = x.data, to = slopes.data, sums = losses.data, lists = target.ptr<int64_t>()](Exec& exec) {
        exec.parallelFor(ceilDiv(rows, perChunk), [&](int64_t chunk) {
          void* scratch = ThreadPool::threadScratch(static_cast<size_t>(classes * item));
          const int64_t last = std::min(rows, (chunk + 1) * perChunk);
          for (int64_t row = chunk * perChunk; row < last; row++) {
            const int64_t* own = lists + row * classes;
            for (int64_t i = 0; i < classes; i++) {
              if (own[i] >= -1 && own[i] < classes) continue;
              return exec.fail("target class %lld is out of range [-1, %lld)", static_cast<long long>(own[i]),
                               static_cast<long long>(classes));
            }
            const int64_t count = std::find(own, own + classes, -1) - own;
            const double loss =
                kernel(from + row * classes * item, own, count, classes, to + row * classes * item, scratch);
            if (isDouble)
              reinterpret_cast<double*>(sums)[row] = loss;
            else
              reinterpret_cast<float*>(sums)[row] = static_cast<float>(loss);
          }
        });
      });
}

}  // namespace nabla::ops
