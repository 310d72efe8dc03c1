// Eigen for a file that is compiled once per instruction set. CMake defines `Eigen` as a name that carries the
// instruction set, so that no two copies share a symbol; scripts/check-isa.mjs proves it.
#pragma once
#include <Eigen/Core>

#include "factor.h"

namespace Eigen {
namespace nabla_factors {

template <class T>
using Dense = ::Eigen::Matrix<T, ::Eigen::Dynamic, ::Eigen::Dynamic>;
template <class T>
using Column = ::Eigen::Matrix<T, ::Eigen::Dynamic, 1>;
template <class T>
using Strided = ::Eigen::Map<Dense<T>, ::Eigen::Unaligned, ::Eigen::Stride<::Eigen::Dynamic, ::Eigen::Dynamic>>;
template <class T>
using View = ::nabla::cpu::Matrix<T>;

template <class T>
inline Strided<T> mapped(const View<T>& m) {
  return Strided<T>(m.data, m.rows, m.cols,
                    ::Eigen::Stride<::Eigen::Dynamic, ::Eigen::Dynamic>(m.colStride, m.rowStride));
}

}  // namespace nabla_factors
}  // namespace Eigen
