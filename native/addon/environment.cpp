#include "environment.h"

#include <cstdlib>
#if defined(__GLIBC__)
#include <malloc.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "reads.h"

namespace nabla::addon {

namespace {

int threadsWanted() {
  const char* text = std::getenv("NABLA_NUM_THREADS");
  const int n = text ? std::atoi(text) : 0;
  const int threads = n > 0 ? n : availableCpus();
  return threads > 256 ? 256 : threads;
}

int64_t bytesFrom(const char* name, int64_t fallback) {
  const char* text = std::getenv(name);
  const long long n = text ? std::atoll(text) : 0;
  return n > 0 ? n : fallback;
}

// At the end of a worker: what malloc has kept of freed memory, in the arenas of its threads, goes back to the system.
void trimHeap() {
#if defined(__GLIBC__)
  if (getpid() != static_cast<pid_t>(syscall(SYS_gettid))) malloc_trim(0);  // else the process ends
#endif
}

}  // namespace

Environment::Environment(Napi::Env env, Isa isa)
    : env(env),
      isa(isa),
      stream(threadsWanted()),
      context{stream, allocator, kernelTable(isa)},
      threads(stream.pool().threads()),
      slots_(1) {
  limit = minLimit = bytesFrom("NABLA_GC_LIMIT", int64_t{256} << 20);
  allocator.setMaxBytes(bytesFrom("NABLA_MAX_BYTES", INT64_MAX));
  napi_value name;
  napi_create_string_utf8(env, "nabla", NAPI_AUTO_LENGTH, &name);
  napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, settleRead, &settle_);
  napi_unref_threadsafe_function(env, settle_);
  // Hooks run in reverse order: added after the thread-safe function, this one runs before it is torn down.
  napi_add_env_cleanup_hook(
      env, [](void* self) { static_cast<Environment*>(self)->stop(); }, this);
}

Environment& Environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

void Environment::readStarted() {
  if (pendingReads_++ == 0) napi_ref_threadsafe_function(env, settle_);
}

void Environment::readFinished() {
  if (--pendingReads_ == 0) napi_unref_threadsafe_function(env, settle_);
}

void Environment::notify(PendingRead* read) { napi_call_threadsafe_function(settle_, read, napi_tsfn_nonblocking); }

// The Environment itself is leaked: storages handed to other workers point at its allocator. Its memory goes back, for
// a process may start and end many workers. References to JavaScript objects end with the environment.
void Environment::stop() {
  stream.stop();
  closeMailboxes(*this);
  context.prepared.clear(context);
  for (Slot& slot : slots_) {
    Storage* storage = slot.tensor.storage;
    if (!storage || storage->refs.fetch_sub(1) != 1) continue;
    if (storage->owner == &allocator)
      allocator.release(storage->block, 0);
    else
      storage->owner->releaseRemote(storage->block);
    delete storage;
  }
  std::vector<Slot>().swap(slots_);
  allocator.close();
  allocator.trim(UINT64_MAX);
  trimHeap();
}

const Tensor& Environment::tensor(uint32_t id) const {
  if (id == 0 || id >= slots_.size() || !slots_[id].tensor.storage)
    throw Napi::Error::New(env, "internal: tensor handle " + std::to_string(id) + " is not alive");
  return slots_[id].tensor;
}

uint32_t Environment::create(const Tensor& tensor, napi_value owner) {
  uint32_t id = freeSlot_;
  if (id) {
    freeSlot_ = slots_[id].next;
  } else {
    id = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  slots_[id].tensor = tensor;
  tensors++;
  watch(slots_[id], owner);
  return id;
}

uint32_t Environment::createLike(const Tensor& like, DType dtype, napi_value owner) {
  Tensor t = like;
  t.dtype = dtype;
  t.storage = allocateStorage(static_cast<size_t>(t.numel()) * itemSize(dtype));
  t.data = static_cast<char*>(t.storage->block->data);
  return create(t, owner);
}

void Environment::releaseNoted() {
  const uint32_t count = noted[0];
  noted[0] = 0;
  for (uint32_t i = 1; i <= count; i++) release(noted[i]);
}

Tensor Environment::vacate(uint32_t id) {
  Slot& slot = slots_[id];
  const Tensor tensor = slot.tensor;
  if (!tensor.storage) return tensor;
  slot.tensor.storage = nullptr;
  if (slot.ref) {
    napi_delete_reference(env, slot.ref);
    slot.ref = nullptr;
    watched_--;
  }
  tensors--;
  slot.next = freeSlot_;
  freeSlot_ = id;
  return tensor;
}

void Environment::release(uint32_t id) {
  Storage* storage = vacate(id).storage;
  if (!storage || storage->refs.fetch_sub(1) != 1) return;
  if (storage->prepared) context.prepared.release(context, *storage);
  if (storage->owner == &allocator) {
    allocator.release(storage->block, stream.position());
  } else {  // queued tasks may still use it
    Allocator* owner = storage->owner;
    Block* block = storage->block;
    allocator.discount(block);
    stream.enqueue("release", {}, {}, [owner, block](Exec&) { owner->releaseRemote(block); });
  }
  delete storage;
}

uint32_t Environment::takeOver(const Tensor& tensor, napi_value owner) {
  const auto bytes = static_cast<int64_t>(tensor.storage->block->capacity);
  if (allocator.live() + bytes > limit) makeRoom(bytes);
  allocator.count(tensor.storage->block);
  return create(tensor, owner);
}

}  // namespace nabla::addon
