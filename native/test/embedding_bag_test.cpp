// Bags of rows, and margins between labels, against plain loops in double, on every instruction set, with one to three
// threads.
#include "ops/embedding_bag.h"

#include <string>

#include "ops/margin.h"
#include "rig.h"

using namespace nabla;
using namespace nabla::test;

namespace {

using Values = std::vector<double>;

struct Case {
  int64_t rows, width;
  std::vector<double> indices, offsets;
  int64_t padding;
  bool weighted, byFrequency;
};

const Case kCases[] = {
    {6, 5, {3, 1, 1, 0, 5, 3, 3}, {0, 2, 2, 7}, -1, false, false},
    {6, 33, {3, 1, 1, 0, 5, 3, 3}, {0, 2, 5}, 3, true, true},
    {300, 131, {299, 0, 7, 7, 7, 150, 299, 2}, {0, 4}, -1, false, true},
    {3000, 64, {2999, 0, 1000, 1001, 2999}, {0, 1, 2}, 0, true, false},
    {4, 1, {}, {0, 0}, -1, false, false},
};

// `mode` of one bag for one column, and which row a maximum is from.
double expected(const Case& k, const Values& table, const Values& factors, size_t bag, size_t column, int64_t mode,
                double* from) {
  const size_t end = bag + 1 < k.offsets.size() ? static_cast<size_t>(k.offsets[bag + 1]) : k.indices.size();
  double total = 0, count = 0;
  *from = -1;
  for (auto i = static_cast<size_t>(k.offsets[bag]); i < end; i++) {
    if (k.indices[i] == static_cast<double>(k.padding)) continue;
    const double value = table[static_cast<size_t>(k.indices[i]) * static_cast<size_t>(k.width) + column];
    if (mode < 2) total += value * (factors.empty() ? 1 : factors[i]);
    if (mode == 2 && (count == 0 || value > total)) total = value, *from = k.indices[i];
    count++;
  }
  return mode == 1 && count > 0 ? total / count : total;
}

// Sums over the bags of each row: the gradients of the table and of the factors.
void gradients(const Case& k, const Values& table, const Values& factors, const Values& g, int64_t mode,
               Values* gradTable, Values* gradFactors) {
  const auto width = static_cast<size_t>(k.width);
  gradTable->assign(table.size(), 0), gradFactors->assign(k.indices.size(), 0);
  for (size_t bag = 0; bag < k.offsets.size(); bag++) {
    const size_t begin = static_cast<size_t>(k.offsets[bag]),
                 end = bag + 1 < k.offsets.size() ? static_cast<size_t>(k.offsets[bag + 1]) : k.indices.size();
    double count = 0;
    for (size_t i = begin; i < end; i++) count += k.indices[i] != static_cast<double>(k.padding);
    for (size_t i = begin; i < end; i++) {
      if (k.indices[i] == static_cast<double>(k.padding)) continue;
      double f = (factors.empty() ? 1 : factors[i]) / (mode == 1 ? count : 1);
      if (k.byFrequency) f /= static_cast<double>(std::count(k.indices.begin(), k.indices.end(), k.indices[i]));
      for (size_t c = 0; c < width; c++) {
        (*gradTable)[static_cast<size_t>(k.indices[i]) * width + c] += f * g[bag * width + c];
        (*gradFactors)[i] += g[bag * width + c] * table[static_cast<size_t>(k.indices[i]) * width + c];
      }
    }
  }
}

void checkBags(Rig& rig, const Case& k, DType dtype, int64_t mode, const std::string& what, std::vector<Values>* bits) {
  const auto bags = static_cast<int64_t>(k.offsets.size()), n = static_cast<int64_t>(k.indices.size());
  const Tensor wide = rig.make(dtype, {k.rows, k.width + 3}), out = rig.make(dtype, {bags, k.width});
  Tensor table = wide;
  table.shape[1] = k.width;
  const Tensor indices = rig.make(DType::kInt64, {n}), offsets = rig.make(DType::kInt64, {bags}),
               from = rig.make(DType::kInt64, {bags, k.width});
  const Tensor factors = rig.make(dtype, {n}), g = rig.make(dtype, {bags, k.width}),
               gradTable = rig.make(dtype, {k.rows, k.width}), gradFactors = rig.make(dtype, {n});
  rig.fillNormal(wide, 1);
  const Values t = Rig::values(table), gs = rig.fillNormal(g, 2), fs = rig.fillNormal(factors, 3);
  Rig::fill(indices, k.indices), Rig::fill(offsets, k.offsets);
  const bool weighted = k.weighted && mode == 0;
  const Tensor* f = weighted ? &factors : nullptr;
  ops::embeddingBag(rig.ctx, out, mode == 2 ? &from : nullptr, table, indices, offsets, f, mode, k.padding);
  if (mode < 2) ops::embeddingBagBackward(rig.ctx, gradTable, g, indices, offsets, f, mode, k.padding, k.byFrequency);
  ops::embeddingBagFactors(rig.ctx, gradFactors, g, table, indices, offsets, k.padding);
  rig.wait();
  Values want, rows, wantTable, wantFactors;
  for (size_t b = 0; b < k.offsets.size(); b++) {
    for (size_t c = 0; c < static_cast<size_t>(k.width); c++) {
      double row;
      want.push_back(expected(k, t, weighted ? fs : Values{}, b, c, mode, &row));
      rows.push_back(row);
    }
  }
  const double limit = dtype == DType::kFloat64 ? 1e-14 : 2e-6;
  CHECK(maxError(Rig::values(out), want) < limit, "%s %g", what.c_str(), maxError(Rig::values(out), want));
  if (mode == 2) CHECK(same(Rig::values(from), rows), "%s: rows of the maxima", what.c_str());
  gradients(k, t, weighted ? fs : Values{}, gs, mode, &wantTable, &wantFactors);
  if (mode < 2) CHECK(maxError(Rig::values(gradTable), wantTable) < limit, "%s: table", what.c_str());
  CHECK(maxError(Rig::values(gradFactors), wantFactors) < 8 * limit, "%s: factors", what.c_str());
  for (const Tensor* r : {&out, &gradTable, &gradFactors}) bits->push_back(Rig::values(*r));
}

void checkErrors(Rig& rig) {
  const Tensor table = rig.make(DType::kFloat32, {3, 2}), out = rig.make(DType::kFloat32, {2, 2});
  const Tensor indices = rig.make(DType::kInt64, {3}), offsets = rig.make(DType::kInt64, {2});
  for (const auto& [list, starts] : std::vector<std::pair<Values, Values>>{
           {{0, 1, 3}, {0, 1}}, {{0, -1, 2}, {0, 1}}, {{0, 1, 2}, {1, 2}}, {{0, 1, 2}, {0, 4}}, {{0, 1, 2}, {0, -1}}}) {
    Rig::fill(indices, list), Rig::fill(offsets, starts);
    ops::embeddingBag(rig.ctx, out, nullptr, table, indices, offsets, nullptr, 0, -1);
    rig.wait();
    CHECK(Stream::errorOf(out) != nullptr, "a wrong list");
  }
}

void checkMargins(Rig& rig, DType dtype, int64_t classes, std::vector<Values>* bits) {
  const int64_t rows = 5;
  const Tensor x = rig.make(dtype, {rows, classes}), target = rig.make(DType::kInt64, {rows, classes});
  const Tensor losses = rig.make(dtype, {rows}), slopes = rig.make(dtype, {rows, classes});
  const Values xs = rig.fillNormal(x, 5);
  const auto width = static_cast<size_t>(classes);
  Values lists(5 * width), wantLoss(5), wantSlopes(5 * width);
  for (size_t i = 0; i < lists.size(); i++)
    lists[i] = i % width == i / width + 1 ? -1 : static_cast<double>(i * 7 % width);
  Rig::fill(target, lists);
  ops::multilabelMargin(rig.ctx, losses, slopes, x, target);
  rig.wait();
  for (size_t r = 0; r < 5; r++) {
    const auto begin = lists.begin() + static_cast<int64_t>(r * width);
    const auto end = std::find(begin, begin + classes, -1.0);
    for (auto own = begin; own != end; own++) {
      for (size_t i = 0; i < width; i++) {
        const double z = 1 - xs[r * width + static_cast<size_t>(*own)] + xs[r * width + i];
        if (z <= 0 || std::find(begin, end, static_cast<double>(i)) != end) continue;
        wantLoss[r] += z / static_cast<double>(classes);
        wantSlopes[r * width + i] += 1 / static_cast<double>(classes);
        wantSlopes[r * width + static_cast<size_t>(*own)] -= 1 / static_cast<double>(classes);
      }
    }
  }
  const double limit = dtype == DType::kFloat64 ? 1e-14 : 2e-6;
  CHECK(maxError(Rig::values(losses), wantLoss) < limit, "margins %g", maxError(Rig::values(losses), wantLoss));
  CHECK(maxError(Rig::values(slopes), wantSlopes) < limit, "slopes %g", maxError(Rig::values(slopes), wantSlopes));
  bits->push_back(Rig::values(losses)), bits->push_back(Rig::values(slopes));
}

}  // namespace

int main() {
  for (Isa isa : isas()) {
    std::vector<Values> first;
    for (int threads = 1; threads <= 3; threads++) {
      std::vector<Values> bits;
      Rig rig(isa, threads);
      for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
        for (const Case& k : kCases)
          for (int64_t mode : {0, 1, 2})
            checkBags(
                rig, k, dtype, mode,
                std::string(isaName(isa)) + ", case " + std::to_string(&k - kCases) + ", mode " + std::to_string(mode),
                &bits);
        for (int64_t classes : {1, 4, 19, 300}) checkMargins(rig, dtype, classes, &bits);
      }
      checkErrors(rig);
      if (first.empty()) first = bits;
      for (size_t i = 0; i < bits.size(); i++) CHECK(same(bits[i], first[i]), "bits %zu", i);
    }
  }
  return finish("embedding_bag");
}
