# SPDX-License-Identifier: MIT
# Enables CUDA where there is all that our kernels need: nvcc (CUDACXX, the PATH, /usr/local/cuda, or the wheel that
# scripts/setup.sh brings), the CUDA runtime, and a LibTorch with CUDA. Sets UNBLUR_CUDA and UNBLUR_CUDART, or says what
# is missing. Included where targets are made: the language belongs to that folder.
set(UNBLUR_CUDA OFF)
file(GLOB _nvcc_wheel "${UNBLUR_DEPS_DIR}/venv/lib/python3*/site-packages/nvidia/cu13")
find_program(UNBLUR_NVCC NAMES "$ENV{CUDACXX}" nvcc PATHS /usr/local/cuda/bin "${_nvcc_wheel}/bin")
mark_as_advanced(UNBLUR_NVCC)
set(_nvcc_missing)
if(NOT UNBLUR_NVCC)
  set(_nvcc_missing "nvcc")
else()
  file(REAL_PATH "${UNBLUR_NVCC}" _nvcc)
  get_filename_component(_nvcc_root "${_nvcc}" DIRECTORY)
  get_filename_component(_nvcc_root "${_nvcc_root}" DIRECTORY)
  # The wheel has the library only under the name that programs are linked with.
  find_library(UNBLUR_CUDART NAMES libcudart.so.13 cudart
               PATHS "${_nvcc_root}/lib" "${_nvcc_root}/lib64" "${_nvcc_wheel}/lib" /usr/local/cuda/lib64 NO_DEFAULT_PATH)
  mark_as_advanced(UNBLUR_CUDART)
  if(NOT UNBLUR_CUDART)
    set(_nvcc_missing "the CUDA runtime (libcudart.so.13) beside ${UNBLUR_NVCC}")
  elseif(NOT TARGET Torch::Cuda)
    set(_nvcc_missing "CUDA in the LibTorch of ${Torch_ROOT}")
  endif()
endif()
if(_nvcc_missing)
  message(STATUS "CUDA: left out is the library of CUDA kernels (libunblur_cuda.so): there is no ${_nvcc_missing}. "
                 "On CUDA devices LibTorch's own operators take their place.")
  return()
endif()

set(CMAKE_CUDA_COMPILER "${UNBLUR_NVCC}")
set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual)
set(CMAKE_CUDA_RUNTIME_LIBRARY None)  # named by its path, above
set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
enable_language(CUDA)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)  # CMake 3.25 does not know that nvcc 13 can
endif()
set(UNBLUR_CUDA ON)
message(STATUS "CUDA: ${UNBLUR_NVCC} ${CMAKE_CUDA_COMPILER_VERSION} compiles the kernels for sm_80, sm_90 and PTX")
