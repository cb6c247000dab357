#include "storage.h"

#include <memory>
#include <utility>

namespace mg {
namespace {

constexpr napi_type_tag kStorageTag = {0x6d756c7469677269ull, 0x2d73746f72616765ull};

void finalize(napi_env env, void* data, void*) {
  const std::unique_ptr<Storage> storage(static_cast<Storage*>(data));
  release_storage(env, *storage);
}

}  // namespace

Napi::Object wrap_storage(Napi::Env env, Storage storage) {
  auto owned = std::make_unique<Storage>(std::move(storage));
  Napi::Object object = Napi::Object::New(env);
  if (napi_type_tag_object(env, object, &kStorageTag) != napi_ok) throw Napi::Error::New(env);
  if (napi_wrap(env, object, owned.get(), finalize, nullptr, nullptr) != napi_ok) throw Napi::Error::New(env);
  const Storage* held = owned.release();
  Napi::MemoryManagement::AdjustExternalMemory(env, held->bytes());
  return object;
}

Storage* unwrap_storage(Napi::Env env, Napi::Value value) {
  if (!value.IsObject()) return nullptr;
  bool ours = false;
  if (napi_check_object_type_tag(env, value, &kStorageTag, &ours) != napi_ok || !ours) return nullptr;
  void* data = nullptr;
  return napi_unwrap(env, value, &data) == napi_ok ? static_cast<Storage*>(data) : nullptr;
}

void release_storage(Napi::Env env, Storage& storage) {
  if (!storage.buffer) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, -storage.bytes());
  storage.buffer.reset();
}

}  // namespace mg
