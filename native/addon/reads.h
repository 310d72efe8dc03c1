// Copying elements out, in stream order, into memory that JavaScript owns.
#pragma once
#include <node_api.h>

#include <memory>

#include "../runtime/allocator.h"

namespace nabla::addon {

class Environment;

struct PendingRead {
  Environment* environment;
  napi_deferred deferred;
  napi_ref buffer;  // keeps the destination alive
  std::shared_ptr<const KernelError> error;
};

// On the JavaScript thread: resolves with null, or with { op, message } of the error that poisoned the tensor.
void settleRead(napi_env env, napi_value, void* context, void* data);

}  // namespace nabla::addon
