// What is compiled once per instruction set: windows of a group of samples.
#pragma once
#include "../../../base/host/dispatch.h"
#include "../../../base/memory/cpu/gradients.h"
#include "../dam.h"

namespace mg {

// One sample while its window runs; vectors over slots have pitch() elements, memory is [W][pitch].
template <class T>
struct DamSample {
  T *memory, *usage, *read, *words, *hidden, *cell;
};

// Scratch of one step of one sample.
template <class T>
struct DamTemps {
  T* act;            // [D]
  T *norm, *score;   // [pitch], [R][pitch]
  T *read, *write;   // [R][pitch] of this step
  i32* popped;       // [R]
  T* least;          // [R] their usages
};

template <class T>
struct DamForwardScratch {
  DamSample<T>* samples;  // [group]
  DamTemps<T> temps;
  T *gates, *interface;  // [group][4H], [group][D]
};

// Gradients that travel back from step to step.
template <class T>
struct DamCarry {
  T *memory, *read, *words, *hidden, *cell;
};

template <class T>
struct DamReplay {
  T* memory;  // [T + 1][W][pitch]
  T* read;    // [R][pitch] before the window
  DamCarry<T> carry;
};

template <class T>
struct DamBackwardScratch {
  DamReplay<T>* samples;  // [group]
  DamTemps<T> temps;
  T *dact, *dwrite, *slope;  // [D], [pitch], [2][pitch]
};

template <class T>
struct DamTable {
  void (*forward)(const DamForward<T>&, i64 first, i64 count, const DamForwardScratch<T>&);
  void (*backward)(const DamBackward<T>&, i64 first, i64 count, const DamBackwardScratch<T>&, const ControllerGradients<T>&);
  void (*outer)(const OuterBlock<T>&);
};

MG_TABLES(DamTable)

}  // namespace mg
