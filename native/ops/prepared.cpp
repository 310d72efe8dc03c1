#include "prepared.h"

#include "context.h"

namespace nabla {

PreparedCache::Place PreparedCache::find(Context& ctx, const Tensor& source, const PreparedKey& key, size_t bytes) {
  Storage& storage = *source.storage;
  if (storage.owner != &ctx.allocator) return {};
  Prepared* entry = nullptr;
  for (Prepared *one = storage.prepared, *next = nullptr; one; one = next) {
    next = one->sibling;
    if (one->writes != storage.writes)
      drop(ctx, one);
    else if (one->data == source.data && one->key == key)
      entry = one;
  }
  if (!entry) {
    add(source, key);
    return {};
  }
  Place place;
  if (!entry->memory.block) {
    entry->memory.block = ctx.allocator.allocate(bytes, ctx.stream);
    if (!entry->memory.block) return {};
    entry->memory.owner = &ctx.allocator;
    entry->memory.bytes = bytes;
    place.fill = true;
  }
  place.tensor.storage = &entry->memory;
  place.tensor.data = static_cast<char*>(entry->memory.block->data);
  return place;
}

Prepared* PreparedCache::add(const Tensor& source, const PreparedKey& key) {
  auto* entry = new Prepared;
  entry->source = source.storage;
  entry->data = source.data;
  entry->key = key;
  entry->writes = source.storage->writes;
  entry->sibling = source.storage->prepared;
  source.storage->prepared = entry;
  entry->after = first_;
  if (first_) first_->before = entry;
  first_ = entry;
  return entry;
}

void PreparedCache::drop(Context& ctx, Prepared* entry) {
  if (entry->memory.block) ctx.allocator.release(entry->memory.block, ctx.stream.position());
  Prepared** link = &entry->source->prepared;
  while (*link != entry) link = &(*link)->sibling;
  *link = entry->sibling;
  (entry->before ? entry->before->after : first_) = entry->after;
  if (entry->after) entry->after->before = entry->before;
  delete entry;
}

void PreparedCache::release(Context& ctx, Storage& source) {
  while (source.prepared) drop(ctx, source.prepared);
}

void PreparedCache::clear(Context& ctx) {
  while (first_) drop(ctx, first_);
}

}  // namespace nabla
