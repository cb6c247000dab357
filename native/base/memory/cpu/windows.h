// Windows of all samples: groups of samples on all threads, and the memory that they work in.
#pragma once
#include "../../host/arena.h"
#include "../../host/pool.h"
#include "../../index.h"
#include "weight_gradients.h"

namespace mg {
namespace {

// Calls body(arena, first, count) for each group of samples; the arena hands out `bytes` of the workspace that are the group's
// own, or those of the thread that runs it.
template <class Body>
void each_group(i64 batch, i64 group, void* workspace, i64 bytes, bool has_own, Body&& body) {
  Pool::get().parallel_for(ceil_div(batch, group), [&](i64 chunk, int worker) {
    Arena arena(static_cast<char*>(workspace) + (has_own ? chunk : worker) * bytes);
    const i64 first = chunk * group, left = batch - first;
    body(arena, first, left < group ? left : group);
  });
}
// With memory of threads.
template <class Body>
void each_group(i64 batch, i64 group, void* workspace, i64 bytes, Body&& body) {
  each_group(batch, group, workspace, bytes, false, body);
}

// Words, hidden and cell of a sample, or the gradients at them.
template <class T, class Dims, class Sample>
void take_controller(Arena& a, const Dims& d, Sample& s) {
  s.words = a.take<T>(d.words());
  s.hidden = a.take<T>(d.hidden);
  s.cell = a.take<T>(d.hidden);
}

// What all threads of a backward window share: gradients at the controller's sums, and place for its inputs.
template <class T>
struct SharedGradients {
  ControllerGradients<T> grads;
  T* inputs;
  i64 bytes;

  template <class Dims>
  SharedGradients(void* base, const Dims& d) {
    Arena a(base);
    const i64 rows = d.steps * d.batch;
    grads.gates = a.take<T>(rows * 4 * d.hidden);
    grads.interface = a.take<T>(rows * interface_size(d));
    inputs = a.take<T>(rows * d.controller_rows());
    bytes = a.used_bytes();
  }
};

}  // namespace
}  // namespace mg
