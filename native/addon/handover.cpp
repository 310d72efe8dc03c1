// Tensors that go to the environment of another thread without a copy. The receiver opens a mailbox, whose number the
// sender is told; a tensor leaves its sender whole and lies in the mailbox, under a token, until it is taken or the
// mailbox is closed. So nothing is lost when the sender ends meanwhile, and nothing stays when nobody asks.
#include <mutex>

#include "arguments.h"
#include "environment.h"

namespace nabla::addon {

namespace {

struct Mailbox {
  double number;
  const Environment* owner;
  Mailbox* next;
};

struct Letter {
  double token, mailbox;
  Tensor tensor;
  Letter* next;
};

// The process's, and never destroyed: threads end in any order.
struct PostOffice {
  std::mutex mutex;
  Mailbox* mailboxes = nullptr;
  Letter* letters = nullptr;
  double lastNumber = 0;
};

PostOffice& office() {
  static PostOffice& one = *new PostOffice;
  return one;
}

template <class T>
T* unlink(T** place) {
  T* one = *place;
  *place = one->next;
  return one;
}

// Of a mailbox that is closed: its sender has no task left that touches the memory, and no receiver has one yet.
void throwAwayLetters(PostOffice& post, double mailbox) {
  for (Letter** place = &post.letters; *place;) {
    if ((*place)->mailbox != mailbox) {
      place = &(*place)->next;
      continue;
    }
    Letter* letter = unlink(place);
    letter->tensor.storage->owner->releaseRemote(letter->tensor.storage->block);
    delete letter->tensor.storage;
    delete letter;
  }
}

// All of an owner, or one.
void closeMailboxes(const Environment* owner, double number) {
  PostOffice& post = office();
  std::lock_guard lock(post.mutex);
  for (Mailbox** place = &post.mailboxes; *place;) {
    if ((*place)->owner != owner || (number && (*place)->number != number)) {
      place = &(*place)->next;
      continue;
    }
    Mailbox* box = unlink(place);
    throwAwayLetters(post, box->number);
    delete box;
  }
}

napi_value numberOf(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}

napi_value openMailbox(Environment& e, const Call& call) {
  PostOffice& post = office();
  std::lock_guard lock(post.mutex);
  post.mailboxes = new Mailbox{++post.lastNumber, &e, post.mailboxes};
  return numberOf(call.env, post.lastNumber);
}

napi_value closeMailbox(Environment& e, const Call& call) {
  closeMailboxes(&e, toDouble(call, 0));
  return nullptr;
}

// handOver(id, mailbox) -> token, or 0 when the memory has other users, is much larger than the tensor, failed to be
// computed or is still in use, or when the mailbox is closed: nothing has changed then.
napi_value handOver(Environment& e, const Call& call) {
  e.releaseNoted();
  const uint32_t id = toHandle(call, 0);
  const double mailbox = toDouble(call, 1);
  const Tensor& tensor = e.tensor(id);
  const Storage* storage = tensor.storage;
  const size_t bytes = static_cast<size_t>(tensor.numel()) * itemSize(tensor.dtype);
  const bool whole = tensor.data == storage->block->data && storage->block->capacity <= 2 * bytes;
  const bool alone = storage->owner == &e.allocator && storage->refs.load() == 1 && !storage->prepared;
  if (!whole || !alone || !e.stream.wait(e.stream.position(), 1000) || Stream::errorOf(tensor))
    return numberOf(call.env, 0);
  PostOffice& post = office();
  std::lock_guard lock(post.mutex);
  const Mailbox* box = post.mailboxes;
  while (box && box->number != mailbox) box = box->next;
  if (!box) return numberOf(call.env, 0);
  post.letters = new Letter{++post.lastNumber, mailbox, tensor, post.letters};
  e.allocator.discount(storage->block);
  e.vacate(id);
  return numberOf(call.env, post.lastNumber);
}

// takeOver(owner, token) -> id, or 0 when there is no such letter any more.
napi_value takeOver(Environment& e, const Call& call) {
  const double token = toDouble(call, 1);
  Letter* letter = nullptr;
  {
    PostOffice& post = office();
    std::lock_guard lock(post.mutex);
    Letter** place = &post.letters;
    while (*place && (*place)->token != token) place = &(*place)->next;
    if (*place) letter = unlink(place);
  }
  if (!letter) return numberOf(call.env, 0);
  const Tensor tensor = letter->tensor;
  delete letter;
  return numberOf(call.env, e.takeOver(tensor, call.values[0]));
}

}  // namespace

void closeMailboxes(const Environment& owner) { closeMailboxes(&owner, 0); }

void registerHandover(Napi::Env env, Napi::Object exports) {
  bind<0, openMailbox>(env, exports, "openMailbox");
  bind<1, closeMailbox>(env, exports, "closeMailbox");
  bind<2, handOver>(env, exports, "handOver");
  bind<2, takeOver>(env, exports, "takeOver");
}

}  // namespace nabla::addon
