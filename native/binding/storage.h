// Storage as a JavaScript object: wrapped, type-tagged, and counted towards the collector's idea of memory in use.
#pragma once
#include <napi.h>

#include "../device/storage.h"

namespace mg {

Napi::Object wrap_storage(Napi::Env env, Storage storage);
// The storage inside `value`, or null when it is not one of ours.
Storage* unwrap_storage(Napi::Env env, Napi::Value value);
// Gives the bytes of a storage that `unwrap_storage` found back now instead of at collection. Harmless when done twice.
void release_storage(Napi::Env env, Storage& storage);

// From one place to another; a copy to the CPU has arrived when this returns. For the thread that runs the jobs.
void copy_values(const Storage& from, const Storage& to);

void export_storages(Napi::Env env, Napi::Object exports);

}  // namespace mg
