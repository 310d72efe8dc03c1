// JavaScript values to plain structs: Binder<ops::f> makes a Node function of `void f(Context&, ...)`.
#pragma once
#include <span>
#include <vector>

#include "environment.h"

namespace nabla::addon {

// The arguments of one call, read without an object per argument: what Napi::CallbackInfo offers, but cheaper.
struct Call {
  napi_env env;
  const napi_value* values;
  Napi::Env Env() const { return env; }
  Napi::Value operator[](size_t i) const { return Napi::Value(env, values[i]); }
};

template <class Info>
int64_t toInt(const Info& info, size_t i) {
  int64_t value = 0;
  if (napi_get_value_int64(info.Env(), info[i], &value) != napi_ok)
    throw Napi::TypeError::New(info.Env(), "internal: argument " + std::to_string(i) + " is not a number");
  return value;
}

inline uint32_t toHandle(const Call& info, size_t i) {
  uint32_t value = 0;
  if (napi_get_value_uint32(info.env, info.values[i], &value) != napi_ok)
    throw Napi::TypeError::New(info.Env(), "internal: argument " + std::to_string(i) + " is not a handle");
  return value;
}

template <class Info>
double toDouble(const Info& info, size_t i) {
  double value = 0;
  if (napi_get_value_double(info.Env(), info[i], &value) != napi_ok)
    throw Napi::TypeError::New(info.Env(), "internal: argument " + std::to_string(i) + " is not a number");
  return value;
}

[[noreturn]] inline void throwOutOfMemory(Napi::Env env, size_t bytes) {
  const Napi::HandleScope scope(env);
  throw Napi::Error(env, Environment::of(env).outOfMemory.Call({Napi::Number::New(env, static_cast<double>(bytes))}));
}

// No C++ exception may cross the border.
template <Napi::Value (*F)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return F(info);
  } catch (const OutOfMemory& e) {
    throwOutOfMemory(info.Env(), e.bytes);
  } catch (const std::bad_alloc&) {
    throwOutOfMemory(info.Env(), 0);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& e) {
    throw Napi::Error::New(info.Env(), std::string("internal: ") + e.what());
  }
}

// One holder per parameter: keeps what the argument points to alive during the call.
template <class T>
struct Argument {  // integers
  static_assert(std::is_integral_v<T>);
  T value;
  Argument(const Call& info, Environment&, size_t i) : value(static_cast<T>(toInt(info, i))) {}
  T get() { return value; }
};
template <>
struct Argument<bool> {
  bool value = false;
  Argument(const Call& info, Environment&, size_t i) {
    if (napi_get_value_bool(info.Env(), info[i], &value) != napi_ok)
      throw Napi::TypeError::New(info.Env(), "internal: argument " + std::to_string(i) + " is not a boolean");
  }
  bool get() { return value; }
};
template <>
struct Argument<double> {
  double value;
  Argument(const Call& info, Environment&, size_t i) : value(toDouble(info, i)) {}
  double get() { return value; }
};
template <>
struct Argument<const Tensor&> {
  const Tensor& value;
  Argument(const Call& info, Environment& e, size_t i) : value(e.tensor(toHandle(info, i))) {}
  const Tensor& get() { return value; }
};
template <>
struct Argument<const Tensor*> {  // id 0: none
  const Tensor* value = nullptr;
  Argument(const Call& info, Environment& e, size_t i) {
    const uint32_t id = toHandle(info, i);
    if (id) value = &e.tensor(id);
  }
  const Tensor* get() { return value; }
};
template <>
struct Argument<std::span<const int64_t>> {
  std::vector<int64_t> values;
  Argument(const Call& info, Environment&, size_t i) {
    const auto array = info[i].As<Napi::Array>();
    for (uint32_t k = 0, n = array.Length(); k < n; k++) values.push_back(array.Get(k).As<Napi::Number>().Int64Value());
  }
  std::span<const int64_t> get() { return values; }
};
template <>
struct Argument<std::span<const double>> {
  std::vector<double> values;
  Argument(const Call& info, Environment&, size_t i) {
    const auto array = info[i].As<Napi::Array>();
    for (uint32_t k = 0, n = array.Length(); k < n; k++)
      values.push_back(array.Get(k).As<Napi::Number>().DoubleValue());
  }
  std::span<const double> get() { return values; }
};
template <>
struct Argument<std::span<const int32_t>> {  // an Int32Array: read in one step
  const int32_t* data = nullptr;
  size_t length = 0;
  Argument(const Call& info, Environment&, size_t i) {
    napi_typedarray_type type = napi_int8_array;
    void* memory = nullptr;
    if (napi_get_typedarray_info(info.env, info.values[i], &type, &length, &memory, nullptr, nullptr) != napi_ok ||
        type != napi_int32_array)
      throw Napi::TypeError::New(info.Env(), "internal: argument " + std::to_string(i) + " is not an Int32Array");
    data = static_cast<const int32_t*>(memory);
  }
  std::span<const int32_t> get() { return {data, length}; }
};
template <>
struct Argument<std::span<const Tensor>> {
  std::vector<Tensor> values;
  Argument(const Call& info, Environment& e, size_t i) {
    const auto array = info[i].As<Napi::Array>();
    for (uint32_t k = 0, n = array.Length(); k < n; k++)
      values.push_back(e.tensor(array.Get(k).As<Napi::Number>().Uint32Value()));
  }
  std::span<const Tensor> get() { return values; }
};

