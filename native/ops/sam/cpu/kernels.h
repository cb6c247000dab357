// What is compiled once per instruction set: windows of a group of samples.
#pragma once
#include "../../../base/host/dispatch.h"
#include "../../../base/memory/cpu/gradients.h"
#include "../parts.h"
#include "search/index.h"

namespace mg {

// What a window tells the one that continues it of a sample, beside the arrays that both have.
struct SamKept {
  i64 rows, used, joined;  // of its index
  bool sound;
};

template <class T>
struct SamForwardScratch {
  SamSample<T>* samples;  // [group]
  SamTemps<T> temps;
  T *gates, *interface;  // [group][4H], [group][D]
  RowIndex<T>* indexes;  // [group]
  IndexScratch<T> index;
  SamKept* kept;   // [group]
  bool continues;  // all of this is as the window before left it
};

// Gradients that travel back from step to step.
template <class T>
struct SamCarry {
  T *weights, *words, *hidden, *cell;
};

// The rows of one sample that its window touches, numbered in the order in which the trace names them.
template <class T>
struct SamReplay {
  i32* place;             // [C] place of a slot among the touched rows, or -1
  i32* slot;              // the slot at each place
  T *memory, *dmemory;    // [places][W]
  i32 *changed, *slots;   // [T][R (K + 1)], [T][R K]: places instead of slots
  i32* slots_before;      // [R K] the same for what was read before the window
  i32* mixed;             // [T][R E]
  i64 places;
  bool sound;
  SamCarry<T> carry;
};

template <class T>
struct SamBackwardScratch {
  SamReplay<T>* samples;  // [group]
  T* interface;                // [group][D] raw, made again from the hidden states
  T *act, *dact;               // [D]
  T *alike, *below;            // [K] of one head: cosines, what they were divided by
  T* dread;                    // [max(K, E)] gradient at its weights
};

template <class T>
struct SamTable {
  void (*forward)(const SamForward<T>&, i64 first, i64 count, const SamForwardScratch<T>&);
  void (*backward)(const SamBackward<T>&, i64 first, i64 count, const SamBackwardScratch<T>&, const ControllerGradients<T>&);
  void (*outer)(const OuterBlock<T>&);
};

MG_TABLES(SamTable)

}  // namespace mg
