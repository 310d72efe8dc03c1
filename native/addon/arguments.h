// JavaScript values to plain structs: Binder<ops::f> makes a Node function of `void f(Context&, ...)`.
#pragma once
#include <span>
#include <vector>

#include "environment.h"

namespace nabla::addon {

inline int64_t toInt(const Napi::CallbackInfo& info, size_t i) {
  int64_t value = 0;
  if (napi_get_value_int64(info.Env(), info[i], &value) != napi_ok)
    throw Napi::TypeError::New(info.Env(), "internal: argument " + std::to_string(i) + " is not a number");
  return value;
}

inline double toDouble(const Napi::CallbackInfo& info, size_t i) {
  double value = 0;
  if (napi_get_value_double(info.Env(), info[i], &value) != napi_ok)
    throw Napi::TypeError::New(info.Env(), "internal: argument " + std::to_string(i) + " is not a number");
  return value;
}

[[noreturn]] inline void throwOutOfMemory(Napi::Env env, size_t bytes) {
  Napi::Error error = Napi::Error::New(env, "out of memory");
  error.Set("code", Napi::String::New(env, "NABLA_OUT_OF_MEMORY"));
  error.Set("bytes", Napi::Number::New(env, static_cast<double>(bytes)));
  throw error;
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
  Argument(const Napi::CallbackInfo& info, Environment&, size_t i) : value(static_cast<T>(toInt(info, i))) {}
  T get() { return value; }
};
template <>
struct Argument<bool> {
  bool value = false;
  Argument(const Napi::CallbackInfo& info, Environment&, size_t i) {
    if (napi_get_value_bool(info.Env(), info[i], &value) != napi_ok)
      throw Napi::TypeError::New(info.Env(), "internal: argument " + std::to_string(i) + " is not a boolean");
  }
  bool get() { return value; }
};
template <>
struct Argument<double> {
  double value;
  Argument(const Napi::CallbackInfo& info, Environment&, size_t i) : value(toDouble(info, i)) {}
  double get() { return value; }
};
template <>
struct Argument<const Tensor&> {
  const Tensor& value;
  Argument(const Napi::CallbackInfo& info, Environment& e, size_t i)
      : value(e.tensor(static_cast<uint32_t>(toInt(info, i)))) {}
  const Tensor& get() { return value; }
};
template <>
struct Argument<const Tensor*> {  // id 0: none
  const Tensor* value = nullptr;
  Argument(const Napi::CallbackInfo& info, Environment& e, size_t i) {
    const auto id = static_cast<uint32_t>(toInt(info, i));
    if (id) value = &e.tensor(id);
  }
  const Tensor* get() { return value; }
};
template <>
struct Argument<std::span<const int64_t>> {
  std::vector<int64_t> values;
  Argument(const Napi::CallbackInfo& info, Environment&, size_t i) {
    const auto array = info[i].As<Napi::Array>();
    for (uint32_t k = 0, n = array.Length(); k < n; k++) values.push_back(array.Get(k).As<Napi::Number>().Int64Value());
  }
  std::span<const int64_t> get() { return values; }
};
template <>
struct Argument<std::span<const Tensor>> {
  std::vector<Tensor> values;
  Argument(const Napi::CallbackInfo& info, Environment& e, size_t i) {
    const auto array = info[i].As<Napi::Array>();
    for (uint32_t k = 0, n = array.Length(); k < n; k++)
      values.push_back(e.tensor(array.Get(k).As<Napi::Number>().Uint32Value()));
  }
  std::span<const Tensor> get() { return values; }
};

template <auto F>
struct Binder;
template <class... A, void (*F)(Context&, A...)>
struct Binder<F> {
  template <size_t... I>
  static void call(const Napi::CallbackInfo& info, Environment& e, std::index_sequence<I...>) {
    std::tuple<Argument<A>...> arguments{Argument<A>(info, e, I)...};
    F(e.context, std::get<I>(arguments).get()...);
  }
  static Napi::Value run(const Napi::CallbackInfo& info) {
    call(info, Environment::of(info.Env()), std::index_sequence_for<A...>{});
    return Napi::Value();
  }
};
}  // namespace nabla::addon
