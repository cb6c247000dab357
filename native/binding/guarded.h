// The one place where a C++ exception becomes a JavaScript error.
#pragma once
#include <napi.h>

#include <new>
#include <string>
#include <system_error>

#include "../base/check.h"
#include "env.h"

namespace mg {

template <class F>
Napi::Value guarded(Napi::Env env, F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    napi_throw(env, Environment::of(env).make_error(env, error.code(), error.what()));
  } catch (const std::bad_alloc&) {
    const char* const message = "native: expected memory for a small object, got none";
    napi_throw(env, Environment::of(env).make_error(env, "ERR_MG_MEMORY", message));
  } catch (const std::system_error& error) {
    const std::string message = std::string("native: expected another thread, got none: ") + error.what();
    napi_throw(env, Environment::of(env).make_error(env, "ERR_MG_MEMORY", message));
  }
  return env.Undefined();
}

}  // namespace mg
