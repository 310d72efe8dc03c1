// When tasks ran, for the profiler.
#include <unordered_map>

#include "arguments.h"
#include "environment.h"

namespace nabla::addon {

namespace {

// startTiming(limit)
Napi::Value startTiming(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).stream.startTiming(static_cast<size_t>(toDouble(info, 0)));
  return info.Env().Undefined();
}

// stopTiming() -> { names, tasks: Float64Array of [name, position, start, end] each, dropped }; call it on a drained
// stream, or it blocks.
Napi::Value stopTiming(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const TaskTimes times = Environment::of(env).stream.stopTiming();
  Napi::Array names = Napi::Array::New(env);
  auto tasks = Napi::Float64Array::New(env, 4 * times.tasks.size());
  std::unordered_map<const char*, double> numbers;
  double* to = tasks.Data();
  for (const TaskTime& task : times.tasks) {
    const auto [found, isNew] = numbers.try_emplace(task.op, static_cast<double>(names.Length()));
    if (isNew) names.Set(names.Length(), task.op);
    *to++ = found->second;
    *to++ = static_cast<double>(task.position);
    *to++ = task.start;
    *to++ = task.end;
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("names", names);
  result.Set("tasks", tasks);
  result.Set("dropped", static_cast<double>(times.dropped));
  return result;
}

// The clock of the tasks, in microseconds.
Napi::Value clockMicros(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), nowMicros()); }

}  // namespace

void registerTiming(Napi::Env env, Napi::Object exports) {
  exports.Set("startTiming", Napi::Function::New<guarded<startTiming>>(env));
  exports.Set("stopTiming", Napi::Function::New<guarded<stopTiming>>(env));
  exports.Set("clockMicros", Napi::Function::New<guarded<clockMicros>>(env));
}

}  // namespace nabla::addon
