# The GCC of this machine with the C library of a Debian 11 root, GLIBC 2.31, for debian11.sh. From the environment: MG_ROOT is the
# root, MG_PROCESSOR x86_64 or aarch64. (The cross compiler looks into its own headers first, so arm64 sees newer ones; a function
# that the older library lacks is found by floor.sh.)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR $ENV{MG_PROCESSOR})
set(CMAKE_CXX_COMPILER ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu-g++)
set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})
set(CMAKE_SYSROOT $ENV{MG_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_CXX_FLAGS_INIT -DMG_OLD_LIBC)
set(CMAKE_CUDA_FLAGS_INIT -Xcompiler=--sysroot=${CMAKE_SYSROOT})

# GCC would look for libraries where it is installed before it looks into the root. Symbols are left out (-s): nvcc gives some the
# number of its process.
set(folder ${CMAKE_SYSROOT}/usr/lib/x86_64-linux-gnu)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL aarch64)
  set(folder ${CMAKE_SYSROOT}/usr/aarch64-linux-gnu/lib)
endif()
set(CMAKE_EXE_LINKER_FLAGS_INIT "--sysroot=${CMAKE_SYSROOT} -L${folder}")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "${CMAKE_EXE_LINKER_FLAGS_INIT} -s")
