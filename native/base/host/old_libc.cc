// For a binary whose C++ library was built beside a newer C library than the one it will meet (native/release).

#ifdef MG_OLD_LIBC
extern "C" {
/// GLIBC 2.32 has it, and libstdc++ reads it; 0: there may be several threads, so counters of references are always atomic.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}
#endif
