// Storages as JavaScript holds them.
#include "storage.h"

#include <memory>
#include <utility>

#include "env.h"

namespace mg {
namespace {

constexpr napi_type_tag kStorageTag = {0x6d756c7469677269ull, 0x2d73746f72616765ull};

// The account outlives the environment: what is left is finalized last.
struct Held : Storage {
  Held(Storage storage, std::shared_ptr<ExternalMemory> account) : Storage(std::move(storage)), account(std::move(account)) {}
  std::shared_ptr<ExternalMemory> account;
};

void finalize(napi_env env, void* data, void*) {
  const std::unique_ptr<Held> held(static_cast<Held*>(data));
  release_storage(env, *held);
}

}  // namespace

Napi::Object wrap_storage(Napi::Env env, Storage storage) {
  auto owned = std::make_unique<Held>(std::move(storage), Environment::of(env).external_memory());
  Napi::Object object = Napi::Object::New(env);
  if (napi_type_tag_object(env, object, &kStorageTag) != napi_ok) throw Napi::Error::New(env);
  if (napi_wrap(env, object, owned.get(), finalize, nullptr, nullptr) != napi_ok) throw Napi::Error::New(env);
  const Held* held = owned.release();
  held->account->add(env, held->bytes());
  return object;
}

Storage* unwrap_storage(Napi::Env env, Napi::Value value) {
  if (!value.IsObject()) return nullptr;
  bool ours = false;
  if (napi_check_object_type_tag(env, value, &kStorageTag, &ours) != napi_ok || !ours) return nullptr;
  void* data = nullptr;
  return napi_unwrap(env, value, &data) == napi_ok ? static_cast<Held*>(data) : nullptr;
}

void release_storage(Napi::Env env, Storage& storage) {
  if (!storage.buffer) return;
  static_cast<Held&>(storage).account->add(env, -storage.bytes());
  storage.buffer.reset();
}

}  // namespace mg
