// State of one Node environment (main thread or worker): stream, allocator, tensor slots, promises. No process globals.
#pragma once
#include <napi.h>

#include <vector>

#include "../ops/context.h"

namespace nabla::addon {

struct PendingRead;
class Environment;

// Throws away what was handed to an environment that goes away.
void closeMailboxes(const Environment& owner);

class Environment {
 public:
  Environment(Napi::Env env, Isa isa);
  static Environment& of(napi_env env);

  // Tensors. `owner` is the JavaScript object that stands for the slot; it is watched weakly and polled, see
  // memory.cpp.
  uint32_t create(const Tensor& tensor, napi_value owner);
  // New memory with the shape and the strides of a dense tensor.
  uint32_t createLike(const Tensor& like, DType dtype, napi_value owner);
  const Tensor& tensor(uint32_t id) const;
  Storage* allocateStorage(size_t bytes);  // runs the garbage-collection ladder; throws OutOfMemory
  void release(uint32_t id);
  // Between environments, see handover.cpp: gives up a slot but not its memory; takes over memory of another one.
  Tensor vacate(uint32_t id);
  uint32_t takeOver(const Tensor& tensor, napi_value owner);
  // JavaScript notes what it gives up; taken in before anything is made or looked for, so that it costs no call.
  void releaseNoted();
  int64_t poll();  // frees slots whose owner was collected
  void setGarbageCollector(Napi::Function gc, Napi::Object minorOptions);

  // Promises settle through one thread-safe function, which keeps the loop alive only while reads are pending.
  void readStarted();
  void readFinished();
  void notify(PendingRead* read);

  void stop();

  Napi::Env env;
  Isa isa;
  Stream stream;
  Allocator allocator;
  Context context;
  const double* arguments = nullptr;  // shapes and strides of the current call, written by JavaScript
  uint32_t* noted = nullptr;          // handles to release, after their count
  Napi::ObjectReference argumentsOwner, notedOwner;
  Napi::FunctionReference outOfMemory;  // makes the error for so many bytes
  int threads;
  int64_t limit, minLimit;  // bytes that start the ladder
  int64_t tensors = 0, polls = 0, minorCollections = 0, fullCollections = 0;

 private:
  struct Slot {
    Tensor tensor;
    napi_ref ref = nullptr;
    uint32_t next = 0;
  };
  void collectMinor();
  void collectFull();
  void makeRoom(int64_t bytes);
  void watch(Slot& slot, napi_value owner);

  std::vector<Slot> slots_;
  uint32_t freeSlot_ = 0;
  int64_t watched_ = 0, watchLimit_ = 16384;
  Napi::FunctionReference gc_;
  Napi::ObjectReference minorOptions_;
  napi_threadsafe_function settle_ = nullptr;
  int pendingReads_ = 0;
};

// Registration, one function per file.
void registerMemory(Napi::Env env, Napi::Object exports);
void registerHandover(Napi::Env env, Napi::Object exports);
void registerReads(Napi::Env env, Napi::Object exports);
void registerTiming(Napi::Env env, Napi::Object exports);
void registerOps(Napi::Env env, Napi::Object exports);

}  // namespace nabla::addon
