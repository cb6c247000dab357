// What a step of a sparse access memory works on, on the CPU and on the GPU: a sample while its window runs, and scratch.
#pragma once
#include <cstring>

#include "sam.h"

// Functions of both sides that are called instead of becoming part of their callers, as those of MG_HD do. In unnamed namespaces
// alone: each file, with the instructions that it is compiled for, has its own.
#if defined(__CUDACC__)
#define MG_BOTH __host__ __device__
#else
#define MG_BOTH
#endif

namespace mg {

// One sample while its window runs; everything lies in the state after the window.
template <class T>
struct SamSample {
  T* memory;
  i32 *ring, *counts, *slots;
  T *weights, *words, *hidden, *cell;
  i32* link_slots;
  T* link_weights;
  i32* precedence_slots;
  T* precedence_weights;
  i32 *column, *next, *before;  // [2][R][C] first link into a slot, and the neighbours of each link among those into its slot
  bool sound;                   // all indices of the state are ones that a state can have
};

// One entry of a head's mix.
template <class T>
struct SamMixed {
  i32 slot;
  T backward, content, forward;
};

// Scratch of one step of one sample.
template <class T>
struct SamTemps {
  T* act;                 // [D] interface after its activations
  T* untouched;           // [W] the constant row
  T* alike;               // [R][K] cosines of the best rows, falling
  i32* best;              // [R][K] their slots
  T* content;             // [R][K] their weights
  i32* mark;              // [C] place of a slot in the list that is being made, else -1
  i32* changed;           // [R (K + 1)]
  i32 *accessed, *order;  // [R (K + 1 + max(K, E))] distinct slots, and their places in the order of the ring
  T *total, *read;        // weights of the accessed slots: all, and of reads alone
  i32* own_slots;         // [K + 1] what one head writes to
  T* own_weights;
  i32* cut_slots;         // [K_L + max(K_L, K + 1)] a row before it is cut
  T* cut_weights;
  SamMixed<T>* mixed;     // [E] of one head
  i32* mixed_mark;        // [C] place of a slot in it, else -1
};

namespace {

template <class T>
MG_HD void sam_copy(T* to, const T* from, i64 count) {
  if (count > 0) std::memcpy(to, from, std::size_t(count) * sizeof(T));
}
template <class T>
MG_HD void sam_clear(T* x, i64 count) {
  for (i64 k = 0; k < count; k++) x[k] = T(0);
}

// Distinct slots in the order of their first mention; `mark` holds the place of each in the list, -1 elsewhere.
struct SlotList {
  i32 *mark, *slots;
  i64 count;

  MG_BOTH i64 place(i32 slot) {
    i32& at = mark[slot];
    if (at < 0) at = i32(count), slots[count++] = slot;
    return at;
  }
};

// The K most alike rows of a head so far, falling; of equal ones the lower slot first.
template <class T>
struct BestRows {
  T* alike;
  i32* slots;
  i64 kept;

  MG_BOTH T least() const { return alike[kept - 1]; }
  // Slots come in rising order, so one that is no better than another comes behind it.
  MG_BOTH void offer(T cosine, i32 slot) const {
    if (!(cosine > least())) return;
    i64 k = kept - 1;
    for (; k > 0 && cosine > alike[k - 1]; k--) alike[k] = alike[k - 1], slots[k] = slots[k - 1];
    alike[k] = cosine, slots[k] = slot;
  }
};

// A short list of slots with weights, of which the largest come first; of equal ones the lower slot.
template <class T>
struct LargestFirst {
  i32* slots;
  T* weights;
  i64 count, most;

  MG_BOTH void offer(i32 slot, T weight) {
    const auto before = [&](i64 k) { return weight > weights[k] || (weight == weights[k] && slot < slots[k]); };
    if (count == most && !before(most - 1)) return;
    i64 k = count < most ? count++ : most - 1;
    for (; k > 0 && before(k - 1); k--) weights[k] = weights[k - 1], slots[k] = slots[k - 1];
    slots[k] = slot, weights[k] = weight;
  }
};

}  // namespace
}  // namespace mg
