// Entry point of the addon: one Environment per Node environment, then the functions.
#include "arguments.h"
#include "environment.h"

namespace nabla::addon {

namespace {

// initialise(argumentBuffer: Float64Array, noted: Uint32Array, outOfMemory): shapes and strides travel through the one,
// handles to release through the other, which is cheaper than arrays and calls. The function makes an error.
Napi::Value initialise(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  const auto array = info[0].As<Napi::Float64Array>();
  e.arguments = array.Data();
  e.argumentsOwner = Napi::Persistent(info[0].As<Napi::Object>());
  e.noted = info[1].As<Napi::Uint32Array>().Data();
  e.notedOwner = Napi::Persistent(info[1].As<Napi::Object>());
  e.outOfMemory = Napi::Persistent(info[2].As<Napi::Function>());
  return info.Env().Undefined();
}

Napi::Value threads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Environment::of(info.Env()).threads);
}

Napi::Value setThreads(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  const int n = static_cast<int>(toInt(info, 0));
  e.threads = n;
  e.stream.enqueue("setNumThreads", {}, {}, [n](Exec& exec) { exec.pool.resize(n); });
  return info.Env().Undefined();
}

Napi::Value setPriority(const Napi::CallbackInfo& info) {
  const auto priority = info[0].As<Napi::Boolean>().Value() ? Priority::kBackground : Priority::kNormal;
  Environment::of(info.Env()).stream.setPriority(priority);
  return info.Env().Undefined();
}

Napi::Value setAllowWinograd(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).context.allowWinograd = info[0].As<Napi::Boolean>().Value();
  return info.Env().Undefined();
}

Napi::Value isaNames(const Napi::CallbackInfo& info) {  // supported here, best last
  Napi::Array names = Napi::Array::New(info.Env());
  for (Isa isa : {Isa::kBaseline, Isa::kNeon, Isa::kAvx2, Isa::kAvx512})
    if (isaSupported(isa)) names.Set(names.Length(), isaName(isa));
  return names;
}

}  // namespace

Napi::Object load(Napi::Env env, Napi::Object exports) {
  Isa isa;
  char message[160];
  if (!chooseIsa(&isa, message, sizeof message)) throw Napi::Error::New(env, message);
  auto* environment = new Environment(env, isa);
  napi_set_instance_data(env, environment, nullptr, nullptr);
  exports.Set("isa", isaName(isa));
  exports.Set("initialise", Napi::Function::New<guarded<initialise>>(env));
  exports.Set("threads", Napi::Function::New<guarded<threads>>(env));
  exports.Set("setThreads", Napi::Function::New<guarded<setThreads>>(env));
  exports.Set("setPriority", Napi::Function::New<guarded<setPriority>>(env));
  exports.Set("setAllowWinograd", Napi::Function::New<guarded<setAllowWinograd>>(env));
  exports.Set("supportedIsas", Napi::Function::New<guarded<isaNames>>(env));
  registerMemory(env, exports);
  registerReads(env, exports);
  registerHandover(env, exports);
  registerTiming(env, exports);
  registerOps(env, exports);
  return exports;
}

}  // namespace nabla::addon

static Napi::Object initModule(Napi::Env env, Napi::Object exports) { return nabla::addon::load(env, exports); }
NODE_API_MODULE(nabla, initModule)