// A Node function of F(environment, call), which returns a value or null for undefined. The environment travels as the
// function's data.
template <size_t kCount, napi_value (*F)(Environment&, const Call&)>
void bind(napi_env env, napi_value exports, const char* name) {
  const auto callback = [](napi_env env, napi_callback_info info) -> napi_value {
    napi_value values[kCount ? kCount : 1];
    size_t count = kCount;
    void* data;
    napi_get_cb_info(env, info, &count, values, nullptr, &data);
    const Call call{env, values};
    try {
      try {
        return F(*static_cast<Environment*>(data), call);
      } catch (const OutOfMemory& e) {
        throwOutOfMemory(env, e.bytes);
      } catch (const std::bad_alloc&) {
        throwOutOfMemory(env, 0);
      } catch (const Napi::Error&) {
        throw;
      } catch (const std::exception& e) {
        throw Napi::Error::New(env, std::string("internal: ") + e.what());
      }
    } catch (const Napi::Error& e) {
      e.ThrowAsJavaScriptException();
    }
    return nullptr;
  };
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, &Environment::of(env), &function) != napi_ok)
    throw Napi::Error::New(env);
  napi_set_named_property(env, exports, name, function);
}

// Narrow elements (bfloat16, float16) reach only the functions that say they take them.
enum class Narrow { kRefused, kTaken };

inline void refuseNarrow(const Tensor& t) {
  if (isNarrow(t.dtype)) throw std::runtime_error(std::string("a kernel got ") + nameOf(t.dtype));
}
inline void refuseNarrow(const Tensor* t) {
  if (t) refuseNarrow(*t);
}
inline void refuseNarrow(std::span<const Tensor> tensors) {
  for (const Tensor& t : tensors) refuseNarrow(t);
}
template <class T>
void refuseNarrow(const T&) {}

template <auto F, Narrow kNarrow>
struct Binder;
template <class... A, void (*F)(Context&, A...), Narrow kNarrow>
struct Binder<F, kNarrow> {
  static constexpr size_t kArguments = sizeof...(A);
  template <size_t... I>
  static void call(const Call& info, Environment& e, std::index_sequence<I...>) {
    std::tuple<Argument<A>...> arguments{Argument<A>(info, e, I)...};
    if constexpr (kNarrow == Narrow::kRefused) (refuseNarrow(std::get<I>(arguments).get()), ...);
    F(e.context, std::get<I>(arguments).get()...);
  }
  static napi_value run(Environment& e, const Call& info) {
    call(info, e, std::index_sequence_for<A...>{});
    return nullptr;
  }
};

// `bool f(Context&, ...)`.
template <class... A, bool (*F)(Context&, A...), Narrow kNarrow>
struct Binder<F, kNarrow> {
  static constexpr size_t kArguments = sizeof...(A);
  template <size_t... I>
  static bool call(const Call& info, Environment& e, std::index_sequence<I...>) {
    std::tuple<Argument<A>...> arguments{Argument<A>(info, e, I)...};
    if constexpr (kNarrow == Narrow::kRefused) (refuseNarrow(std::get<I>(arguments).get()), ...);
    return F(e.context, std::get<I>(arguments).get()...);
  }
  static napi_value run(Environment& e, const Call& info) {
    napi_value value;
    napi_get_boolean(info.env, call(info, e, std::index_sequence_for<A...>{}), &value);
    return value;
  }
};

// For `void f(Context&, int64_t op, const Tensor& out, const Tensor& a, A...)`: (owner, dtype, op, a, ...) makes the
// output too, with the shape and the strides of `a`, which is dense, and returns its handle.
template <auto F>
struct Maker;
template <class... A, void (*F)(Context&, int64_t, const Tensor&, const Tensor&, A...)>
struct Maker<F> {
  static constexpr size_t kArguments = 4 + sizeof...(A);
  template <size_t... I>
  static void call(const Call& info, Environment& e, uint32_t out, uint32_t a, std::index_sequence<I...>) {
    std::tuple<Argument<A>...> arguments{Argument<A>(info, e, 4 + I)...};
    F(e.context, toHandle(info, 2), e.tensor(out), e.tensor(a), std::get<I>(arguments).get()...);
  }
  static napi_value run(Environment& e, const Call& info) {
    const uint32_t a = toHandle(info, 3);
    refuseNarrow(e.tensor(a));
    const uint32_t out = e.createLike(e.tensor(a), static_cast<DType>(toHandle(info, 1)), info.values[0]);
    call(info, e, out, a, std::index_sequence_for<A...>{});
    napi_value id;
    napi_create_uint32(info.env, out, &id);
    return id;
  }
};
}  // namespace nabla::addon
