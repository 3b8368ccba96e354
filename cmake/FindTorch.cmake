# SPDX-License-Identifier: MIT
# LibTorch from the Python wheel, as imported targets. The wheel's own package is not used: it demands a CUDA
# toolkit even for CPU work (docs/decisions.md).
#
#   Torch::Torch   headers, libtorch_cpu, libc10
#   Torch::Cuda    adds libtorch_cuda, libc10_cuda; only where the wheel has CUDA. Loading it makes CUDA appear.
#
# Searched in this order: TORCH_ROOT (a folder with include/ and lib/; variable or environment), the virtual
# environment ${UNBLUR_DEPS_DIR}/venv, the `torch` beside python3. Sets Torch_FOUND, Torch_VERSION, Torch_ROOT.

set(_torch_roots ${TORCH_ROOT} $ENV{TORCH_ROOT})
file(GLOB _torch_venv "${UNBLUR_DEPS_DIR}/venv/lib/python3*/site-packages/torch")
list(APPEND _torch_roots ${_torch_venv})
find_program(_torch_python python3)
if(_torch_python)
  # find_spec does not import the module, which fails where a CUDA library of the wheel is missing.
  execute_process(
    COMMAND "${_torch_python}" -c
            "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE _torch_beside_python OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(APPEND _torch_roots ${_torch_beside_python})
endif()

find_path(Torch_ROOT include/torch/csrc/api/include/torch/torch.h PATHS ${_torch_roots} NO_DEFAULT_PATH)
mark_as_advanced(_torch_python Torch_ROOT)
if(Torch_ROOT)
  find_library(Torch_CPU_LIBRARY torch_cpu PATHS "${Torch_ROOT}/lib" NO_DEFAULT_PATH)
  find_library(Torch_C10_LIBRARY c10 PATHS "${Torch_ROOT}/lib" NO_DEFAULT_PATH)
  find_library(Torch_CUDA_LIBRARY torch_cuda PATHS "${Torch_ROOT}/lib" NO_DEFAULT_PATH)
  find_library(Torch_C10_CUDA_LIBRARY c10_cuda PATHS "${Torch_ROOT}/lib" NO_DEFAULT_PATH)
  mark_as_advanced(Torch_CPU_LIBRARY Torch_C10_LIBRARY Torch_CUDA_LIBRARY Torch_C10_CUDA_LIBRARY)
  file(STRINGS "${Torch_ROOT}/include/torch/headeronly/version.h" _torch_version
       REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9]+([0-9]+)[^0-9]+([0-9]+)[^0-9]+([0-9]+).*" "\\1.\\2.\\3" Torch_VERSION "${_torch_version}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Torch REQUIRED_VARS Torch_ROOT Torch_CPU_LIBRARY Torch_C10_LIBRARY VERSION_VAR Torch_VERSION
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, set TORCH_ROOT, or configure with -DUNBLUR_WITH_TORCH=OFF")

if(Torch_FOUND AND NOT TARGET Torch::Torch)
  foreach(_part IN ITEMS CPU C10 CUDA C10_CUDA)
    if(Torch_${_part}_LIBRARY)
      add_library(Torch::lib_${_part} SHARED IMPORTED)
      set_target_properties(Torch::lib_${_part} PROPERTIES IMPORTED_LOCATION "${Torch_${_part}_LIBRARY}")
    endif()
  endforeach()
  add_library(Torch::Torch INTERFACE IMPORTED)
  # After the system's folders: the wheel also carries a newer fmt, which must not win over the one we link.
  target_compile_options(Torch::Torch INTERFACE "SHELL:-idirafter ${Torch_ROOT}/include"
                                                "SHELL:-idirafter ${Torch_ROOT}/include/torch/csrc/api/include")
  # The wheel's libraries find their own dependencies (CUDA runtime, CUPTI) by $ORIGIN; the linker need not.
  target_link_options(Torch::Torch INTERFACE "LINKER:--allow-shlib-undefined")
  target_link_libraries(Torch::Torch INTERFACE Torch::lib_CPU Torch::lib_C10)
  if(TARGET Torch::lib_CUDA AND TARGET Torch::lib_C10_CUDA)
    add_library(Torch::Cuda INTERFACE IMPORTED)
    target_link_libraries(Torch::Cuda INTERFACE Torch::Torch Torch::lib_CUDA Torch::lib_C10_CUDA)
  endif()
endif()
