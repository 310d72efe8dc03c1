#include "reads.h"

#include <cstring>

#include "../ops/copy.h"
#include "arguments.h"
#include "environment.h"

namespace nabla::addon {

namespace {

struct Destination {
  char* data;
  size_t bytes;
};

Destination bufferOf(const Napi::CallbackInfo& info, size_t i) {
  const auto array = info[i].As<Napi::TypedArray>();
  return {static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset(), array.ByteLength()};
}

// Queues the copy into `data`; `done(error)` runs on the executor afterwards.
template <class Done>
void queueRead(Environment& e, const Tensor& source, Destination to, Done done) {
  const size_t bytes = static_cast<size_t>(source.numel()) * itemSize(source.dtype);
  if (bytes > to.bytes) throw std::runtime_error("the destination of a read is too small");
  Tensor from = source;
  if (!source.isContiguous()) {  // a temporary, poisoned like any output
    from.storage = e.allocateStorage(bytes);
    from.data = static_cast<char*>(from.storage->block->data);
    int64_t stride = 1;
    for (int i = from.ndim - 1; i >= 0; i--) {
      from.strides[i] = stride;
      stride *= from.shape[i];
    }
    ops::copy(e.context, from, source);
  }
  Block* block = from.storage->block;
  const char* data = from.data;
  Stream* stream = &e.stream;
  // No inputs are listed: the task must run for a poisoned tensor too, to hand over its error.
  e.stream.enqueue("read", {}, {}, [block, data, to, bytes, stream, done](Exec&) {
    if (!block->error && bytes) std::memcpy(to.data, data, bytes);
    if (block->error) stream->markDelivered(block->error);
    done(block->error);
  });
  if (from.storage != source.storage) {
    e.allocator.release(from.storage->block, e.stream.position());
    delete from.storage;
  }
}

Napi::Value errorValue(Napi::Env env, const std::shared_ptr<const KernelError>& error) {
  if (!error) return env.Null();
  Napi::Object o = Napi::Object::New(env);
  o.Set("op", error->op);
  o.Set("message", error->message);
  return o;
}

// Null while the environment is being terminated: JavaScript still runs up to its next check, but no promise can be
// made.
PendingRead* newPending(Environment& e, napi_value* promise) {
  napi_deferred deferred;
  if (napi_create_promise(e.env, &deferred, promise) != napi_ok) return nullptr;
  return new PendingRead{&e, deferred, nullptr, nullptr};
}

// read(id, typedArray) -> Promise<null | { op, message }>
Napi::Value read(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  const Tensor& tensor = e.tensor(static_cast<uint32_t>(toInt(info, 0)));
  napi_value promise;
  auto* pending = newPending(e, &promise);
  if (!pending) return info.Env().Undefined();
  napi_create_reference(info.Env(), info[1], 1, &pending->buffer);
  try {
    queueRead(e, tensor, bufferOf(info, 1), [pending](const std::shared_ptr<const KernelError>& error) {
      pending->error = error;
      pending->environment->notify(pending);
    });
  } catch (...) {  // out of memory for a temporary: nothing is pending
    napi_delete_reference(info.Env(), pending->buffer);
    delete pending;
    throw;
  }
  e.readStarted();
  return Napi::Value(info.Env(), promise);
}

// The synchronous form: the error goes to a heap cell that readResult takes.
struct SyncRead {
  std::shared_ptr<const KernelError> error;
};

// beginRead(id, typedArray) -> cell; then wait(position(), ms) until true, then readResult(cell).
Napi::Value beginRead(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  auto* cell = new SyncRead;
  queueRead(e, e.tensor(static_cast<uint32_t>(toInt(info, 0))), bufferOf(info, 1),
            [cell](const std::shared_ptr<const KernelError>& error) { cell->error = error; });
  return Napi::External<SyncRead>::New(info.Env(), cell);
}

Napi::Value readResult(const Napi::CallbackInfo& info) {
  auto* cell = info[0].As<Napi::External<SyncRead>>().Data();
  const auto error = std::move(cell->error);
  delete cell;
  return errorValue(info.Env(), error);
}

Napi::Value position(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Environment::of(info.Env()).stream.position()));
}

// wait(position, milliseconds): one slice, so that a worker can be terminated between two of them.
Napi::Value wait(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  const bool done = e.stream.wait(static_cast<uint64_t>(toDouble(info, 0)), toInt(info, 1) * 1000);
  return Napi::Boolean::New(info.Env(), done || e.stream.stopping());
}

// synchronize() -> Promise<null>, settled when everything queued so far has run.
Napi::Value synchronize(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  napi_value promise;
  auto* pending = newPending(e, &promise);
  if (!pending) return info.Env().Undefined();
  e.readStarted();
  e.stream.enqueue("synchronize", {}, {}, [pending](Exec&) { pending->environment->notify(pending); });
  return Napi::Value(info.Env(), promise);
}

Napi::Value takeError(const Napi::CallbackInfo& info) {
  return errorValue(info.Env(), Environment::of(info.Env()).stream.takeUndelivered());
}

// write(id, typedArray): elements of a contiguous tensor, copied before the call returns.
Napi::Value write(const Napi::CallbackInfo& info) {
  Environment& e = Environment::of(info.Env());
  const Tensor& tensor = e.tensor(static_cast<uint32_t>(toInt(info, 0)));
  const Destination from = bufferOf(info, 1);
  const size_t bytes = static_cast<size_t>(tensor.numel()) * itemSize(tensor.dtype);
  if (from.bytes < bytes) throw std::runtime_error("the source of a write is too small");
  if (bytes == 0) return info.Env().Undefined();
  Storage* storage = tensor.storage;
  // A fresh block that no queued task can touch is written at once; else the bytes wait in a copy.
  if (storage->fresh && storage->block->releasedAt <= e.stream.completed()) {
    std::memcpy(tensor.data, from.data, bytes);
    e.stream.enqueue("write", {&tensor}, {}, [](Exec&) {});
    return info.Env().Undefined();
  }
  char* staged = static_cast<char*>(alignedAlloc(bytes));
  if (!staged) throw OutOfMemory{bytes};
  std::memcpy(staged, from.data, bytes);
  char* data = tensor.data;
  e.stream.enqueue("write", {&tensor}, {}, [data, staged, bytes](Exec&) {
    std::memcpy(data, staged, bytes);
    alignedFree(staged);
  });
  return info.Env().Undefined();
}

}  // namespace

void settleRead(napi_env env, napi_value, void*, void* data) {
  auto* read = static_cast<PendingRead*>(data);
  if (env) {
    read->environment->readFinished();
    try {
      napi_resolve_deferred(env, read->deferred, errorValue(env, read->error));
    } catch (const Napi::Error&) {  // the environment is being terminated: nobody waits
    }
    if (read->buffer) napi_delete_reference(env, read->buffer);
  }
  delete read;
}

void registerReads(Napi::Env env, Napi::Object exports) {
  exports.Set("read", Napi::Function::New<guarded<read>>(env));
  exports.Set("beginRead", Napi::Function::New<guarded<beginRead>>(env));
  exports.Set("readResult", Napi::Function::New<guarded<readResult>>(env));
  exports.Set("position", Napi::Function::New<guarded<position>>(env));
  exports.Set("wait", Napi::Function::New<guarded<wait>>(env));
  exports.Set("synchronize", Napi::Function::New<guarded<synchronize>>(env));
  exports.Set("takeError", Napi::Function::New<guarded<takeError>>(env));
  exports.Set("write", Napi::Function::New<guarded<write>>(env));
}

}  // namespace nabla::addon
