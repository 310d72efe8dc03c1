// Tensor slots and the garbage-collection ladder. Finalizers only run from the event loop, so a synchronous loop that
// never disposes anything would grow for ever; a weak reference is cleared inside the collection and can be polled.
#include "arguments.h"
#include "environment.h"

namespace nabla::addon {

void Environment::watch(Slot& slot, napi_value owner) {
  napi_create_reference(env, owner, 0, &slot.ref);
  if (++watched_ <= watchLimit_) return;
  poll();  // small tensors: V8's own scavenges have collected most of them
  watchLimit_ = watched_ * 2 > 16384 ? watched_ * 2 : 16384;
}

int64_t Environment::poll() {
  releaseNoted();  // their owners may be gone too, and a slot must not be released twice
  int64_t freed = 0;
  polls++;
  napi_handle_scope scope;
  napi_open_handle_scope(env, &scope);
  for (uint32_t id = 1; id < slots_.size(); id++) {
    if (slots_[id].ref) {
      napi_value owner = nullptr;
      napi_get_reference_value(env, slots_[id].ref, &owner);
      if (!owner) {
        release(id);
        freed++;
      }
    }
    if ((id & 1023) == 0) {  // every value read takes a handle
      napi_close_handle_scope(env, scope);
      napi_open_handle_scope(env, &scope);
    }
  }
  napi_close_handle_scope(env, scope);
  return freed;
}

void Environment::setGarbageCollector(Napi::Function gc, Napi::Object minorOptions) {
  gc_ = Napi::Persistent(gc);
  minorOptions_ = Napi::Persistent(minorOptions);
}

void Environment::collectMinor() {
  if (gc_.IsEmpty()) return;
  minorCollections++;
  Napi::HandleScope scope(env);
  gc_.Call({minorOptions_.Value()});
}

// Crossing V8's hard limit of external memory makes it collect at once, on every Node version, without a flag.
void Environment::collectFull() {
  fullCollections++;
  constexpr int64_t kBeyond = int64_t{64} << 30;
  int64_t total;
  napi_adjust_external_memory(env, kBeyond, &total);
  napi_adjust_external_memory(env, -kBeyond, &total);
}

void Environment::makeRoom(int64_t bytes) {
  poll();
  const int64_t goal = limit - limit / 4;
  if (allocator.live() + bytes > goal) {
    collectMinor();
    poll();
  }
  if (allocator.live() + bytes > goal) {
    collectFull();
    poll();
    const int64_t twice = allocator.live() * 2;
    limit = twice > minLimit ? twice : minLimit;
  }
}

Storage* Environment::allocateStorage(size_t bytes) {
  if (noted[0]) releaseNoted();
  const auto wanted = static_cast<int64_t>(bytes);
  if (allocator.live() + wanted > limit) makeRoom(wanted);
  Block* block = allocator.allocate(bytes, stream);
  if (!block) {
    collectFull();
    poll();
    context.prepared.clear(context);
    allocator.trim(stream.completed());
    block = allocator.allocate(bytes, stream);
  }
  if (!block) throw OutOfMemory{bytes};
  auto* storage = new Storage;
  storage->block = block;
  storage->owner = &allocator;
  storage->bytes = bytes;
  return storage;
}

namespace {

void readShape(const Environment& e, Tensor& t, int ndim) {
  t.ndim = ndim;
  for (int i = 0; i < ndim; i++) t.shape[i] = static_cast<int64_t>(e.arguments[i]);
  for (int i = 0; i < ndim; i++) t.strides[i] = static_cast<int64_t>(e.arguments[kMaxDims + i]);
}

napi_value handleOf(napi_env env, uint32_t id) {
  napi_value value;
  napi_create_uint32(env, id, &value);
  return value;
}

// From the first element to the last one: strides may leave gaps.
int64_t extent(const Tensor& t) {
  int64_t last = 0;
  for (int i = 0; i < t.ndim; i++) {
    if (t.shape[i] == 0) return 0;
    last += (t.shape[i] - 1) * t.strides[i];
  }
  return last + 1;
}

// empty(owner, dtype, ndim): shape and strides in the argument buffer.
napi_value empty(Environment& e, const Call& call) {
  Tensor t;
  t.dtype = static_cast<DType>(toHandle(call, 1));
  readShape(e, t, static_cast<int>(toHandle(call, 2)));
  t.storage = e.allocateStorage(static_cast<size_t>(extent(t)) * itemSize(t.dtype));
  t.data = static_cast<char*>(t.storage->block->data);
  return handleOf(call.env, e.create(t, call.values[0]));
}

// view(owner, base, ndim, offset): another look at the same storage; the offset counts elements of the base.
napi_value view(Environment& e, const Call& call) {
  Tensor t = e.tensor(toHandle(call, 1));
  readShape(e, t, static_cast<int>(toHandle(call, 2)));
  t.data += toInt(call, 3) * static_cast<int64_t>(itemSize(t.dtype));
  t.storage->refs.fetch_add(1);
  if (e.noted[0]) e.releaseNoted();  // may free the base's own handle, not its memory
  return handleOf(call.env, e.create(t, call.values[0]));
}

// viewAs(owner, base, dtype, ndim): the bytes from the base's first element on as elements of another dtype.
napi_value viewAs(Environment& e, const Call& call) {
  Tensor t = e.tensor(toHandle(call, 1));
  t.dtype = static_cast<DType>(toHandle(call, 2));
  readShape(e, t, static_cast<int>(toHandle(call, 3)));
  t.storage->refs.fetch_add(1);
  if (e.noted[0]) e.releaseNoted();
  return handleOf(call.env, e.create(t, call.values[0]));
}

// storageBytes(id): the size of the memory a tensor looks at.
Napi::Value storageBytes(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  const Tensor& t = e.tensor(static_cast<uint32_t>(toInt(info, 0)));
  return Napi::Number::New(info.Env(), static_cast<double>(t.storage->bytes));
}

// storageUsers(id): how many handles look at the memory of a tensor.
Napi::Value storageUsers(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  e.releaseNoted();
  const Tensor& t = e.tensor(static_cast<uint32_t>(toInt(info, 0)));
  return Napi::Number::New(info.Env(), t.storage->refs.load());
}

napi_value release(Environment& e, const Call& call) {
  e.release(toHandle(call, 0));
  return nullptr;
}

napi_value releaseNoted(Environment& e, const Call&) {
  e.releaseNoted();
  return nullptr;
}

Napi::Value setGarbageCollector(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).setGarbageCollector(info[0].As<Napi::Function>(), info[1].As<Napi::Object>());
  return info.Env().Undefined();
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  e.poll();
  Napi::Object o = Napi::Object::New(info.Env());
  auto put = [&](const char* key, int64_t value) { o.Set(key, static_cast<double>(value)); };
  put("live", e.allocator.live());
  put("cached", e.allocator.cached());
  put("peak", e.allocator.peak());
  put("scratch", ThreadPool::scratchBytes());
  put("tensors", e.tensors);
  put("polls", e.polls);
  put("minorCollections", e.minorCollections);
  put("fullCollections", e.fullCollections);
  return o;
}

Napi::Value setMemoryLimits(const Napi::CallbackInfo& info) {  // (gcLimit, maxBytes); 0 leaves one as it is
  Environment& e = Environment::of(info.Env());
  const int64_t limit = toInt(info, 0), max = toInt(info, 1);
  if (limit > 0) e.limit = e.minLimit = limit;
  if (max > 0) e.allocator.setMaxBytes(max);
  return info.Env().Undefined();
}

Napi::Value resetPeak(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).allocator.resetPeak();
  return info.Env().Undefined();
}

Napi::Value trim(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  e.releaseNoted();
  e.allocator.trim(e.stream.completed());
  return info.Env().Undefined();
}

}  // namespace

void registerMemory(Napi::Env env, Napi::Object exports) {
  bind<3, empty>(env, exports, "empty");
  bind<4, view>(env, exports, "view");
  bind<4, viewAs>(env, exports, "viewAs");
  bind<1, release>(env, exports, "release");
  bind<0, releaseNoted>(env, exports, "releaseNoted");
  exports.Set("storageUsers", Napi::Function::New<guarded<storageUsers>>(env, "storageUsers"));
  exports.Set("storageBytes", Napi::Function::New<guarded<storageBytes>>(env, "storageBytes"));
  exports.Set("setGarbageCollector", Napi::Function::New<guarded<setGarbageCollector>>(env));
  exports.Set("memory", Napi::Function::New<guarded<memory>>(env));
  exports.Set("setMemoryLimits", Napi::Function::New<guarded<setMemoryLimits>>(env));
  exports.Set("resetPeak", Napi::Function::New<guarded<resetPeak>>(env));
  exports.Set("trim", Napi::Function::New<guarded<trim>>(env));
}

}  // namespace nabla::addon
