// Workspace of the gradient of a window of sparse access memories on the GPU: the rows that a window touches, numbered in the
// order of the trace, with their gradients; nothing else of the memory is copied.
#pragma once
#include "space.h"

namespace mg {
namespace cuda {

template <class T>
struct SamBackwardSpace : ControllerBackwardSpace<T> {
  T* raw;  // [T][B][D] interface, made again from the hidden states
  T *act, *dact;  // [B][D]
  i32 *place, *slot;  // [B][C] place of a slot among the touched rows, or -1; [B][places] the slot there
  i32 *places, *sound;  // [B]
  T *memory, *dmemory;  // [B][places][W]
  i32 *changed, *slots, *mixed;  // [B][T][R (K + 1)], [B][T][R K], [B][T][R E]: places instead of slots
  i32* slots_before;  // [B][R K]
  T *weight, *dread;  // [B][R][entries] what an entry weighs, and the gradient there
  T *alike, *below, *slope, *pull;  // [B][R][K]
  T *norm, *shrink;  // [B][R]
  T* dwrite;  // [B][R][K + 1] gradients at the write weights

  static MG_HD i64 entries(const SamDims& d) { return d.links > 0 ? d.mixed() : d.kept; }

  SamBackwardSpace(Arena& a, const SamDims& d) : ControllerBackwardSpace<T>(a, d) {
    const i64 B = d.batch, D = interface_size(d), P = d.most_places(), heads = B * d.heads;
    raw = a.take<T>(d.steps * B * D);
    act = a.take<T>(B * D), dact = a.take<T>(B * D);
    place = a.take<i32>(B * d.capacity), slot = a.take<i32>(B * P);
    places = a.take<i32>(B), sound = a.take<i32>(B);
    memory = a.take<T>(B * P * d.word), dmemory = a.take<T>(B * P * d.word);
    changed = a.take<i32>(B * d.steps * d.written()), slots = a.take<i32>(B * d.steps * d.read());
    mixed = a.take<i32>(B * d.steps * d.heads * d.mixed());
    slots_before = a.take<i32>(B * d.read());
    weight = a.take<T>(heads * entries(d)), dread = a.take<T>(heads * entries(d));
    alike = a.take<T>(heads * d.kept), below = a.take<T>(heads * d.kept);
    slope = a.take<T>(heads * d.kept), pull = a.take<T>(heads * d.kept);
    norm = a.take<T>(heads), shrink = a.take<T>(heads);
    dwrite = a.take<T>(heads * (d.kept + 1));
  }
};

// Step t of one sample: what it read, changed and had read before, by places (-1: none), and its share of the scratch.
template <class T>
struct SamBackwardStep {
  i64 b, row;
  const i32 *changed, *slots, *slots_before, *mixed;
  const T *rows, *weights, *weights_before, *shares;
  T *memory, *dmemory, *act, *dact, *dwords, *dweights, *weight, *dread, *alike, *below, *slope, *pull, *norm, *shrink, *dwrite;

  MG_DEVICE SamBackwardStep(const SamBackward<T>& job, const SamBackwardSpace<T>& s, i64 t) {
    const SamDims& d = job.dims;
    const i64 P = d.most_places(), D = interface_size(d), E = d.mixed();
    b = port::block(), row = t * d.batch + b;
    changed = s.changed + (b * d.steps + t) * d.written(), slots = s.slots + (b * d.steps + t) * d.read();
    slots_before = t > 0 ? slots - d.read() : s.slots_before + b * d.read();
    mixed = s.mixed + (b * d.steps + t) * d.heads * E;
    rows = job.trace.rows + row * d.written() * d.word;
    weights = job.trace.weights + row * d.read();
    weights_before = t > 0 ? weights - d.batch * d.read() : job.before.weights + b * d.read();
    shares = sam_row(job.trace.mixed, row, 3 * d.heads * E);
    memory = s.memory + b * P * d.word, dmemory = s.dmemory + b * P * d.word;
    act = s.act + b * D, dact = s.dact + b * D;
    dwords = job.dbefore.words + b * d.words(), dweights = job.dbefore.weights + b * d.read();
    const i64 head = b * d.heads, many = head * SamBackwardSpace<T>::entries(d), few = head * d.kept;
    weight = s.weight + many, dread = s.dread + many;
    alike = s.alike + few, below = s.below + few, slope = s.slope + few, pull = s.pull + few;
    norm = s.norm + head, shrink = s.shrink + head, dwrite = s.dwrite + head * (d.kept + 1);
  }
  // Places of the entries of head h; the first K are its content.
  MG_DEVICE const i32* entries_of(const SamDims& d, i64 h) const {
    return d.links > 0 ? mixed + h * d.mixed() : slots + h * d.kept;
  }
  MG_DEVICE const T* content_of(const SamDims& d, i64 h) const {
    return d.links > 0 ? shares + (3 * h + 1) * d.mixed() : weights + h * d.kept;
  }
};

}  // namespace cuda
}  // namespace mg
